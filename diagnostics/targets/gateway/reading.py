"""What a gateway's answers mean. Pure: documents in, the model's values out.

This project's gateway sends the evidence itself. Of others that keep the guide's `GET /whatsapp/health/{sessionId}`,
these members are read, at the top of the answer or in its `data`, and everything else is not known:

    exists          true, false
    authenticated   true, false
    socket          {"state": "OPEN", "value": 1}, or the state or the number alone; 0 to 3 as in the WebSocket standard
    send_available  true, false; also as sendMessage
    status          shown, never believed: no gateway's "connected" proves that it can send
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from diagnostics.evidence.exchange import from_plain
from diagnostics.model import Absence, Aspect, Evidence, Observation, Sent, SocketState
from diagnostics.redact import printable, redact
from diagnostics.targets.gateway.asking import Answer, NoAnswer

# Codes of the gateway's problem documents.
_NO_SESSION = "no-such-session"
_REFUSED = frozenset({"send-refused", "too-many-messages"})  # by WhatsApp, or by the client
_RECIPIENT = frozenset({"invalid-phone", "not-on-whatsapp"})
_REACHED = ("acknowledged", "delivered", "read")  # stages of a message that the server has

_TEXT_LIMIT = 300

_STATES = {state.number: state for state in SocketState if state.number is not None}
_NAMES = {state.name: state for state in SocketState}
_UNSAID = "this gateway does not say"


def health(session: str, answer: Answer, now: datetime) -> Evidence:
    """What a gateway says of a session.

    Args:
        answer: to `GET /whatsapp/health/{sessionId}`.
        now: dates what carries no time of its own.

    Raises:
        NoAnswer, exchange.NotEvidence: it says nothing about this session.
    """
    if answer.status == 404 and answer.code == _NO_SESSION:
        gone = Observation(Aspect.EXISTS, now, value=False, raw=answer.words, source=answer.asked)
        return Evidence(session, "gateway", {Aspect.EXISTS: gone})
    if answer.status not in (200, 503):
        also = " There may be no session of this name, or no gateway at this address." if answer.status == 404 else ""
        raise NoAnswer(f"{answer.asked} was answered {answer.status} ({answer.words or 'without a reason'}).{also}")
    if "evidence" in answer.document:
        return _own(session, answer, now)
    if answer.status == 503:
        raise NoAnswer(f"{answer.asked} was answered 503 ({answer.words or 'without a reason'})")
    return Evidence(session, "gateway", _foreign(answer, now))


def _own(session: str, answer: Answer, now: datetime) -> Evidence:
    evidence = from_plain(answer.document["evidence"], now=now)
    if evidence.session not in (session, redact(session)):  # identities may be masked on the way out
        raise NoAnswer(f"{answer.asked} was answered about another session")
    observations = {
        aspect: replace(seen, source=f"{answer.asked}: {seen.source}" if seen.source else answer.asked)
        for aspect, seen in evidence.observations.items()
    }
    return replace(evidence, observations=observations)


def _foreign(answer: Answer, now: datetime) -> dict[Aspect, Observation]:
    data = answer.document.get("data")
    document = data if isinstance(data, Mapping) else answer.document
    status = f", status={printable(str(document['status']), 60)}" if "status" in document else ""
    found: dict[Aspect, Observation] = {}

    def note(aspect: Aspect, value: Any, said: str) -> None:
        found[aspect] = Observation(aspect, now, value, raw=said + status, source=answer.asked)

    for aspect, names in (
        (Aspect.EXISTS, ("exists",)),
        (Aspect.AUTHENTICATED, ("authenticated",)),
        (Aspect.SEND_AVAILABLE, ("send_available", "sendMessage")),
    ):
        for name in names:
            if isinstance(document.get(name), bool):
                note(aspect, document[name], f"{name}={str(document[name]).lower()}")
    if document.get("socket") is not None:
        note(Aspect.SOCKET, *_socket(document["socket"]))
    if not found:
        raise NoAnswer(
            f"{answer.asked} was answered {answer.status}, but with nothing that tells how a session is "
            "(exists, authenticated, socket, send_available)"
        )
    for aspect in (Aspect.STORE, Aspect.DISCONNECT, Aspect.ROUND_TRIP):
        found[aspect] = Observation(aspect, now, source=answer.asked, absence=Absence.NOT_ASKED, detail=_UNSAID)
    return found


def _socket(said: object) -> tuple[SocketState, str]:
    """The state, and what was said; UNKNOWN also where name and number contradict each other."""
    parts = [said.get("state"), said.get("value")] if isinstance(said, Mapping) else [said]
    states = {_state(part) for part in parts if part is not None}
    raw = "socket=" + printable(" ".join(str(part) for part in parts if part is not None), 120)
    return (states.pop() if len(states) == 1 else SocketState.UNKNOWN), raw


def _state(said: object) -> SocketState:
    if isinstance(said, str):
        return _NAMES.get(said.upper(), SocketState.UNKNOWN)
    if isinstance(said, int) and not isinstance(said, bool):
        return _STATES.get(said, SocketState.UNKNOWN)
    return SocketState.UNKNOWN


def sent(aspect: Aspect, answer: Answer, now: datetime, took: float) -> Observation:
    """What became of a message, by the gateway's `{messageId, status, whatsappCode, error}`.

    Args:
        aspect: TEXT or IMAGE.
        answer: to `POST /whatsapp/send-message` or `send-image` with `wait=ack`.
        took: seconds until it came.
    """

    def known(value: Sent) -> Observation:
        raw = value.error or "acknowledged by the server"
        return Observation(aspect, now, value, raw=raw, source=answer.asked, took=took)

    def unknown(absence: Absence, detail: str) -> Observation:
        return Observation(aspect, now, source=answer.asked, took=took, absence=absence, detail=detail)

    document = answer.document
    stage, error, message_id = (_text(document, key) for key in ("status", "error", "messageId"))
    if answer.ok and stage in _REACHED:
        return known(Sent(acknowledged=True, message_id=message_id, took=took))
    if answer.ok and stage == "accepted":
        late = f"no acknowledgement within {took:.1f} s"
        return known(Sent(acknowledged=False, message_id=message_id, stage="ack", error=error or late, took=took))
    if answer.code in _REFUSED or (answer.ok and stage == "failed"):
        error = error or answer.words
        code = document.get("whatsappCode")
        code = code if isinstance(code, int) and 0 < code < 10_000 else None
        uploading = aspect is Aspect.IMAGE and "upload" in error.lower()
        ended = "upload" if uploading else "send" if code is None else "ack"
        return known(Sent(acknowledged=False, message_id=message_id, code=code, stage=ended, error=error, took=took))
    if answer.ok:
        return unknown(Absence.BLOCKED, "the gateway took it, and does not say whether WhatsApp acknowledged it")
    said = f"{answer.asked} was answered {answer.status} ({answer.words or 'without a reason'})"
    blocked = answer.status == 409 or answer.code in _RECIPIENT
    return unknown(Absence.BLOCKED if blocked else Absence.UNREACHABLE, said)


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return printable(value, _TEXT_LIMIT) if isinstance(value, str) else ""
