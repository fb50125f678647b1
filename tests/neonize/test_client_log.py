"""What the client's own log tells beside its events. The lines are those of whatsmeow of 2026-09-21."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.neonize.client_log import ClientLog


def read(*lines: tuple[str, str]) -> tuple[ClientLog, list[tuple[str, dict[str, Any]]]]:
    pushed: list[tuple[str, dict[str, Any]]] = []
    log = ClientLog(lambda event, data: pushed.append((event, data)))
    for module, text in lines:
        log.line(module, text)
    return log, pushed


def test_a_refused_login_has_its_code_whatever_neonize_makes_of_it() -> None:
    _, pushed = read(("Client/Recv", '<failure code="105" expire="3600" reason="402"/>'))
    assert pushed == [("failure", {"code": "105", "expire": "3600", "reason": "402"})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('Temporary ban connect failure: <failure code="105" reason="402"/>', "402"),
        ('Unknown connect failure: <failure reason="418"/>', "418"),
        ("Got 503/ connect failure, assuming automatic reconnect will handle it", "503"),
        ("Got 413/ connect failure, refreshing CAT before reconnecting...", "413"),
    ],
)
def test_a_warning_tells_it_where_stanzas_are_not_logged(line: str, reason: str) -> None:
    ((event, data),) = read(("Client", line))[1]
    assert (event, data["reason"]) == ("failure", reason)


def test_a_stanza_that_a_warning_quotes_is_told_once() -> None:
    stanza = '<stream:error code="599"/>'
    _, pushed = read(("Client/Recv", stanza), ("Client", f"Unknown stream error: {stanza}"))
    assert pushed == [("stream-error", {"code": "599", "conflict": ""})]


def test_a_conflict_has_its_type() -> None:
    _, pushed = read(("Client/Recv", '<stream:error code="401"><conflict type="device_removed"/></stream:error>'))
    assert pushed == [("stream-error", {"code": "401", "conflict": "device_removed"})]


def test_the_steps_of_connecting_are_told_in_order() -> None:
    lines = [
        ("Client/Socket", "Dialing wss://web.whatsapp.com/ws/chat"),
        ("Client/Socket", "Frame websocket read pump starting 0x3e37f61fa7e0"),
        ("Client", "Starting handler queue loop"),
        ("Client", "Successfully authenticated"),
        ("Client/Socket", "Error reading from websocket: failed to get reader: EOF"),
    ]
    steps = [data["step"] for event, data in read(*lines)[1] if event == "step"]
    assert steps == ["dialing", "upgraded", "handshaken", "accepted", "broken"]


def test_an_acknowledgement_with_an_error_is_remembered_literally() -> None:
    log, _ = read(
        ("Client/Recv", '<ack class="message" error="not-allowed" from="1@lid" id="3EB0AA" t="1"/>'),
        ("Client/Recv", '<ack class="message" from="1@lid" id="3EB0BB" t="1"/>'),
        ("Client/Recv", '<ack class="receipt" error="500" from="1@lid" id="3EB0CC" t="1"/>'),
    )
    assert dict(log.refused) == {"3EB0AA": "not-allowed"}


def sealed(*devices: str) -> str:
    return "".join(f'<to jid="{jid}"><enc type="pkmsg" v="2"><!-- 165 bytes --></enc></to>' for jid in devices)


@pytest.mark.parametrize(
    ("frame", "devices"),
    [
        (
            f'<message id="A" to="1@lid" type="text"><participants>{sealed("1@lid", "2@lid")}</participants></message>',
            1,
        ),
        (f'<message id="A" to="1@lid"><participants>{sealed("1@lid", "1:7@lid")}</participants></message>', 2),
        (f'<message id="A" to="1@lid"><participants>{sealed("2@lid")}</participants></message>', 0),
        ('<message id="A" to="1@lid"><participants/></message>', 0),
        ('<message id="A" to="1@lid"><enc type="msg" v="2"><!-- 1 bytes --></enc></message>', 1),
        ('<message id="A" to="1-2@g.us"><enc type="skmsg" v="2"><!-- 1 bytes --></enc></message>', None),
    ],
)
def test_a_message_tells_how_many_devices_of_its_recipient_can_read_it(frame: str, devices: int | None) -> None:
    log, pushed = read(("Client/Send", frame))
    assert log.handed["A"] == devices
    assert pushed == [("handed", {"id": "A", "devices": devices})]


def test_keys_that_the_server_refuses_have_its_code() -> None:
    line = "Failed to fetch prekeys for [1@lid] with no existing session: failed to send prekey request: info query "
    log, _ = read(("Client", line + "returned status 500: internal-server-error"))
    assert log.keys_refused == 500


@given(st.lists(st.tuples(st.sampled_from(["Client", "Client/Recv", "Client/Send", "Client/Socket", ""]), st.text())))
def test_any_log_can_be_read(lines: list[tuple[str, str]]) -> None:
    read(*lines)


@given(st.text(st.sampled_from('<>/="& failurestm:ockidn123')))
def test_any_stanza_can_be_read(text: str) -> None:
    for start in ("<failure ", "<stream:error ", '<ack class="message" ', "<message "):
        read(("Client/Recv", start + text), ("Client/Send", start + text), ("Client", start + text))
