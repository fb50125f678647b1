"""Does the connection stand, and is anybody at the other end?"""

from __future__ import annotations

import pytest

from diagnostics.plugin import Judged

pytestmark = pytest.mark.connection


@pytest.mark.check("connection.accepted")
def test_connection_accepted(judged: Judged) -> None:
    judged.accept()


@pytest.mark.check("socket.state")
def test_socket_state(judged: Judged) -> None:
    judged.accept()


@pytest.mark.check("session.responds")
def test_session_responds(judged: Judged) -> None:
    judged.accept()
