"""Everything that the simulator can do wrong on purpose, as data.

A `Fault` says on which event of an account something else happens instead, what, from which such event on, and how
often. Events are counted from the moment when the faults were applied.

    Fault(Event.LOGIN, Failure(405))                        every login is refused
    Fault(Event.MESSAGE, Refusal(463), nth=3, times=1)      the third message is refused
    Fault(Event.LOGIN, Silence(), nth=2)                    the first login works, no later one is answered
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from diagnostics.simulator.errors import SimulatorError


class Event(StrEnum):
    """What a client does to an account, and what a fault can wait for."""

    LOGIN = "login"  # a linked device has shown its keys and waits for <success>
    READY = "ready"  # the login is complete: the answer was sent that lets the client say "connected"
    MESSAGE = "message"  # a message waits for its acknowledgement
    UPLOAD = "upload"  # media was posted and waits for its address


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is answered: to a login nor anything behind it, to a message no acknowledgement."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is cut without a word. At READY the client is given time to read what came before."""


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
    """`<stream:error code=…>`, perhaps with a `<conflict type=…>`: the session is ended."""

    code: int | None = None
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message is acknowledged with an error: 463 reach-out timelock, 479 invalid, 429 too many …"""

    error: int


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """An upload is answered with this HTTP status."""

    status: int


Action: TypeAlias = Silence | Drop | Failure | StreamError | Refusal | HttpStatus

_POSSIBLE: dict[Event, tuple[type[Action], ...]] = {
    Event.LOGIN: (Silence, Drop, Failure, StreamError),
    Event.READY: (Drop, StreamError),
    Event.MESSAGE: (Silence, Drop, Refusal),
    Event.UPLOAD: (Silence, Drop, HttpStatus),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """On `event`, `action` happens: from the `nth` such event on (1 is the next), `times` times or for good."""

    event: Event
    action: Action
    nth: int = 1
    times: int | None = None

    def __post_init__(self) -> None:
        possible = _POSSIBLE[self.event]
        if not isinstance(self.action, possible):
            names = ", ".join(kind.__name__ for kind in possible)
            raise SimulatorError(f"{type(self.action).__name__} cannot happen on {self.event}; possible: {names}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise SimulatorError(f"nth={self.nth}, times={self.times}: both count from 1")


class Plan:
    """The faults of one account, and how often each event has been met since they were applied."""

    __slots__ = ("_faults", "_met")

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._met = dict.fromkeys(Event, 0)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults

    def meet(self, event: Event) -> Action | None:
        """Count the event; what happens instead of the usual, None for the usual."""
        self._met[event] += 1
        count = self._met[event]
        for fault in self._faults:
            last = None if fault.times is None else fault.nth + fault.times - 1
            if fault.event is event and fault.nth <= count and (last is None or count <= last):
                return fault.action
        return None
