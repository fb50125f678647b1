"""The log of a real `wadiag serve`: what it says about a session that is linked, used and logged out, and by whom.

How losses are logged, and what `wadiag explain` makes of them, is tested in tests/explaining.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2
import pytest

from diagnostics.catalogue import reconnect_for
from diagnostics.gateway.fleet.session_log import SessionLog
from diagnostics.model import Disconnect
from diagnostics.testing import eventually
from tests.evidence_samples import NOW
from tests.serving import TOKEN, ServedGateway, served

TEXT = "nobody but the friend reads this"
NUMBER = "628123456789"  # as the name of a session
_LINE = re.compile(r"^\S+ \S+ (INFO|WARNING|ERROR) wadiag\.gateway (.*)$", re.MULTILINE)


def said(gateway: ServedGateway) -> list[str]:
    """What the gateway's logger has said so far, without time and level."""
    return [message for _, message in _LINE.findall(gateway.log.read_text(encoding="utf-8"))]


@dataclass(frozen=True)
class Finished:
    """What was served, and the log of it."""

    lines: list[str]
    log: str
    code: str
    phones: tuple[str, str]


@pytest.fixture(scope="module")
def finished(whatsapp_server, tmp_path_factory) -> Finished:
    """A gateway that linked a session, sent with it, connected it again and logged it out, and was then ended."""
    friend, account = whatsapp_server.add_account(), whatsapp_server.add_account()
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    with served(whatsapp_server, tmp_path_factory.mktemp("log")) as gateway:
        with httpx2.Client(base_url=f"{gateway.url}/whatsapp", headers=headers, timeout=30) as http:
            code = http.get("/qr-image/testing").raise_for_status().json()["qr"]
            whatsapp_server.scan(code, account)
            assert eventually(lambda: "session 'testing': online" in said(gateway)), said(gateway)
            body = {"sessionId": "testing", "phone": f"+{friend.phone}", "message": TEXT}
            http.post("/send-message", json=body).raise_for_status()
            http.post("/sessions/testing/reconnect").raise_for_status()
            assert eventually(lambda: said(gateway).count("session 'testing': online") > 1), said(gateway)
            http.delete("/sessions/testing").raise_for_status()
            http.get(f"/qr-image/{NUMBER}").raise_for_status()
        assert friend.texts == (TEXT,)
    return Finished(said(gateway), gateway.log.read_text(encoding="utf-8"), code, (friend.phone, account.phone))


def test_it_tells_a_session_from_its_first_code_to_its_end(finished):
    """The restart of the connection that WhatsApp asks for after linking (515) may be among the lines."""
    events = [line.removeprefix("session 'testing': ") for line in finished.lines if line.startswith("session 'test")]
    restart = ("lost: code=515 ", "the client reconnects by itself")
    assert [re.sub(r"linked to .*", "linked", event) for event in events if not event.startswith(restart)] == [
        "linking begun",
        "QR code 1 shown",
        "linked",
        "online",
        "connecting",
        "online",
        "logged out and deleted",
    ]


def test_it_tells_who_did_what_with_which_session(finished):
    done = [line for line in finished.lines if line.startswith("token ")]
    assert done == [
        "token 'default': link, session 'testing'",
        "token 'default': send, session 'testing'",
        "token 'default': reconnect, session 'testing'",
        "token 'default': log out, session 'testing'",
        "token 'default': link, session '628•••••••89'",
    ]


def test_it_begins_with_the_start_and_ends_with_how_many_sessions_were_closed(finished):
    assert finished.lines[0] == "gateway: started with 0 sessions, of which 0 are connecting"
    assert finished.lines[-2:] == [
        "gateway: shutting down, 0 messages on their way",
        "gateway: stopped, 1 sessions closed",  # the one that still showed codes
    ]


def test_it_holds_no_code_no_number_no_text_and_no_token(finished):
    for private in (finished.code, *finished.phones, NUMBER, TEXT, TOKEN):
        assert private not in finished.log
    assert "Traceback" not in finished.log


def test_each_event_is_one_line_whatever_the_server_gives_as_reason(caplog):
    reason = f"evil\n2026-11-22 10:41:07,123 INFO wadiag.gateway session 'other': online \"{NUMBER}\""
    lost = Disconnect(599, reason, NOW)
    SessionLog("testing").lost(lost, reconnect_for(lost.code, lost.reason))
    SessionLog("testing").gave_up(reconnect_for(lost.code, lost.reason))
    first, second = (record.getMessage() for record in caplog.records)
    assert re.fullmatch(r"""session 'testing': lost: code=599 reason="[^"\n]+" rule=[\w-]{1,64}""", first)
    assert re.fullmatch(r"session 'testing': gave up: rule=[\w-]{1,64} \(once\): [^\n]+", second)
    assert NUMBER not in first + second
