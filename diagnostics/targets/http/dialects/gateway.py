"""The dialect `gateway`: this project's gateway, and others that keep the routes of the troubleshooting guide. Pure.

Each session is asked for once (`GET /whatsapp/health/{sessionId}?fresh=1`). This project's gateway answers with the
evidence itself. Of others, these members are read, at the top of the answer or in its `data`, and everything else is
not known:

    exists          true, false
    authenticated   true, false
    socket          {"state": "OPEN", "value": 1}, or the state or the number alone; 0 to 3 as in the WebSocket standard
    send_available  true, false; also as sendMessage
    status          shown, never believed: no gateway's "connected" proves that it can send
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from diagnostics.evidence.exchange import from_plain
from diagnostics.evidence.message_stages import UNFINISHED, unfinished
from diagnostics.model import Absence, Aspect, Evidence, Observation, Sent, SocketState
from diagnostics.redact import printable, redact
from diagnostics.targets.http.dialect import Answer, Ask, Dialect, Found, Message, NoAnswer, Steps, step
from diagnostics.targets.http.kind import HttpKind

# Codes of the gateway's problem documents.
_NO_SESSION = "no-such-session"
_REFUSED = frozenset({"send-refused", "too-many-messages"})  # by WhatsApp, or by the client
_NO_RECIPIENT = frozenset({"invalid-phone", "not-on-whatsapp"})
_PAIRED = "already-paired"
_NOT_SAID = "not-now"  # WhatsApp does not say whether it knows the number
_INTERRUPTED = "interrupted"  # nobody knows whether the message was sent
_LATER = frozenset({"no-code-yet", "interrupted", "not-ready"})  # problems of a code that pass
_STAGES = ("recipient", "upload", "download", "question", "send", "ack")  # where a message may end
_CODES = 1_000_000  # above all that WhatsApp gives
UNREADABLE = "acknowledged, and encrypted for none of the recipient's devices"  # as the gateway says it
_REACHED = ("acknowledged", "delivered", "read")  # stages of a message that the server has

# What a gateway may leave out: attached bots leave the store alone, and nothing is sent by a look.
_MAY_BE_UNASKED = frozenset({Aspect.STORE, Aspect.TEXT, Aspect.IMAGE})

_STATES = {state.number: state for state in SocketState if state.number is not None}
_NAMES = {state.name: state for state in SocketState}
_UNSAID = "this gateway does not say"


class Gateway(Dialect):
    name = "gateway"
    summary = "this project's gateway, or another that keeps the guide's routes"
    owner = "a gateway"
    sends = frozenset({Aspect.TEXT, Aspect.IMAGE})
    shows_codes = True

    def look(self, session: str, aspects: frozenset[Aspect], found: Found) -> Steps[None]:
        answer = yield Ask("GET", f"/whatsapp/health/{step(session)}", {"fresh": "1"})
        if answer.status == 404 and answer.code == _NO_SESSION:
            found.see(answer, Aspect.EXISTS, value=False, raw=answer.words)
            return
        if answer.status not in (200, 503):
            also = " There may be no session of this name, or no gateway at this address."
            raise NoAnswer(f"{answer.said}.{also if answer.status == 404 else ''}")
        if "evidence" in answer.document:
            evidence = _own(session, answer)
            found.events = evidence.events
            for seen in evidence.observations.values():
                found.put(seen)
        elif answer.status == 503:
            raise NoAnswer(answer.said)
        else:
            _foreign(answer, found)

    def send(self, session: str, message: Message, found: Found) -> Steps[None]:
        body = {"sessionId": session, "phone": f"+{message.to}"}
        if message.aspect is Aspect.TEXT:
            path, body["message"] = "/whatsapp/send-message", message.text
        else:
            path, body["caption"] = "/whatsapp/send-image", message.text
            body["image"] = base64.b64encode(message.image).decode("ascii")
        params = {"wait": "ack", "deadline": f"{message.wait:.1f}"}
        if message.aspect is Aspect.IMAGE:
            params["verify"] = "true"  # an image that nobody can download is not sent
        answer = yield Ask("POST", path, params, json=body)
        _sent(message.aspect, answer, found)

    def sessions(self) -> Steps[tuple[str, ...]]:
        answer = yield Ask("GET", "/whatsapp/sessions")
        listed = answer.document.get("sessions")
        sessions = listed if isinstance(listed, list) else [None]
        names = [each.get("session") if isinstance(each, Mapping) else None for each in sessions]
        if not answer.ok or not all(isinstance(name, str) for name in names):
            raise NoAnswer(f"{answer.asked} was answered {answer.status}, not with a list of sessions")
        return tuple(str(name) for name in names)

    def code(self, session: str, phone: str, wait: float) -> Steps[str | None]:
        params = {"deadline": f"{wait:.1f}"}
        if phone:
            answer = yield Ask("POST", f"/whatsapp/pair-code/{step(session)}", params, json={"phone": f"+{phone}"})
        else:
            answer = yield Ask("GET", f"/whatsapp/qr-image/{step(session)}", params)
        if answer.status == 409 and answer.code == _PAIRED:
            return None
        code = answer.text("code" if phone else "qr")
        if answer.ok and 0 < len(code) < 1000 and code.isascii() and code.isprintable():
            return code
        if answer.code in _LATER:
            return ""
        raise NoAnswer(f"{answer.asked} was answered {answer.status} ({answer.words or 'without a code'})")


def _own(session: str, answer: Answer) -> Evidence:
    """The evidence that this project's gateway sends.

    Raises:
        NoAnswer, exchange.NotEvidence: it says nothing about this session.
    """
    evidence = from_plain(answer.document["evidence"], now=answer.at)
    if evidence.session not in (session, redact(session)):  # identities may be masked on the way out
        raise NoAnswer(f"{answer.asked} was answered about another session")
    return replace(evidence, observations={a: _received(seen, answer) for a, seen in evidence.observations.items()})


def _received(seen: Observation, answer: Answer) -> Observation:
    """An observation of the gateway's, and who said it. It was asked for, so "not asked" and "untold" are no excuse."""
    seen = replace(seen, source=f"{answer.asked}: {seen.source}" if seen.source else answer.asked)
    if seen.absence in (Absence.NOT_ASKED, Absence.UNTOLD) and seen.aspect not in _MAY_BE_UNASKED:
        detail = f"the gateway says that it did not look at this: {seen.detail or 'without a reason'}"
        return replace(seen, absence=Absence.UNEXPECTED, detail=detail)
    return seen


def _foreign(answer: Answer, found: Found) -> None:
    """What another gateway says."""
    data = answer.document.get("data")
    document = data if isinstance(data, Mapping) else answer.document
    status = f", status={printable(str(document['status']), 60)}" if "status" in document else ""
    for aspect, names in (
        (Aspect.EXISTS, ("exists",)),
        (Aspect.AUTHENTICATED, ("authenticated",)),
        (Aspect.SEND_AVAILABLE, ("send_available", "sendMessage")),
    ):
        for name in names:
            if isinstance(document.get(name), bool):
                found.see(answer, aspect, document[name], f"{name}={str(document[name]).lower()}{status}")
    if document.get("socket") is not None:
        state, raw = _socket(document["socket"])
        found.see(answer, Aspect.SOCKET, state, raw + status)
    if not found.observations:
        raise NoAnswer(
            f"{answer.asked} was answered {answer.status}, but with nothing that tells how a session is "
            "(exists, authenticated, socket, send_available)"
        )
    unsaid = {Aspect.STORE, Aspect.DISCONNECT, Aspect.ROUND_TRIP, Aspect.SEND_AVAILABLE} - found.observations.keys()
    found.unsaid(answer, dict.fromkeys(sorted(unsaid), _UNSAID))


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


def _sent(aspect: Aspect, answer: Answer, found: Found) -> None:
    """What became of a message, by the gateway's `{messageId, status, whatsappCode, error}`."""
    document, took = answer.document, answer.took
    stage, error, message_id = (answer.short(key) for key in ("status", "error", "messageId"))

    def known(value: Sent) -> None:
        found.see(answer, aspect, value, value.error or "acknowledged by the server")

    code = document.get("whatsappCode")
    code = code if isinstance(code, int) and 0 < code < _CODES else None
    if answer.ok and stage in _REACHED:
        unreadable = error == UNREADABLE
        sent = Sent(acknowledged=True, message_id=message_id, took=took)
        known(replace(sent, devices=0, code=code) if unreadable else sent)
    elif answer.ok and stage == "accepted":
        waits = answer.text("waitsFor")
        waits = waits if waits in UNFINISHED else "ack"
        late = unfinished(waits, took)
        known(Sent(acknowledged=False, message_id=message_id, stage=waits, error=error or late, took=took))
    elif answer.code in _NO_RECIPIENT:
        known(Sent(acknowledged=False, stage="recipient", error=answer.words, took=took))
    elif answer.code in _REFUSED or (answer.ok and stage == "failed"):
        error = error or answer.words
        reason, ended = answer.short("whatsappReason"), answer.text("failedAt")
        if ended not in _STAGES:  # another gateway's
            uploading = aspect is Aspect.IMAGE and "upload" in error.lower()
            ended = "upload" if uploading else "send" if code is None else "ack"
        known(Sent(False, message_id=message_id, code=code, stage=ended, error=error, took=took, reason=reason))
    elif answer.code == _NOT_SAID:
        known(Sent(acknowledged=False, stage="question", error=answer.words, took=took))
    elif answer.ok:
        took_it = "the gateway took it, and does not say whether WhatsApp acknowledged it"
        found.unseen(answer, aspect, Absence.BLOCKED, took_it)
    else:
        said = answer.status == 409 or answer.code == _INTERRUPTED
        found.unseen(answer, aspect, Absence.BLOCKED if said else Absence.UNEXPECTED, answer.said)


KIND = HttpKind(Gateway())
