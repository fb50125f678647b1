"""The contract between the HTTP side and whoever holds sessions: the gateway's own fleet, or an attached bot.

Nothing here does I/O. Routes depend on these protocols only, never on the fleet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from diagnostics.catalogue.reconnect import By
from diagnostics.errors import DiagnosticsError
from diagnostics.model import Disconnect, Evidence, Sent

SESSION_NAME = r"^[a-zA-Z0-9._-]{1,64}$"  # of every session; callers check it


class Phase(StrEnum):
    """Where a session stands in its life, in one word for lists and events."""

    PAIRING = "pairing"  # shows a QR code, or could
    CONNECTING = "connecting"  # a client was started, and has not said anything decisive yet
    ONLINE = "online"  # logged in, and not lost since
    WAITING = "waiting"  # will connect again; `Reconnecting.next_at` says when
    STOPPED = "stopped"  # will not connect again by itself; `Reconnecting` says why


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """What was decided about connecting again, by the catalogue's reconnect table.

    Attributes:
        attempts: connections tried in a row since the session was last online.
        next_at: when the next one is tried; None where none is planned.
        action: the table's word: "at-once", "backoff", "once", "never"; "" where nothing was lost.
        code, name: of the table's row; `catalogue.reconnect.why` has its words.
        by: who connects again.
    """

    attempts: int = 0
    next_at: datetime | None = None
    action: str = ""
    code: int | None = None
    name: str = ""
    by: By = By.GATEWAY


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session as it is known right now.

    Attributes:
        evidence: what the judge judges; every aspect but TEXT and IMAGE is answered or says why not.
        observed_at: when its oldest live fact was seen (socket, round trip), timezone-aware UTC.
        last_disconnect: the last refusal or loss, kept after the session came back; None if there never was one.
        jid: the account it is linked to, "" while it is not.
    """

    evidence: Evidence
    phase: Phase
    observed_at: datetime
    last_connected: datetime | None = None
    last_disconnect: Disconnect | None = None
    reconnecting: Reconnecting = Reconnecting()
    jid: str = ""


class Stage(StrEnum):
    """What is known about a message, in this order."""

    ACCEPTED = "accepted"  # handed to the client
    ACKNOWLEDGED = "acknowledged"  # the server has it
    DELIVERED = "delivered"  # a device of the recipient has it
    READ = "read"
    FAILED = "failed"  # refused, or given up


UNREADABLE = "acknowledged, and encrypted for none of the recipient's devices"


@dataclass(frozen=True, slots=True)
class Message:
    """A message and how far it is known to have come.

    Attributes:
        id: WhatsApp's, which the client tells with the acknowledgement; "" before that.
        kind: "text" or "image".
        times: when each stage was reached, for those that were.
        code: the server's error code where it refused (463, 479, 429 …).
        error: the client's error in its own words where it failed, or where nobody knows whether it did; `UNREADABLE`
            where it was acknowledged and encrypted for nobody.
        ticket: ours, from the beginning on.
    """

    session: str
    id: str
    kind: str
    stage: Stage
    times: dict[Stage, datetime]
    code: int | None = None
    error: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class WaitingMessage(Message):
    """A message that its caller waited for in vain.

    Attributes:
        waits_for: the stage that it is at, as `model.Sent.stage`.
    """

    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A pairing QR code. A credential: whoever scans it owns the session."""

    text: str
    shown_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Something about a session changed; for server-sent events. Never carries a number, a QR or a text.

    Attributes:
        session: "" for what is of the gateway itself.
        name: "phase", "qr" (a new code can be fetched), "message" (a stage was reached), "gone", "state" (whether the
            gateway's state can be written).
        detail: the phase, the message's id (or ticket) and stage, or "writable" or "unwritable: " and why.
    """

    session: str
    name: str
    detail: str
    at: datetime


class GatewayProblem(DiagnosticsError):
    """Base of what sessions refuse; every message is a sentence for the caller."""


class NoSuchSession(GatewayProblem):
    """There is no session of this name."""


class AlreadyPaired(GatewayProblem):
    """The session is linked to a phone already, so it shows no QR code."""


class NotPaired(GatewayProblem):
    """The session is not linked to a phone yet, or not any more."""


class NotConnected(GatewayProblem):
    """The session did not log in in time, or will not; nothing was done. `reconnecting` says what was decided."""

    def __init__(self, text: str, phase: Phase, reconnecting: Reconnecting) -> None:
        super().__init__(text)
        self.phase = phase
        self.reconnecting = reconnecting


class NoCodeYet(GatewayProblem):
    """No QR or pairing code came in time: WhatsApp cannot be reached, or does not answer."""


class SendRefused(GatewayProblem):
    """The server or the client refused a message; `message` says how far it came, `sent` where it ended."""

    def __init__(self, text: str, message: Message, sent: Sent) -> None:
        super().__init__(text)
        self.message = message
        self.sent = sent


class Interrupted(GatewayProblem):
    """The worker that holds the sessions ended or hangs, and is being restarted; the call may or may not have taken
    effect."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after  # s


class StateUnwritable(GatewayProblem):
    """The gateway's state cannot be written (a full disk), so nothing is sent or linked; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the gateway's state cannot be written: {reason}")
        self.reason = reason


class HealthSource(Protocol):
    """Whoever can say how sessions are."""

    def names(self) -> Sequence[str]:
        """All sessions, in order."""

    async def look(self, session: str, *, fresh: bool = False) -> SessionView:
        """How a session is, from what is known: milliseconds. With `fresh` the server is asked again: seconds at most.

        Raises:
            NoSuchSession.
        """

    def ready(self) -> str:
        """Why no session can be served right now (the worker is being restarted …); "" if they can."""


class Sessions(HealthSource, Protocol):
    """Whoever holds sessions and may use them. Every name is `[a-zA-Z0-9._-]{1,64}`, checked by the caller.

    All may raise Interrupted and StateUnwritable; all but `qr` and `pair_code` raise NoSuchSession.
    """

    async def qr(self, session: str, *, deadline: float) -> QrCode:
        """The current QR code; makes the session where there is none, and starts again where the codes ran out.

        Raises:
            AlreadyPaired, NoCodeYet.
        """

    async def pair_code(self, session: str, phone: str, *, deadline: float) -> str:
        """The code ("ABCD-EFGH") to type into the phone with this number (digits). Makes the session as `qr` does.

        Raises:
            AlreadyPaired, NoCodeYet; a plain GatewayProblem where WhatsApp refuses the number.
        """

    async def find(self, session: str, phone: str, *, deadline: float) -> str:
        """The JID of a number (digits) on WhatsApp; "" if it is on no account.

        A session that is connecting is waited for.

        Raises:
            NotPaired, NotConnected; GatewayProblem where the server does not say.
        """

    async def send_text(self, session: str, to: str, text: str, *, until: Stage, deadline: float) -> Message:
        """Send, and wait until the message has come as far as `until` or `deadline` seconds have passed.

        A session that is connecting is waited for, as long.

        Raises:
            NotPaired, NotConnected, SendRefused.
        """

    async def send_image(
        self, session: str, to: str, image: bytes, caption: str, *, until: Stage, deadline: float, verify: bool = False
    ) -> Message:
        """As `send_text`, for an image (JPEG, PNG, WebP); `verify`: only if it can be downloaded after the upload."""

    def message(self, session: str, message_id: str) -> Message | None:
        """What is known about a message that was sent here, by its id or its ticket; None if nothing is."""

    async def log_out(self, session: str) -> None:
        """Unlink the session at WhatsApp where that can be done, and delete it here."""

    async def reconnect(self, session: str) -> None:
        """Close the session's client and connect again at once, whatever the table says.

        Raises:
            NotPaired.
        """

    def unwritable(self) -> str:
        """Why the state cannot be written, "" if it can."""

    def changes(self) -> AsyncIterator[Change]:
        """Every change from now on, until the caller stops; a slow caller loses the oldest ones."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a request that carried an Idempotency-Key.

    Attributes:
        request: a digest of what was asked; another request under the same key is a mistake.
        status: of HTTP; None while the request runs, or if it was cut short and nobody knows what became of it.
        body: JSON.
    """

    request: str
    status: int | None
    body: bytes


class Answers(Protocol):
    """Where first answers are kept, for 24 h, beyond the life of the process."""

    async def newest(self) -> datetime | None:
        """The `now` of the key that was reserved last; None where there is none."""

    async def idempotent(self, token: str, key: str, request: str, now: datetime) -> Answer | None:
        """Reserve the key, atomically: None if it was free, else what is known of the first request.

        Args:
            token: the name of the caller's token; the keys of different callers are different.
            request: a digest, at most 64 characters; so is `key`.
        """

    async def answered(self, token: str, key: str, status: int, body: bytes) -> None:
        """What the request that reserved the key was answered."""

    async def unreserved(self, token: str, key: str) -> None:
        """The request had no effect and may be made again under the same key."""
