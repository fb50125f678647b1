"""Everything that the simulator can do wrong on purpose, as data.

A `Fault` says on which event something else happens instead, what, from which such event on, how often, and in which
span of time. Events and seconds are counted from the moment when the faults were applied.

    Fault(Event.LOGIN, Failure(405))                         every login is refused
    Fault(Event.MESSAGE, Refusal(463), nth=3, times=1)       the third message is refused
    Fault(Event.QUESTION, Refusal(429), only="usync")        every question of that namespace is answered with 429
    Fault(Event.SEND, Slow(latency=0.3), after=5, lasts=10)  for ten seconds, beginning in five, the line is slow
    Fault(Event.TIME, StreamError(conflict="replaced"), after=5)     in five seconds another client takes over
    Fault(Event.TIME, Drop(), after=6, every=6)              ten drops a minute

Faults of an account act on its own devices. What happens before a connection has said whose it is (`NOBODYS`) can
only go wrong for all clients of a server alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from diagnostics.simulator.errors import SimulatorError

_YEARS = 315_360_000.0  # ten of them, in seconds
_MOMENT = 0.01  # seconds; what happens more often leaves the server no time for anything else


def _within(name: str, value: float, least: float, most: float) -> None:
    """Raise SimulatorError for what is not from `least` to `most`, as no number (NaN) is."""
    if not least <= value <= most:
        raise SimulatorError(f"{name}={value}: a number from {least:.15g} to {most:.15g}")


class Event(StrEnum):
    """What happens at the server, and what a fault can wait for."""

    # of any client
    DIAL = "dial"  # the proxy is asked for WhatsApp's websocket host
    MEDIA = "media"  # the proxy is asked for the media host
    UPGRADE = "upgrade"  # the websocket is to be opened
    HELLO = "hello"  # the Noise handshake has begun: the server is to show its certificate
    # of an account
    SCAN = "scan"  # the phone has read a client's code and is to answer it
    LOGIN = "login"  # a linked device has shown its keys and waits for <success>
    READY = "ready"  # the login is complete: the answer was sent that lets the client say "connected"
    QUESTION = "question"  # an <iq> waits for its answer; `only`: its xmlns
    BUNDLE = "bundle"  # somebody asks for the prekeys of one of the account's devices
    MESSAGE = "message"  # a message waits for its acknowledgement
    SEND = "send"  # the server is about to send a stanza; `only`: its tag
    UPLOAD = "upload"  # media was posted and waits for its address
    DOWNLOAD = "download"  # media that the account has uploaded is asked for, by whomever
    TIME = "time"  # nothing but time has passed: `after` seconds, and then again `every` so many


NOBODYS = frozenset({Event.DIAL, Event.MEDIA, Event.UPGRADE, Event.HELLO})


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is answered: to a login nor anything behind it, to a message no acknowledgement.

    At SEND the stanza is lost: a client that gets nothing any more is deaf.
    """


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends without a word of WhatsApp's. At READY the client is given time to read what came before.

    Attributes:
        how: "cut": TCP ends; "goodbye": the websocket is closed in good order first; "reset": TCP is reset.
    """

    how: Literal["cut", "goodbye", "reset"] = "cut"


@dataclass(frozen=True, slots=True)
class CutShort:
    """Half of the frame is sent, then TCP is reset; of a file half the bytes that were promised."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """The connection stays, and nobody is at its other end: nothing is read and nothing sent any more."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A frame of nonsense comes first; a file is nonsense of its own size.

    Attributes:
        sealed: it is encrypted as it should be, and holds no stanza; else it does not even decrypt, and as both ends
            count frames for their nonces, nothing behind it on this connection does.
        size: bytes, up to a million.
    """

    sealed: bool = True
    size: int = 64

    def __post_init__(self) -> None:
        _within("size", self.size, 0, 1_000_000)


@dataclass(frozen=True, slots=True)
class Slow:
    """What the server sends is late, though in order; a file takes its time, in either direction.

    Attributes:
        latency: seconds.
        bandwidth: bytes a second that the server sends, 0 for no limit. Of an upload: that it takes.
    """

    latency: float = 0.0
    bandwidth: float = 0.0

    def __post_init__(self) -> None:
        _within("latency", self.latency, 0, _YEARS)
        _within("bandwidth", self.bandwidth, 0, 1e12)


@dataclass(frozen=True, slots=True)
class Skew:
    """The server's clock is wrong for as long as the connection lasts: by so many seconds, ahead if positive."""

    seconds: float

    def __post_init__(self) -> None:
        _within("seconds", self.seconds, -_YEARS, _YEARS)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate chain of the server's Noise key is wrong.

    Attributes:
        wrong: "root": signed by a root that the client does not trust; "serial": its issuers are numbered wrongly;
            "expired", "early": not valid any more, not yet; "key": it certifies another key than the server's.
    """

    wrong: Literal["root", "serial", "expired", "early", "key"]


@dataclass(frozen=True, slots=True)
class BadHmac:
    """The phone's answer to a scan is not signed with the secret of the code."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`<failure reason=…>`: the login is refused.

    Attributes:
        reason: 400, 401, 402, 403, 405, 406, 409, 500, 503 …
        code: with 402, why: 101 too many strangers, 102 blocked by users, 103 groups, 104 same message, 106 broadcast.
        expire: with 402, seconds until the ban ends.
    """

    reason: int
    code: int | None = None
    expire: int | None = None


@dataclass(frozen=True, slots=True)
class StreamError:
    """`<stream:error code=…>`, perhaps with a `<conflict type=…>`: the session is ended.

    Attributes:
        keep_open: the connection stays, though nothing is answered any more.
    """

    code: int | None = None
    conflict: str = ""
    keep_open: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer is this error.

    Attributes:
        error: to a message 463 reach-out timelock, 479 invalid, 429 too many …; to a question 400, 401, 403, 404,
            406, 429, 500, 503 …
    """

    error: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The acknowledgement comes several times.

    Attributes:
        copies: how often in all, up to a hundred.
    """

    copies: int = 2

    def __post_init__(self) -> None:
        _within("copies", self.copies, 1, 100)


@dataclass(frozen=True, slots=True)
class Reorder:
    """Acknowledgements are held back until there are `among` of them, and come in the opposite order."""

    among: int = 2

    def __post_init__(self) -> None:
        _within("among", self.among, 1, 100)


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The device has no one-time prekey left."""


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """The answer is this HTTP status."""

    status: int

    def __post_init__(self) -> None:
        _within("status", self.status, 200, 599)


Action: TypeAlias = (
    Silence
    | Drop
    | CutShort
    | HalfOpen
    | Garbage
    | Slow
    | Skew
    | Certificate
    | BadHmac
    | Failure
    | StreamError
    | Refusal
    | Duplicate
    | Reorder
    | Exhausted
    | HttpStatus
)

_POSSIBLE: dict[Event, tuple[type[Action], ...]] = {
    Event.DIAL: (Silence, Drop, HttpStatus),
    Event.MEDIA: (Silence, Drop, HttpStatus),
    Event.UPGRADE: (Silence, Drop, HttpStatus),
    Event.HELLO: (Silence, Drop, Certificate),
    Event.SCAN: (Silence, Drop, BadHmac),
    Event.LOGIN: (Silence, Drop, HalfOpen, Failure, StreamError, Skew),
    Event.READY: (Drop, HalfOpen, StreamError),
    Event.QUESTION: (Silence, Drop, Refusal),
    Event.BUNDLE: (Refusal, Exhausted),
    Event.MESSAGE: (Silence, Drop, Refusal, Duplicate, Reorder),
    Event.SEND: (Silence, CutShort, Garbage, Slow),
    Event.UPLOAD: (Silence, Drop, HttpStatus, Slow),
    Event.DOWNLOAD: (Silence, Drop, CutShort, Garbage, HttpStatus, Slow),
    Event.TIME: (Drop, HalfOpen, Garbage, StreamError),
}
_FILTERED = frozenset({Event.QUESTION, Event.SEND})


@dataclass(frozen=True, slots=True)
class Fault:
    """On `event`, `action` happens.

    Attributes:
        nth: from this such event on, 1 being the next.
        times: how often; None for good.
        after: seconds before the fault begins to count. At TIME: when it happens.
        lasts: seconds for which it holds from then on; None for good.
        every: at TIME, the seconds until it happens again, at least 0.01; None for once.
        only: at QUESTION the namespace, at SEND the tag, that alone counts; "" for all.
    """

    event: Event
    action: Action
    nth: int = 1
    times: int | None = None
    after: float = 0.0
    lasts: float | None = None
    every: float | None = None
    only: str = ""

    def __post_init__(self) -> None:
        possible = _POSSIBLE[self.event]
        if not isinstance(self.action, possible):
            names = ", ".join(kind.__name__ for kind in possible)
            raise SimulatorError(f"{type(self.action).__name__} cannot happen on {self.event}; possible: {names}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise SimulatorError(f"nth={self.nth}, times={self.times}: both count from 1")
        _within("after", self.after, 0, _YEARS)
        if self.lasts is not None:
            _within("lasts", self.lasts, _MOMENT, _YEARS)
        if self.every is not None:
            _within("every", self.every, _MOMENT, _YEARS)
            if self.event is not Event.TIME:
                raise SimulatorError(f"every={self.every}: seconds between two events of {Event.TIME}, of nothing else")
        if self.only and self.event not in _FILTERED:
            raise SimulatorError(f"only={self.only!r}: {self.event} is one of a kind")


class Plan:
    """The faults of one account (or of all connections that are nobody's yet), and what each has counted."""

    __slots__ = ("_applied", "_faults", "_met")

    def __init__(self, faults: Iterable[Fault] = (), now: float = 0.0) -> None:
        """`now` is when they are applied, unix seconds."""
        self._faults = tuple(faults)
        self._met = [0] * len(self._faults)
        self._applied = now

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults

    def meet(self, event: Event, now: float, kind: str = "") -> Action | None:
        """Count the event, of that namespace or tag; what happens instead of the usual, None for the usual."""
        action = None
        for number, fault in enumerate(self._faults):
            if fault.event is event and (not fault.only or fault.only == kind) and self._holds(fault, now):
                acts = self._count(number)
                action = action or (fault.action if acts else None)
        return action

    def timers(self) -> list[tuple[float, int]]:
        """When each fault of TIME happens first, unix seconds, and its number for `ring`."""
        return [
            (self._applied + fault.after, number)
            for number, fault in enumerate(self._faults)
            if fault.event is Event.TIME
        ]

    def ring(self, number: int, now: float) -> tuple[Action | None, float | None]:
        """The time has come: what happens, if anything, and when it is to ring again, if at all."""
        fault = self._faults[number]
        action = fault.action if self._holds(fault, now) and self._count(number) else None
        ended = fault.times is not None and self._met[number] >= fault.nth + fault.times - 1
        again = None if fault.every is None or ended or not self._holds(fault, now) else now + fault.every
        return action, again

    def _holds(self, fault: Fault, now: float) -> bool:
        begins = self._applied + fault.after
        return begins <= now and (fault.lasts is None or now < begins + fault.lasts)

    def _count(self, number: int) -> bool:
        """Count one more for the fault; whether it acts."""
        self._met[number] += 1
        fault, count = self._faults[number], self._met[number]
        return fault.nth <= count and (fault.times is None or count < fault.nth + fault.times)


def refuse_misplaced(faults: Iterable[Fault], *, of_an_account: bool) -> None:
    """Raise SimulatorError for a fault that cannot be of an account, or not of a whole server."""
    for fault in faults:
        if of_an_account and fault.event in NOBODYS:
            raise SimulatorError(f"on {fault.event} it is not known yet whose connection it is: apply it to all (None)")
        if not of_an_account and fault.event not in NOBODYS:
            raise SimulatorError(f"{fault.event} happens to an account: say to which")
