"""Does a message really go out? Live sessions send only with --send-to."""

from __future__ import annotations

import pytest

from diagnostics.plugin import Judged


@pytest.mark.connection
@pytest.mark.check("send.available")
def test_send_available(judged: Judged) -> None:
    judged.accept()


@pytest.mark.sending
@pytest.mark.check("send.text")
def test_text_is_sent(judged: Judged) -> None:
    judged.accept()


@pytest.mark.sending
@pytest.mark.check("send.image")
def test_image_is_sent(judged: Judged) -> None:
    judged.accept()
