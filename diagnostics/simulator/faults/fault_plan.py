"""Faults: on which event which action happens, from when on, how often and for how long; and which are due.

A `Fault` is data. A `Plan` is the list of faults of one account, and counts the events that each has seen. Events and
seconds are counted from the moment when the faults were applied.

    Fault(Event.LOGIN, Failure(405))                         every login is refused
    Fault(Event.MESSAGE, Refusal(463), nth=3, times=1)       the third message is refused
    Fault(Event.QUESTION, Refusal(429), only="usync")        every question of that namespace is answered with 429
    Fault(Event.SEND, Slow(latency=0.3), after=5, lasts=10)  in 5 s the connection becomes slow, for 10 s
    Fault(Event.TIME, StreamError(conflict="replaced"), after=5)     in 5 s another client replaces this one
    Fault(Event.TIME, Drop(), after=6, every=6)              ten drops per minute

The faults of an account act on its own devices. Events that happen before a connection has said which account it
belongs to (`NOBODYS`) can only be faulty for all clients of a server alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagnostics.simulator.faults.actions import (
    NOBODYS,
    TEN_YEARS,
    Action,
    BadHmac,
    Certificate,
    CutShort,
    Drop,
    Duplicate,
    Empty,
    Event,
    Exhausted,
    Failure,
    Garbage,
    HalfOpen,
    HttpStatus,
    Refusal,
    Reorder,
    Silence,
    Skew,
    Slow,
    StreamError,
    UploadAnswer,
    check_range,
)
from diagnostics.simulator.simulator_errors import SimulatorError

_SHORTEST = 0.01  # seconds; a shorter period would leave the server no time for anything else

_POSSIBLE: dict[Event, tuple[type[Action], ...]] = {
    Event.DIAL: (Silence, Drop, HttpStatus),
    Event.MEDIA: (Silence, Drop, HttpStatus),
    Event.UPGRADE: (Silence, Drop, HttpStatus),
    Event.HELLO: (Silence, Drop, Certificate),
    Event.SCAN: (Silence, Drop, BadHmac),
    Event.LOGIN: (Silence, Drop, HalfOpen, Failure, StreamError, Skew),
    Event.READY: (Drop, HalfOpen, StreamError),
    Event.QUESTION: (Silence, Drop, HalfOpen, StreamError, Refusal, Empty),
    Event.BUNDLE: (Refusal, Exhausted),
    Event.MESSAGE: (Silence, Drop, HalfOpen, StreamError, Refusal, Duplicate, Reorder),
    Event.ACKED: (Drop, HalfOpen, StreamError),
    Event.SEND: (Silence, CutShort, Garbage, Slow),
    Event.UPLOAD: (Silence, Drop, HttpStatus, UploadAnswer, Slow),
    Event.DOWNLOAD: (Silence, Drop, CutShort, Garbage, HttpStatus, Slow),
    Event.TIME: (Drop, HalfOpen, Garbage, StreamError),
}
_FILTERED = frozenset({Event.QUESTION, Event.SEND})


@dataclass(frozen=True, slots=True)
class Fault:
    """On `event`, `action` happens instead of the usual.

    Attributes:
        nth: number of the first such event on which it acts, 1 for the next one.
        times: how many times it acts; None for no limit.
        after: seconds until the fault begins to count events. At TIME: until it happens.
        lasts: seconds for which it then acts; None for no limit.
        every: at TIME, seconds until it happens again, at least 0.01; None for once.
        only: at QUESTION count only this namespace, at SEND only this tag; "" for all.
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
        check_range("after", self.after, 0, TEN_YEARS)
        if self.lasts is not None:
            check_range("lasts", self.lasts, _SHORTEST, TEN_YEARS)
        if self.every is not None:
            check_range("every", self.every, _SHORTEST, TEN_YEARS)
            if self.event is not Event.TIME:
                raise SimulatorError(f"every={self.every}: seconds between two events of {Event.TIME}, of nothing else")
        if self.only and self.event not in _FILTERED:
            raise SimulatorError(f"only={self.only!r}: {self.event} is one of a kind")


class Plan:
    """The faults of one account (or of all connections whose account is not known yet), and what each has counted."""

    __slots__ = ("_applied", "_faults", "_met")

    def __init__(self, faults: Iterable[Fault] = (), now: float = 0.0) -> None:
        """`now` is when the faults are applied, unix seconds."""
        self._faults = tuple(faults)
        self._met = [0] * len(self._faults)
        self._applied = now

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults

    def meet(self, event: Event, now: float, kind: str = "") -> Action | None:
        """Count an event.

        Args:
            event: what happens.
            now: unix seconds.
            kind: the namespace of a QUESTION, the tag at SEND.

        Returns:
            The action that happens instead of the usual, None for the usual.
        """
        action = None
        for number, fault in enumerate(self._faults):
            if fault.event is event and (not fault.only or fault.only == kind) and self._holds(fault, now):
                acts = self._count(number)
                action = action or (fault.action if acts else None)
        return action

    def timers(self) -> list[tuple[float, int]]:
        """When each fault of TIME happens first, unix seconds, and its number for `due`."""
        return [
            (self._applied + fault.after, number)
            for number, fault in enumerate(self._faults)
            if fault.event is Event.TIME
        ]

    def due(self, number: int, now: float) -> tuple[Action | None, float | None]:
        """A fault of TIME is due: the action if it acts now, and when it is due again, each None if not."""
        fault = self._faults[number]
        action = fault.action if self._holds(fault, now) and self._count(number) else None
        ended = fault.times is not None and self._met[number] >= fault.nth + fault.times - 1
        again = None if fault.every is None or ended or not self._holds(fault, now) else now + fault.every
        return action, again

    def _holds(self, fault: Fault, now: float) -> bool:
        begins = self._applied + fault.after
        return begins <= now and (fault.lasts is None or now < begins + fault.lasts)

    def _count(self, number: int) -> bool:
        """Count one more event for the fault; returns whether the fault acts on it."""
        self._met[number] += 1
        fault, count = self._faults[number], self._met[number]
        return fault.nth <= count and (fault.times is None or count < fault.nth + fault.times)


def refuse_misplaced(faults: Iterable[Fault], *, of_an_account: bool) -> None:
    """Raise SimulatorError for a fault that cannot belong to an account, or cannot belong to all clients."""
    for fault in faults:
        if of_an_account and fault.event in NOBODYS:
            raise SimulatorError(f"on {fault.event} it is not known yet whose connection it is: apply it to all (None)")
        if not of_an_account and fault.event not in NOBODYS:
            raise SimulatorError(f"{fault.event} happens to an account: say to which")
