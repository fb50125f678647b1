"""The data model of a diagnosis: what was observed, what it means, and the verdict.

Targets produce `Evidence`, the judge turns it into a `Diagnosis`, and reports read that. Everything here is frozen
data, and this module imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Mode(StrEnum):
    """How strictly a session is judged. In permissive mode, non-critical findings are only warnings."""

    PERMISSIVE = "permissive"
    STRICT = "strict"


class Language(StrEnum):
    """The languages of texts for people (ISO 639-1). Ids and technical terms are the same in all."""

    ENGLISH = "en"
    INDONESIAN = "id"


class SocketState(StrEnum):
    """State of a session's WebSocket to WhatsApp, as the client reports it.

    CONNECTING to CLOSED carry the `readyState` numbers of the WebSocket standard (`number`). UNKNOWN is
    a value that cannot be interpreted; ABSENT means that the client has no socket at all.
    """

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    ABSENT = "absent"

    @property
    def number(self) -> int | None:
        """0 to 3 as in the WebSocket standard; None for UNKNOWN and ABSENT."""
        return _SOCKET_NUMBERS.get(self)

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name} ({self.number})"


_SOCKET_NUMBERS = {
    SocketState.CONNECTING: 0,
    SocketState.OPEN: 1,
    SocketState.CLOSING: 2,
    SocketState.CLOSED: 3,
}


class Aspect(StrEnum):
    """One thing about a session that can be observed. The comment after each gives the type of its value."""

    EXISTS = "exists"  # bool
    STORE = "store"  # StoreFacts
    AUTHENTICATED = "authenticated"  # bool: paired, and not refused since
    DISCONNECT = "disconnect"  # Disconnect | None: why the connection was last refused or lost
    SOCKET = "socket"  # SocketState
    ROUND_TRIP = "round_trip"  # float: seconds until the server answered a query
    SEND_AVAILABLE = "send_available"  # bool: the client has sendMessage
    TEXT = "text"  # Sent: a text was handed over, and how the server answered
    IMAGE = "image"  # Sent: the same for an image, its upload included


class Absence(StrEnum):
    """Why an aspect has no value. Only NOT_ASKED is harmless."""

    NOT_ASKED = "not-asked"  # it was not asked for (deselected, no --send-to, passive look)
    BLOCKED = "blocked"  # an earlier step made it pointless
    TIMEOUT = "timeout"  # no answer before the deadline
    CRASHED = "crashed"  # the probe itself failed
    HELD = "held"  # another process uses the session, so nothing was connected
    UNREACHABLE = "unreachable"  # the target or the server could not be reached
    REFUSED = "refused"  # whoever answered does not let us ask: no token, or a wrong one
    UNEXPECTED = "unexpected"  # something answered, but nothing that tells what was asked
    UNTOLD = "untold"  # whoever answered has no way to tell it
    ERROR = "error"  # the server answered with an error where only the answer itself would tell
    STALE = "stale"  # it was observed too long ago, or by a clock that is wrong


@dataclass(frozen=True, slots=True)
class Observation:
    """One observed aspect, or why it was not observed.

    Attributes:
        value: of the type that `Aspect` gives; None if `absence` is set (and for DISCONNECT, if there was none).
        raw: the literal text of the source, for a person ("is_connected=True is_logged_in=False").
        source: where it comes from ("neonize 0.5.2", "store", "GET /whatsapp/health/testing").
        at: when, timezone-aware UTC.
        took: seconds that the step took.
        absence: set if there is no value; `detail` then gives the reason in one sentence.
        variable: where `absence` is REFUSED, the environment variable that has (or should have) the token.
        code: where `absence` is ERROR, the server's code, if there was one for all.
    """

    aspect: Aspect
    at: datetime
    value: Any = None
    raw: str = ""
    source: str = ""
    took: float = 0.0
    absence: Absence | None = None
    detail: str = ""
    variable: str = ""
    code: int | None = None

    @property
    def known(self) -> bool:
        return self.absence is None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Why a connection was refused or lost.

    Attributes:
        code: WhatsApp's code (401, 402, 403, 405, 440, 463, 500, 503 …), None if there was none.
        reason: WhatsApp's name for the code ("device_removed", "replaced"), "" if there was none.
        raw: the client's event, as text.
        expires: when a temporary ban ends.
        permanent: the client does not reconnect by itself.
        step: the step of connecting that got no answer: "dial" (proxy, TCP, TLS and the upgrade to a websocket),
            "handshake" or "login"; "" if the connection was refused, or was lost after the login.
        times: how often the connection ended while the session was observed.
    """

    code: int | None
    reason: str
    at: datetime
    raw: str = ""
    expires: datetime | None = None
    permanent: bool = False
    step: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of sending a message.

    Attributes:
        acknowledged: the *server* acknowledged it (neither delivery nor reading is implied).
        message_id: the id that the client gave it, "" if sending failed before that.
        code: the server's error code if it refused (463, 479, 500 …), or if it refused the recipient's keys.
        reason: the server's word where it gave one instead of a code.
        stage: where it ended: "recipient" (nobody on WhatsApp has that number), "upload", "download" (the uploaded
            file cannot be had), "question" (what the client asks before it sends), "send" or "ack". Of
            several messages that a gateway sent: "some" failed, or the client had a "crash".
        devices: how many of the recipient's devices it was encrypted for; None if that is not known.
        error: the client's error text.
        took: seconds from the call to the acknowledgement or error.
    """

    acknowledged: bool
    message_id: str = ""
    code: int | None = None
    stage: str = "ack"
    error: str = ""
    took: float = 0.0
    reason: str = ""
    devices: int | None = None


class StoreFile(StrEnum):
    """What is at the place where a store should be."""

    STORE = "store"  # a store, or a file that a client has not used yet
    MISSING = "missing"  # nothing
    FOREIGN = "foreign"  # something else: a directory, or a file that is not a session store


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What was read from a session store, without changing it.

    Attributes:
        intact: the file opened as a database and its integrity check found nothing.
        problem: what is wrong with it, "" if nothing is.
        prekeys: one-time prekeys in the store that were uploaded to the server; None if they cannot be read.
        prekeys_total: all one-time prekeys in the store.
        devices: how many devices (accounts) the store holds.
        file: what is there at all.
        schema: version of the store's tables; None if it does not say.
        migrates_to: the version that a connecting client migrates older tables to; None if they are not older.
        unwritable: who may not write what, if a client would have to and cannot; "" if nothing is known of that.
    """

    intact: bool
    problem: str = ""
    prekeys: int | None = None
    prekeys_total: int | None = None
    devices: int | None = None
    file: StoreFile = StoreFile.STORE
    schema: int | None = None
    migrates_to: int | None = None
    unwritable: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the client while the session was observed."""

    at: datetime
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was observed of one session; not yet judged."""

    session: str
    target: str
    observations: Mapping[Aspect, Observation]
    events: tuple[Event, ...] = ()
    took: float = 0.0

    def get(self, aspect: Aspect) -> Observation | None:
        return self.observations.get(aspect)


class Severity(StrEnum):
    """How bad a finding is, the worst first. UNKNOWN means that it could not be determined, which is never healthy."""

    CRITICAL = "critical"
    UNKNOWN = "unknown"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Outcome(StrEnum):
    """The result of one check."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"  # follows from the finding of another check
    SKIPPED = "skipped"  # it was not asked for


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a remedy. `str(step)` is its text.

    Attributes:
        text: what to do, for a person.
        command: the command in it, as it would be typed; "" if there is none.
        safe: a program may run the command without asking: it connects nothing and sends nothing.
        verify: the command that runs the check again, to see whether the step worked; "" if `command` does that.
    """

    text: str
    command: str = ""
    safe: bool = False
    verify: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in the texts that a person needs.

    Attributes:
        check: id of the check that found it ("session.authenticated").
        cause: id of the cause in the catalogue ("device-removed").
        claim: what is wrong, one sentence.
        measured: the measured value that shows it, and the expected one.
        why: why it matters.
        remedy: the steps that fix it, in order.
    """

    check: str
    cause: str
    severity: Severity
    claim: str
    measured: str
    why: str
    remedy: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome. `finding` is set for WARN, FAIL and UNKNOWN; `note` is a text for the others."""

    check: str
    outcome: Outcome
    note: str = ""
    finding: Finding | None = None
    blocked_by: str = ""
    at: datetime | None = None


class Verdict(StrEnum):
    """The answer for a session."""

    HEALTHY = "healthy"  # can send
    DEGRADED = "degraded"  # can send, with warnings
    UNHEALTHY = "unhealthy"  # cannot send
    UNKNOWN = "unknown"  # could not be checked; never passes


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One session, judged.

    Attributes:
        findings: start with the root cause.
        simulated: the verdict is about a rehearsal on the simulator, not about a real session.
    """

    session: str
    target: str
    mode: Mode
    verdict: Verdict
    headline: str
    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    judged_at: datetime
    evidence: Evidence | None = field(default=None, repr=False)
    language: Language = Language.ENGLISH
    simulated: bool = False

    def result(self, check: str) -> CheckResult | None:
        return next((r for r in self.results if r.check == check), None)

    @property
    def root(self) -> Finding | None:
        return self.findings[0] if self.findings else None
