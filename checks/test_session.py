"""Is there a session, is it linked, and does WhatsApp accept it?"""

from __future__ import annotations

import pytest

from diagnostics.plugin import Judged


@pytest.mark.check("probe.completed")
def test_probe_completed(judged: Judged) -> None:
    judged.accept()


@pytest.mark.store
@pytest.mark.check("session.exists")
def test_session_exists(judged: Judged) -> None:
    judged.accept()


@pytest.mark.store
@pytest.mark.check("store.intact")
def test_store_intact(judged: Judged) -> None:
    judged.accept()


@pytest.mark.connection
@pytest.mark.check("session.authenticated")
def test_session_authenticated(judged: Judged) -> None:
    judged.accept()
