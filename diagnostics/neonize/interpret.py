"""Translate the client's events and attributes into the model's values. Pure functions.

The events are whatsmeow's (types/events/events.go, connectionevents.go) under neonize's names, and what the client's
log says beside them (`client_log`): neonize has no event for some refusals, and no name for some codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from diagnostics.model import Disconnect, Event, Sent, SocketState
from diagnostics.neonize import client_log
from diagnostics.neonize.protocol import Push

# Value of neonize's protobuf enumeration ConnectFailureReason → WhatsApp's code and name for it.
_REASONS = {
    "GENERIC": (400, "generic"),
    "LOGGED_OUT": (401, "logged_out"),
    "TEMP_BANNED": (402, "temporarily_banned"),
    "MAIN_DEVICE_GONE": (403, "locked"),
    "CLIENT_OUTDATED": (405, "client_outdated"),
    "UNKNOWN_LOGOUT": (406, "banned"),
    "BAD_USER_AGENT": (409, "bad_user_agent"),
    "INTERNAL_SERVER_ERROR": (500, "internal_server_error"),
    "EXPERIMENTAL": (501, "experimental"),
    "SERVICE_UNAVAILABLE": (503, "service_unavailable"),
}
# The same for codes that neonize does not know, from whatsmeow's names and from the issue threads of clients.
_NAMES = {
    **dict(_REASONS.values()),
    413: "companion_token_expired",
    414: "companion_token_invalid",
    415: "not_found",
    418: "client_unknown",
    429: "too_many_attempts",
    440: "replaced",
}
_BAN_REASONS = {
    "SEND_TO_TOO_MANY_PEOPLE": "101 too many messages to strangers",
    "BLOCKED_BY_USERS": "102 blocked by too many people",
    "CREATED_TOO_MANY_GROUPS": "103 too many groups with strangers",
    "SENT_TOO_MANY_SAME_MESSAGE": "104 the same message to too many people",
    "BROADCAST_LIST": "106 too many broadcast messages",
}
_BAN_CODES = {reason.partition(" ")[0]: reason for reason in _BAN_REASONS.values()}
RETRIED = frozenset({413, 414, 500, 503})  # login failures after which the client tries again
RESTART = 515  # a stream error that only asks for a new connection, as after linking
# After these the client does not reconnect by itself.
REFUSALS = frozenset({
    "LoggedOut", "StreamReplaced", "TemporaryBan", "ClientOutdated", "ConnectFailure", "connect-task-ended",
})  # fmt: skip
# After these the result of connecting is known.
DECISIVE = REFUSALS | {"Connected", "qr"}

_ACK_ERROR = re.compile(r"server returned error (\S+)")
_IQ_ERROR = re.compile(r"info query returned status (\d+)")
_HTTP_ERROR = re.compile(r"status code (\d+)")
_NO_RECIPIENT = re.compile(r"no LID found for |is not on WhatsApp|no devices? (?:found )?for ", re.IGNORECASE)
_WEBSOCKET_LOST = re.compile(r"websocket (?:not connected|is closed|disconnected)", re.IGNORECASE)
_OFFLINE = re.compile(rf"{_WEBSOCKET_LOST.pattern}|not logged in|use of closed", re.IGNORECASE)
_LONGEST_CODE = 6  # digits
_QUESTION = re.compile(r"info query|usync|device list|prekey|get user info|media conn", re.IGNORECASE)
_IQ_ANSWERED = re.compile(r"info query returned (status|unknown error|unexpected)|missing <\w+> element")


def refusal(events: Sequence[Push]) -> Push | None:
    """The event after which the client does not reconnect; None if there was none."""
    return next((push for push in events if push.event in REFUSALS), None)


def lost(events: Sequence[Push]) -> Push | None:
    """The last lost connection, unless the client connected again after it."""
    found = None
    for push in events:
        if push.event == "Connected":
            found = None
        elif push.event == "StreamError" or (push.event == "Disconnected" and found is None):
            found = push
    return found


def said(events: Sequence[Push]) -> Push | None:
    """What WhatsApp last said of the connection's end since the client was last connected; None if nothing."""
    found = None
    for push in events:
        if push.event == "Connected":
            found = None
        elif push.event == client_log.FAILURE or (
            push.event == client_log.STREAM_ERROR and _code(push) not in (None, RESTART)
        ):
            found = push
    return found


def endings(events: Sequence[Push]) -> tuple[Push, ...]:
    """Each outage, until the client connected again: what WhatsApp last said in it, or else the client's event.

    An outage in which several logins were refused is one.

    >>> drop, back = Push("testing", "Disconnected", 1), Push("testing", "Connected", 2)
    >>> error = Push("testing", "stream-error", 1, {"code": "503", "conflict": ""})
    >>> refused = Push("testing", "failure", 1, {"reason": "503"})
    >>> [push.event for push in endings([back, drop, back, error, drop, back, drop, refused, refused])]
    ['Disconnected', 'stream-error', 'failure']
    """
    found: list[Push] = []
    since = 0  # how many there were when the connection was last up
    up, down, is_up = {"Connected"}, {"StreamError", "Disconnected"}, True
    if any(push.event == client_log.STEP for push in events):  # the log is in order, events may be late
        up, down, is_up = {client_log.ACCEPTED}, {client_log.BROKEN}, False
    for push in events:
        what = str(push.data.get("step", "")) if push.event == client_log.STEP else push.event
        if what in up:
            since, is_up = len(found), True
        elif what == client_log.FAILURE or (what == client_log.STREAM_ERROR and _code(push) is not None):
            found[since:] = [push]
        elif what in down and is_up and len(found) == since:
            found.append(push)
    return tuple(found)


def connected(events: Sequence[Push]) -> bool:
    return any(push.event == "Connected" for push in events)


def authenticated(events: Sequence[Push]) -> tuple[bool | None, str]:
    """Whether the session is paired and was not refused since, and what shows it; None if the events do not tell."""
    refused = refusal(events)
    if refused is not None and any(push.event == "LoggedOut" for push in events):
        return False, words(refused)
    last = next((push.event for push in reversed(events) if push.event in ("qr", "Connected")), "")
    if last == "qr":
        return False, "a QR code waits to be scanned"
    return (True, "paired in the store, and logged in") if last else (None, "")


def essential(events: Sequence[Push]) -> tuple[Push, ...]:
    """The few events for which every function here returns the same as for all events.

    >>> drops = [Push("testing", "Disconnected", at) for at in range(1000)]
    >>> len(essential(drops))
    1
    """
    logged_in = next((push for push in reversed(events) if push.event in ("qr", "Connected")), None)
    earlier = next((push for push in events if push.event == "Connected"), None)
    logged_out = next((push for push in events if push.event == "LoggedOut"), None)
    kept: list[Push] = []
    for push in (earlier, logged_in, said(events), lost(events), refusal(events), logged_out):
        if push is not None and all(push is not other for other in kept):
            kept.append(push)
    return tuple(kept)


def disconnect(events: Sequence[Push]) -> Disconnect | None:
    """Why the connection was last refused or lost; None if it was not, or if the client reconnected for good."""
    word, ended = said(events), endings(events)
    if (refused := refusal(events)) is not None:
        return _refused(refused, word)
    if word is not None:
        return replace(_said(word), times=len(ended))
    if (drop := lost(events)) is not None:
        code = str(drop.data.get("Code", ""))
        return Disconnect(
            code=int(code) if code.isdecimal() else None,
            reason="stream error" if drop.event == "StreamError" else "connection lost",
            at=_at(drop),
            raw=words(drop),
            times=len(ended),
        )
    if len(ended) > 1:
        last = next((push for push in reversed(ended) if _code(push) is not None), ended[-1])
        if last.event in (client_log.FAILURE, client_log.STREAM_ERROR):
            return replace(_said(last), times=len(ended))
        return Disconnect(_code(last), "connection lost", _at(last), raw=words(last), times=len(ended))
    return None


def _said(push: Push) -> Disconnect:
    """What WhatsApp said, as the client's log has it."""
    code = _code(push)
    if push.event == client_log.STREAM_ERROR:
        conflict = str(push.data.get("conflict", ""))
        return Disconnect(code, conflict or "stream error", _at(push), raw=words(push))
    reason, expires = _NAMES.get(code or 0, str(push.data.get("message", "")) or "refused"), None
    if code == 402:
        ban, seconds = str(push.data.get("code", "")), str(push.data.get("expire", ""))
        reason = _BAN_CODES.get(ban, f"{ban} {reason}".strip())
        expires = _at(push) + timedelta(seconds=int(seconds)) if seconds.isdecimal() and int(seconds) > 0 else None
    return Disconnect(code, reason, _at(push), words(push), expires, permanent=code not in RETRIED)


def _code(push: Push) -> int | None:
    """WhatsApp's code in a failure, a stream error, or the client's event of one."""
    text = str(push.data.get("reason" if push.event == client_log.FAILURE else "code", push.data.get("Code", "")))
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_CODE else None


def _refused(push: Push, word: Push | None) -> Disconnect:
    code: int | None = None
    expires = None
    match push.event:
        case "LoggedOut":
            code, reason = _REASONS.get(push.data.get("Reason", ""), (401, "logged_out"))
            if not push.data.get("OnConnect"):
                # The only stream error that leads here is 401 with the conflict device_removed.
                code, reason = 401, "device_removed"
        case "StreamReplaced":
            code, reason = 440, "replaced"
        case "TemporaryBan":
            code, reason = 402, _BAN_REASONS.get(push.data.get("Code", ""), "temporarily_banned")
            seconds = int(push.data.get("Expire", 0))
            expires = _at(push) + timedelta(seconds=seconds) if seconds > 0 else None
        case "ClientOutdated":
            code, reason = 405, "client_outdated"
        case "ConnectFailure":
            message = str(push.data.get("Message", ""))
            code, reason = _REASONS.get(push.data.get("Reason", ""), (None, message or "refused"))
        case _:
            reason = str(push.data.get("error", "")) or "the client ended by itself, without an error"
    if code is None and word is not None:  # neonize has no name for it, and may even have ended by that
        return replace(_said(word), permanent=True)
    return Disconnect(code=code, reason=reason, at=_at(push), raw=words(push), expires=expires, permanent=True)


def connecting(events: Sequence[Push]) -> str:
    """The step of connecting that the client is at, as `model.Disconnect.step`; "" if it is through, or gave up."""
    if refusal(events) is not None:
        return ""
    steps = [str(push.data.get("step", "")) for push in events if push.event == client_log.STEP]
    last = next((step for step in reversed(steps) if step != client_log.BROKEN), "")
    return {client_log.DIALING: "dial", client_log.UPGRADED: "handshake", client_log.HANDSHAKEN: "login"}.get(last, "")


def broken(events: Sequence[Push]) -> str:
    """The error by which the websocket last broke, "" if it did not since the client dialed last."""
    error = ""
    for push in events:
        if push.event == client_log.STEP:
            error = str(push.data.get("detail", "")) if push.data.get("step") == client_log.BROKEN else ""
    return error


def socket(
    answers: Mapping[str, Mapping[str, Any]],
    events: Sequence[Push],
    state_attribute: str = "is_connected",
) -> tuple[SocketState, str]:
    """The socket's state and its raw text, from the client's attributes as the worker read them.

    `is_logged_in` stays true after a lost connection, so it is only the client's claim.

    Args:
        answers: the answer to `protocol.State`, by attribute.
        events: all events of the client so far.
        state_attribute: name of the attribute that holds the socket's state.
    """
    attributes = " ".join(f"{name}={a['value']}" if "value" in a else str(a["error"]) for name, a in answers.items())
    raw = f"{attributes}, {_freshness(events)}"
    if "error" in answers[state_attribute]:
        return SocketState.UNKNOWN, raw
    match answers[state_attribute]["value"], answers["is_logged_in"].get("value"):
        case None, _:
            return SocketState.ABSENT, raw
        case True, True:
            return SocketState.OPEN, raw
        case True, _:
            return SocketState.CONNECTING, raw
        case False, _ if not connected(events) and refusal(events) is None and lost(events) is None:
            return SocketState.CONNECTING, raw
        case False, _:
            return SocketState.CLOSED, raw
        case _:
            return SocketState.UNKNOWN, raw


def _freshness(events: Sequence[Push]) -> str:
    if not connected(events):
        return "no Connected event"
    return "no Connected event since the connection was lost" if lost(events) else "Connected event seen"


def answered_by_server(error: str) -> bool:
    """Whether a failed query was answered: an error from the server is an answer."""
    return _IQ_ANSWERED.search(error) is not None


def question_code(error: str) -> int | None:
    """The server's code in the error of a question."""
    found = _IQ_ERROR.search(error)
    return int(found[1]) if found and len(found[1]) <= _LONGEST_CODE else None


def send_error(kind: str, error: str, took: float) -> Sent:
    """The result of a message whose call failed.

    Args:
        kind: `protocol.Failure.kind`: usually the class name of the client's exception.
        error: its text.
        took: seconds from the call to the error.
    """
    if kind in ("UploadError", "upload-unusable") and not _WEBSOCKET_LOST.search(error):
        stage, pattern = "upload", _HTTP_ERROR
    elif kind == "DownloadError":
        stage, pattern = "download", _HTTP_ERROR
    elif (pattern := _ACK_ERROR).search(error) or "timed out waiting for message send response" in error:
        stage = "ack"
    elif _NO_RECIPIENT.search(error):
        stage, pattern = "recipient", _IQ_ERROR
    else:
        stage, pattern = "question" if _QUESTION.search(error) and not _OFFLINE.search(error) else "send", _IQ_ERROR
    found = pattern.search(error)
    word = found[1] if found else ""
    if stage == "question" and not word and (unusable := _IQ_ANSWERED.search(error)):
        word = unusable[0]
    code = int(word) if word.isdecimal() and len(word) <= _LONGEST_CODE else None
    return Sent(
        acknowledged=False, code=code, stage=stage, error=error, took=took, reason="" if code is not None else word
    )


def offline(error: str) -> bool:
    """Whether a call failed because the connection was not there, so that nothing was handed over."""
    return _OFFLINE.search(error) is not None


def words(push: Push) -> str:
    """The event as one line for a person, without the text of a QR code (a credential) and the session's JID."""
    if push.event == client_log.STEP:
        return f"the websocket is {push.data.get('step')}: {push.data.get('detail')}"
    hidden = ("code", "Raw", "ID") if push.event == "qr" else ("Raw", "ID")
    shown = {key: value for key, value in push.data.items() if key not in hidden and value not in ("", None)}
    return f"{push.event}({', '.join(f'{key}={value}' for key, value in shown.items())})" if shown else push.event


def events(pushes: Sequence[Push]) -> tuple[Event, ...]:
    """The client's events as the model's."""
    told = (push for push in pushes if push.event not in (client_log.STEP, client_log.HANDED))
    return tuple(Event(_at(push), push.event, words(push).removeprefix(push.event).strip("()")) for push in told)


def _at(push: Push) -> datetime:
    return datetime.fromtimestamp(push.at, UTC)
