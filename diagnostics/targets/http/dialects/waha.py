"""The dialect `waha`: WAHA Core, engine NOWEB (recorded with 2024.10.8). Pure.

WAHA has one status for each session, and no more: it does not say why a connection was lost, whether WhatsApp answers,
or whether a message was acknowledged. So `WORKING` is a claim, and such a session is at best not known to be sick.
A session that another client replaces flips between WORKING and STARTING every 2 s, so WORKING is asked for again.
"""

from __future__ import annotations

from diagnostics.model import Absence, Aspect, Sent, SocketState
from diagnostics.redact import printable, redact
from diagnostics.targets.http.dialect import (
    SHOWN,
    Answer,
    Ask,
    Auth,
    Dialect,
    Found,
    Message,
    NoAnswer,
    Pause,
    Steps,
    step,
)
from diagnostics.targets.http.kind import HttpKind

_NO_SESSION = "Session not found"
_UNSCANNED = frozenset({"SCAN_QR_CODE", "PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED"})
_SOCKETS = {
    "STOPPED": SocketState.CLOSED,
    "STARTING": SocketState.CONNECTING,
    "WORKING": SocketState.OPEN,
    "FAILED": SocketState.CLOSED,
}
_SAMPLES = 3
_BETWEEN = 1.2  # s between two of them

_UNSAID = {
    Aspect.STORE: "WAHA does not show its store",
    Aspect.DISCONNECT: "WAHA does not say why a connection was lost",
    Aspect.ROUND_TRIP: "WAHA does not ask WhatsApp's server",
    Aspect.SEND_AVAILABLE: "WAHA says whether it can send only when it is asked to send",
}


class Waha(Dialect):
    name = "waha"
    summary = "WAHA"
    owner = "WAHA"
    auth = Auth("X-Api-Key", "")
    sends = frozenset({Aspect.TEXT})  # an image is a feature of WAHA Plus
    shows_codes = True

    def look(self, session: str, aspects: frozenset[Aspect], found: Found) -> Steps[None]:
        ask = Ask("GET", f"/api/sessions/{step(session)}")
        answer = yield ask
        if answer.status == 404 and answer.text("message") == _NO_SESSION:
            found.see(answer, Aspect.EXISTS, value=False, raw=answer.words)
            return
        statuses = [_status(session, answer)]
        while statuses[-1] == "WORKING" and len(statuses) < _SAMPLES:
            yield Pause(_BETWEEN)
            answer = yield ask
            statuses.append(_status(session, answer))
        found.see(answer, Aspect.EXISTS, value=True, raw=f"status={statuses[-1]}")
        found.unsaid(answer, _UNSAID)
        _read_status(answer, statuses, found)

    def send(self, session: str, message: Message, found: Found) -> Steps[None]:
        known = yield Ask("GET", "/api/contacts/check-exists", {"phone": message.to, "session": session})
        if known.ok and known.document.get("numberExists") is False:
            error = "WAHA found nobody on WhatsApp with this number"
            found.see(known, message.aspect, Sent(acknowledged=False, stage="recipient", error=error), error)
            return
        body = {"session": session, "chatId": f"{message.to}@c.us", "text": message.text}
        # On a half open connection the answer never comes.
        answer = yield Ask("POST", "/api/sendText", json=body, deadline=message.wait)
        _sent(message.aspect, answer, found)

    def sessions(self) -> Steps[tuple[str, ...]]:
        answer = yield Ask("GET", "/api/sessions", {"all": "true"}, array=True)
        listed = answer.content if isinstance(answer.content, list) else [None]
        names = [each.get("name") if isinstance(each, dict) else None for each in listed]
        if not answer.ok or not all(isinstance(name, str) for name in names):
            raise NoAnswer(f"{answer.asked} was answered {answer.status}, not with a list of sessions")
        return tuple(str(name) for name in names)

    def code(self, session: str, phone: str, wait: float) -> Steps[str | None]:
        if phone:
            raise NoAnswer("WAHA Core shows QR codes only: leave out the phone's number")
        status = _status(session, (yield Ask("GET", f"/api/sessions/{step(session)}")))
        if status == "WORKING":
            return None
        if status == "STARTING":
            return ""
        answer = yield Ask("GET", f"/api/{step(session)}/auth/qr", {"format": "raw"})
        code = answer.text("value")
        if answer.ok and 0 < len(code) < 1000 and code.isascii() and code.isprintable():
            return code
        raise NoAnswer(f"{answer.said}: the session is {status}; start it in WAHA first")


def _status(session: str, answer: Answer) -> str:
    """The status of this session.

    Raises:
        NoAnswer: the answer is not about it.
    """
    status = answer.short("status")
    if not answer.ok or not status or answer.text("name") != session:
        raise NoAnswer(f"{answer.said}, which does not tell how the session is")
    return status


def _read_status(answer: Answer, statuses: list[str], found: Found) -> None:
    last = statuses[-1]
    raw = f"status={last}" if len(set(statuses)) == 1 else f"status={', '.join(statuses)} by turns"
    if last in _UNSCANNED:
        found.see(answer, Aspect.AUTHENTICATED, value=False, raw=raw)
        why = f"WAHA does not tell the socket of a session that is {last}"
        found.unseen(answer, Aspect.SOCKET, Absence.BLOCKED, why)
        return
    if last == "WORKING":
        found.see(answer, Aspect.AUTHENTICATED, value=True, raw=raw)
    else:
        why = f"WAHA does not say whether the phone still knows a session that is {last}"
        found.unseen(answer, Aspect.AUTHENTICATED, Absence.NOT_ASKED, why)
    found.see(answer, Aspect.SOCKET, _SOCKETS.get(last, SocketState.UNKNOWN), raw)


def _sent(aspect: Aspect, answer: Answer, found: Found) -> None:
    if answer.ok:
        # With an acknowledgement, without one, and refused with 463: the same answer, and no route that tells more.
        why = "WAHA took it, and does not say whether WhatsApp acknowledged it"
        found.unseen(answer, aspect, Absence.BLOCKED, why)
        return
    if answer.status in (404, 422):  # the session is not WORKING
        found.unseen(answer, aspect, Absence.BLOCKED, answer.said)
        return
    exception = answer.document.get("exception")
    stack = exception.get("stack") if isinstance(exception, dict) else None
    if isinstance(stack, str):
        error = printable(redact(stack.partition("\n")[0]), SHOWN)
        found.see(answer, aspect, Sent(acknowledged=False, stage="send", error=error, took=answer.took), error)
    else:
        found.unseen(answer, aspect, Absence.UNEXPECTED, answer.said)


KIND = HttpKind(Waha())
