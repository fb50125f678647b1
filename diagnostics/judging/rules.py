"""The rules: one function per check that reads the evidence. Pure.

A rule answers that the check passes, has a cause of the catalogue, was not asked for, or could not be observed. The
judge decides what the answer means for the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from diagnostics.catalogue import Phrases
from diagnostics.catalogue.reconnect import CLIENT_CRASHES
from diagnostics.model import (
    Absence,
    Aspect,
    Disconnect,
    Evidence,
    Observation,
    Sent,
    SocketState,
    StoreFacts,
    StoreFile,
)

PREKEYS_LOW = 5  # whatsmeow uploads more when the server has fewer than this (MinPreKeyCount)

# Codes with a cause of their own. 401, 403 and 406 end the authentication, the others only the connection.
_AUTH_CODES = {401: "device-removed", 403: "account-locked", 406: "account-locked"}
_REFUSALS = {402: "temporarily-banned", 405: "client-outdated", 440: "stream-replaced"}
STREAM_ERROR = "stream error"  # the reason of a code that ended a connection, and did not refuse a login
_SEND_CODES = {429: "rate-limited", "rate-overlimit": "rate-limited", 463: "reachout-timelock"}


@dataclass(frozen=True, slots=True)
class Passed:
    note: str


@dataclass(frozen=True, slots=True)
class Caused:
    """A cause of the catalogue applies; `facts` fill its templates."""

    cause: str
    measured: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotAsked:
    note: str


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Not observed. `by` is the check that explains it; "" stands for the last failed check before this one."""

    note: str
    by: str = ""


Answer = Passed | Caused | NotAsked | NotKnown


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule reads besides the evidence.

    Attributes:
        now: the time of judgement.
        say: the phrases of the chosen language.
        zone: time zone of the texts.
    """

    now: datetime
    say: Phrases
    zone: tzinfo = UTC


Rule = Callable[[Evidence, Terms], Answer]


def _absent(observation: Observation | None, terms: Terms) -> Answer:
    if observation is None:
        return NotKnown(terms.say.said_nothing)
    match observation.absence:
        case Absence.NOT_ASKED | Absence.UNTOLD:  # where that leaves the verdict open, the judge says so
            return NotAsked(observation.detail)
        case Absence.BLOCKED | Absence.HELD:
            return NotKnown(observation.detail)
        case _:
            return NotKnown(observation.detail, by="probe.completed")


_PROBE_CAUSES = {
    Absence.CRASHED: "probe-crashed",
    Absence.UNREACHABLE: "target-unreachable",
    Absence.TIMEOUT: "probe-timeout",
    Absence.REFUSED: "token-refused",
    Absence.UNEXPECTED: "answer-unusable",
    Absence.STALE: "evidence-stale",
    Absence.ERROR: "answer-unusable",
}


def _probe_completed(evidence: Evidence, terms: Terms) -> Answer:
    for observation in evidence.observations.values():
        if observation.aspect is Aspect.ROUND_TRIP and (_unanswered(evidence) or _answered_with_errors(evidence)):
            continue  # a finding about the session, not about the probe
        if observation.absence in _PROBE_CAUSES:
            cause = _PROBE_CAUSES[observation.absence]
            facts = {"detail": observation.detail, "variable": observation.variable or terms.say.some_variable}
            return Caused(cause, f"{observation.aspect}: {observation.detail}", facts)
    return Passed(terms.say.looked.format(count=len(evidence.observations), seconds=evidence.took))


def _session_exists(evidence: Evidence, terms: Terms) -> Answer:
    seen = evidence.get(Aspect.EXISTS)
    if seen is None or not seen.known:
        return _absent(seen, terms)
    if seen.value is True:
        return Passed(seen.raw)
    store = evidence.get(Aspect.STORE)
    facts: StoreFacts | None = store.value if store is not None and store.known else None
    cause = "session-missing"
    if facts is not None:
        several = "session-ambiguous" if (facts.devices or 0) > 1 else "session-missing"
        cause = {StoreFile.MISSING: "store-missing", StoreFile.FOREIGN: "not-a-store"}.get(facts.file, several)
    return Caused(cause, seen.raw, {"detail": seen.raw})


def _store_intact(evidence: Evidence, terms: Terms) -> Answer:
    seen = evidence.get(Aspect.STORE)
    if seen is None or not seen.known:
        return _absent(seen, terms)
    facts: StoreFacts = seen.value
    if not facts.intact:
        return Caused("store-damaged", facts.problem or seen.raw, {"detail": facts.problem})
    if facts.problem:  # of whoever writes it, not of the store
        return Caused("state-unwritable", facts.problem, {"detail": facts.problem})
    if facts.unwritable:
        return Caused("store-unwritable", facts.unwritable, {"detail": facts.unwritable})
    if facts.prekeys is not None and facts.prekeys < PREKEYS_LOW and _is_true(evidence, Aspect.AUTHENTICATED):
        measured = terms.say.prekeys.format(count=facts.prekeys, wanted=PREKEYS_LOW)
        return Caused("prekeys-low", measured, {"prekeys": facts.prekeys})
    if facts.migrates_to is not None:
        return Caused("store-older", seen.raw, {"detail": f"{facts.schema} → {facts.migrates_to}"})
    return Passed(seen.raw)


def _session_authenticated(evidence: Evidence, terms: Terms) -> Answer:
    refused = _disconnect(evidence)
    if refused is not None and refused.code in _AUTH_CODES and (refused.permanent or refused.reason != STREAM_ERROR):
        return _refusal(_AUTH_CODES[refused.code], refused, terms)
    seen = evidence.get(Aspect.AUTHENTICATED)
    if seen is None or not seen.known:
        return _absent(seen, terms)
    if seen.value is True:
        return Passed(seen.raw)
    return Caused("not-paired", seen.raw, {"detail": seen.raw})


def _connection_accepted(evidence: Evidence, terms: Terms) -> Answer:
    seen = evidence.get(Aspect.DISCONNECT)
    if seen is not None and seen.absence is Absence.HELD:
        return Caused("held-elsewhere", seen.detail, {"detail": seen.detail})
    if seen is None or not seen.known:
        return _absent(seen, terms)
    refused = _disconnect(evidence)
    if refused is None:
        return Passed(terms.say.not_refused)
    if refused.reason == CLIENT_CRASHES:
        return Caused("client-crashes", refused.raw, {"detail": refused.raw})
    if refused.step in ("dial", "handshake") or (refused.code is None and refused.permanent):
        return Caused("whatsapp-unreachable", refused.raw or refused.reason, {"detail": refused.reason})
    if refused.times > 1 and not refused.permanent:
        return _lost_repeatedly(evidence, refused, terms)
    if refused.code is None:
        return Passed(f"{terms.say.not_refused} ({refused.reason})")  # judged by `socket.state`
    return _refusal(_REFUSALS.get(refused.code, "connection-refused"), refused, terms)


def _lost_repeatedly(evidence: Evidence, refused: Disconnect, terms: Terms) -> Answer:
    usable = _usable(evidence)
    if refused.code is not None and not (usable and _sends(evidence)):  # an answer may fall into a gap
        return _refusal(_REFUSALS.get(refused.code, "connection-refused"), refused, terms)
    cause = "connection-unstable" if usable else "connection-dropping"
    found = _refusal(cause, refused, terms)
    code = f"{refused.code} {refused.reason}" if refused.code else refused.reason
    return replace(found, facts={**found.facts, "times": refused.times, "detail": code})


def _socket_state(evidence: Evidence, terms: Terms) -> Answer:
    seen = evidence.get(Aspect.SOCKET)
    if seen is not None and seen.absence is Absence.NOT_ASKED:
        return Caused("passive-look", seen.detail)
    if seen is None or not seen.known:
        return _absent(seen, terms)
    match seen.value:
        case SocketState.OPEN:
            return Passed(f"{SocketState.OPEN}: {seen.raw}")
        case SocketState.CONNECTING:
            return Caused("socket-connecting", seen.raw)
        case SocketState.CLOSING:
            return Caused("socket-closing", seen.raw)
        case SocketState.CLOSED:
            lost = _disconnect(evidence)
            return Caused("socket-closed", seen.raw, {"detail": lost.reason if lost else seen.raw})
        case SocketState.ABSENT:
            return Caused("socket-absent" if _functional(evidence) else "socket-absent-unusable", seen.raw)
        case _:
            return Caused("socket-unknown" if _functional(evidence) else "socket-unknown-unusable", seen.raw)


def _session_responds(evidence: Evidence, terms: Terms) -> Answer:
    seen = evidence.get(Aspect.ROUND_TRIP)
    if seen is None:
        return _absent(seen, terms)
    if seen.known:
        return Passed(terms.say.answered.format(milliseconds=seen.value * 1000))
    if _answered_with_errors(evidence):
        if _handed_over(evidence):
            return Passed(seen.detail)  # whatever it refused, it answered what is asked before a message
        cause = _SEND_CODES.get(seen.code or 0, "questions-refused")
        return Caused(cause, seen.detail, {"detail": seen.detail, "code": seen.code})
    if _unanswered(evidence):
        return Caused("zombie", evidence.observations[Aspect.SOCKET].raw, {"detail": seen.detail})
    return _absent(seen, terms)


def _send_available(evidence: Evidence, terms: Terms) -> Answer:
    seen = evidence.get(Aspect.SEND_AVAILABLE)
    if seen is None or not seen.known:
        return _absent(seen, terms)
    return Passed(seen.raw) if seen.value is True else Caused("send-missing", seen.raw, {"detail": seen.raw})


def _sent(aspect: Aspect) -> Rule:
    def rule(evidence: Evidence, terms: Terms) -> Answer:
        seen = evidence.get(aspect)
        if seen is None or not seen.known:
            return _absent(seen, terms)
        sent: Sent = seen.value
        if sent.acknowledged and sent.devices != 0:
            return Passed(terms.say.acknowledged.format(milliseconds=sent.took * 1000))
        what = terms.say.text if aspect is Aspect.TEXT else terms.say.image
        unreadable = terms.say.keys_refused if sent.code else terms.say.unreadable
        detail = sent.error or (unreadable.format(code=sent.code) if sent.acknowledged else terms.say.no_error)
        return Caused(_send_cause(sent), detail, {"what": what, "code": sent.code or sent.reason, "detail": detail})

    return rule


_STAGE_CAUSES = {
    "upload": "media-upload-failed",
    "download": "media-unreadable",
    "recipient": "recipient-invalid",
    "some": "sends-failing",
    "crash": "client-crashes",
}


def _send_cause(sent: Sent) -> str:
    error = _error(sent)
    if sent.acknowledged:  # and nobody can read it
        return "message-unreadable" if error is None else _SEND_CODES.get(error, "questions-refused")
    if sent.stage in _STAGE_CAUSES:
        return _STAGE_CAUSES[sent.stage]
    if sent.stage == "question":
        return "question-unanswered" if error is None else _SEND_CODES.get(error, "questions-refused")
    if error is not None:
        return _SEND_CODES.get(error, "send-refused")
    return "ack-missing" if sent.stage == "ack" else "send-failed"


def _error(sent: Sent) -> int | str | None:
    """The server's code, or its word where it gave no code; None where it did not refuse."""
    return sent.code if sent.code is not None else sent.reason or None


RULES: Mapping[str, Rule] = {
    "probe.completed": _probe_completed,
    "session.exists": _session_exists,
    "store.intact": _store_intact,
    "session.authenticated": _session_authenticated,
    "connection.accepted": _connection_accepted,
    "socket.state": _socket_state,
    "session.responds": _session_responds,
    "send.available": _send_available,
    "send.text": _sent(Aspect.TEXT),
    "send.image": _sent(Aspect.IMAGE),
}


def _unanswered(evidence: Evidence) -> bool:
    """Whether a query on an observed connection was not answered; without a socket, there was no query."""
    socket, answer = evidence.get(Aspect.SOCKET), evidence.get(Aspect.ROUND_TRIP)
    asked = socket is not None and socket.known and answer is not None
    return asked and answer is not None and answer.absence in (Absence.TIMEOUT, Absence.UNREACHABLE)


def _is_true(evidence: Evidence, aspect: Aspect) -> bool:
    seen = evidence.get(aspect)
    return seen is not None and seen.known and seen.value is True


def _disconnect(evidence: Evidence) -> Disconnect | None:
    seen = evidence.get(Aspect.DISCONNECT)
    return seen.value if seen is not None and seen.known else None


def _answered_with_errors(evidence: Evidence) -> bool:
    answer = evidence.get(Aspect.ROUND_TRIP)
    return answer is not None and answer.absence is Absence.ERROR and _socket_seen(evidence)


def _socket_seen(evidence: Evidence) -> bool:
    seen = evidence.get(Aspect.SOCKET)
    return seen is not None and seen.known


def _sends(evidence: Evidence) -> list[Sent]:
    return [seen.value for a in (Aspect.TEXT, Aspect.IMAGE) if (seen := evidence.get(a)) and seen.known]


def _handed_over(evidence: Evidence) -> bool:
    """Whether the server took or refused a message, so that it answers what the client asks before one."""
    sends = _sends(evidence)
    decided = any(sent.acknowledged or (sent.stage == "ack" and _error(sent) is not None) for sent in sends)
    return decided and all(sent.acknowledged or sent.stage not in ("question", "send") for sent in sends)


def _functional(evidence: Evidence) -> bool:
    """Whether it is authenticated and can send, as shown by a real send if one was asked for, else by a round trip."""
    if not _is_true(evidence, Aspect.AUTHENTICATED):
        return False
    if sends := _sends(evidence):
        return all(sent.acknowledged for sent in sends) and not _unanswered(evidence)
    answered = evidence.get(Aspect.ROUND_TRIP)
    return answered is not None and answered.known and _is_true(evidence, Aspect.SEND_AVAILABLE)


def _usable(evidence: Evidence) -> bool:
    """Whether the connection stays long enough to send: a message that failed did not fail because it was lost."""
    if not _sends(evidence):
        return _functional(evidence)
    lost = any(not sent.acknowledged and sent.stage == "send" for sent in _sends(evidence))
    return _is_true(evidence, Aspect.AUTHENTICATED) and not lost and not _unanswered(evidence)


def _refusal(cause: str, refused: Disconnect, terms: Terms) -> Caused:
    facts = {
        "code": refused.code,
        "reason": refused.reason,
        "at": local_time(refused.at, terms.zone),
        "expires": _until(refused.expires, terms),
    }
    return Caused(cause, refused.raw or f"{refused.code} {refused.reason}", facts)


def local_time(at: datetime, zone: tzinfo) -> str:
    """A time with its date and zone, for a person: '2026-11-25 17:47:24 WIB'.

    A zone without a name is written as its offset: '2026-11-25 17:47:24 +07:00'.

    >>> local_time(datetime(2026, 11, 25, 10, 47, 24, tzinfo=UTC), UTC)
    '2026-11-25 10:47:24 UTC'
    """
    there = at.astimezone(zone)
    name, offset = there.tzname() or "", f"{there:%z}"
    return f"{there:%Y-%m-%d %H:%M:%S} {name if name.isalpha() else f'{offset[:3]}:{offset[3:5]}'}"


def _until(end: datetime | None, terms: Terms) -> str:
    """When something ends, and the time that is left.

    >>> from diagnostics.catalogue import PHRASES
    >>> from diagnostics.model import Language
    >>> now, end = datetime(2026, 11, 22, 17, 1, tzinfo=UTC), datetime(2026, 11, 22, 18, tzinfo=UTC)
    >>> _until(end, Terms(now, PHRASES[Language.ENGLISH]))
    '2026-11-22 18:00:00 UTC, in 59 min'
    """
    now, say = terms.now, terms.say
    if end is None:
        return say.end_unknown
    minutes = round((end - now).total_seconds() / 60)
    if minutes <= 0:
        left = say.end_passed
    elif minutes < 120:
        left = say.end_in_minutes.format(count=minutes)
    else:
        left = say.end_in_hours.format(count=minutes // 60)
    return f"{local_time(end, terms.zone)}, {left}"
