"""The nouns of a diagnosis: what was observed, what it means, and the verdict.

Everything here is frozen data without behaviour worth mocking. No sibling is imported: targets produce
`Evidence`, the judge turns it into a `Diagnosis`, reports read that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Mode(StrEnum):
    """How strictly a session is judged. Permissive lets non-critical findings pass with a warning."""

    PERMISSIVE = "permissive"
    STRICT = "strict"


class Language(StrEnum):
    """The languages that people are spoken to in (ISO 639-1). Ids and technical terms are the same in all."""

    ENGLISH = "en"
    INDONESIAN = "id"


class SocketState(StrEnum):
    """State of a session's WebSocket to WhatsApp, as the client reports it.

    CONNECTING to CLOSED carry the `readyState` numbers of the WebSocket standard (`number`). UNKNOWN is
    a value that nobody can interpret; ABSENT means that the client holds no socket at all.
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
    """One thing about a session that can be observed. The type of its value stands behind it."""

    EXISTS = "exists"  # bool
    STORE = "store"  # StoreFacts
    AUTHENTICATED = "authenticated"  # bool: paired, and not refused since
    DISCONNECT = "disconnect"  # Disconnect | None: why the connection was last refused or lost
    SOCKET = "socket"  # SocketState
    ROUND_TRIP = "round_trip"  # float: seconds until the server answered a question
    SEND_AVAILABLE = "send_available"  # bool: the client offers sendMessage
    TEXT = "text"  # Sent: a text was handed over and what the server said
    IMAGE = "image"  # Sent: the same for an image, its upload included


class Absence(StrEnum):
    """Why an aspect has no value. Only NOT_ASKED is harmless."""

    NOT_ASKED = "not-asked"  # nobody asked for it (deselected, no --send-to, passive look)
    BLOCKED = "blocked"  # an earlier step made it pointless
    TIMEOUT = "timeout"  # asked, and no answer within the deadline
    CRASHED = "crashed"  # the probe itself broke
    HELD = "held"  # somebody else uses the session, so it was left alone
    UNREACHABLE = "unreachable"  # what should have answered could not be reached
    REFUSED = "refused"  # whoever answered does not let us ask: no token, or a wrong one
    UNEXPECTED = "unexpected"  # something answered, but nothing that tells what was asked


@dataclass(frozen=True, slots=True)
class Observation:
    """One aspect as it was observed, or why it was not.

    Attributes:
        value: typed as `Aspect` says; None when `absence` is set (and for a DISCONNECT that never was).
        raw: what the source said literally, for a person ("is_connected=True is_logged_in=False").
        source: who said so ("neonize 0.5.2", "store", "GET /whatsapp/health/testing").
        at: when, timezone-aware UTC.
        took: seconds the look took.
        absence: set when there is no value; `detail` then says why in one sentence.
        variable: where `absence` is REFUSED, the environment variable that has (or should have) the token.
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

    @property
    def known(self) -> bool:
        return self.absence is None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Why a connection was refused or lost.

    Attributes:
        code: WhatsApp's code (401, 402, 403, 405, 440, 463, 500, 503 …), None where none was given.
        reason: the code's own word ("device_removed", "replaced"), "" where none was given.
        raw: the client's event in its own words.
        expires: when a temporary ban ends.
        permanent: the client will not reconnect by itself.
    """

    code: int | None
    reason: str
    at: datetime
    raw: str = ""
    expires: datetime | None = None
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message.

    Attributes:
        acknowledged: the *server* acknowledged it (neither delivery nor reading is implied).
        message_id: the id the client gave it, "" when it never got that far.
        code: the server's error code when it refused (463, 479, 500 …).
        stage: where it ended: "recipient" (nobody on WhatsApp has that number), "upload", "send" or "ack".
        error: the client's error in its own words.
        took: seconds from the call to the acknowledgement or error.
    """

    acknowledged: bool
    message_id: str = ""
    code: int | None = None
    stage: str = "ack"
    error: str = ""
    took: float = 0.0


class StoreFile(StrEnum):
    """What is at the place where a store should be."""

    STORE = "store"  # a store, or a file that a client has not used yet
    MISSING = "missing"  # nothing
    FOREIGN = "foreign"  # something else: a directory, or a file that is not a session store


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a session store says about itself, read without changing it.

    Attributes:
        intact: the file opened as a database and its integrity check found nothing.
        problem: what is wrong with it, "" when nothing is.
        prekeys: one-time prekeys in the store that were uploaded to the server; None when unreadable.
        prekeys_total: all one-time prekeys in the store.
        devices: how many devices (accounts) the store holds.
        file: what is there at all.
    """

    intact: bool
    problem: str = ""
    prekeys: int | None = None
    prekeys_total: int | None = None
    devices: int | None = None
    file: StoreFile = StoreFile.STORE


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a session's own log while it was looked at."""

    at: datetime
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was observed of one session: facts, no opinion."""

    session: str
    target: str
    observations: Mapping[Aspect, Observation]
    events: tuple[Event, ...] = ()
    took: float = 0.0

    def get(self, aspect: Aspect) -> Observation | None:
        return self.observations.get(aspect)


class Severity(StrEnum):
    """How bad a finding is, the worst first. UNKNOWN: it could not be determined, which is never healthy."""

    CRITICAL = "critical"
    UNKNOWN = "unknown"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Outcome(StrEnum):
    """What became of one check."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"  # follows from another check's finding, so nothing new can be known
    SKIPPED = "skipped"  # nobody asked for it


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a remedy. `str(step)` is its text.

    Attributes:
        text: what to do, for a person.
        command: the command in it, as it would be typed; "" where there is none to type.
        safe: the command may be run unasked: it only looks, connects nothing and sends nothing.
        verify: the command that shows whether the step worked, by the check of the finding; "" where `command` is that.
    """

    text: str
    command: str = ""
    safe: bool = False
    verify: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in the words a person needs.

    Attributes:
        check: id of the check that found it ("session.authenticated").
        cause: id of the cause in the catalogue ("device-removed").
        claim: what is wrong, one sentence.
        measured: how that is known: the measured value, and against what.
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
    """One check's outcome. `finding` is set for WARN, FAIL and UNKNOWN; `note` says the rest in words."""

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
    UNKNOWN = "unknown"  # could not look; never passes


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One session, judged.

    Attributes:
        findings: start with the root cause.
        simulated: the verdict is about a rehearsal on the simulator, and says nothing about a real session.
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
