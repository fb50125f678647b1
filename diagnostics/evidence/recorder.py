"""What one look has seen so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Event, Evidence, Observation

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Recorder:
    """Observations of one session, of the aspects that its request asks for; a later note replaces an earlier one.

    Attributes:
        source: who says what is noted from now on.
    """

    def __init__(self, request: Request, clock: Clock) -> None:
        self.request = request
        self.source = ""
        self._clock = clock
        self._started = time.monotonic()
        self._seen: dict[Aspect, Observation] = {}

    def asks(self, *aspects: Aspect) -> bool:
        return not self.request.aspects.isdisjoint(aspects)

    def has(self, aspect: Aspect) -> bool:
        return aspect in self._seen

    @property
    def seen(self) -> tuple[Observation, ...]:
        return tuple(self._seen.values())

    def put(self, *observations: Observation) -> None:
        """Take over what was observed elsewhere, or earlier."""
        for observation in observations:
            if self.asks(observation.aspect):
                self._seen[observation.aspect] = observation

    def record(self, aspect: Aspect, value: Any, *, raw: str, since: float) -> None:
        """`since` is the `time.monotonic()` at which this look began."""
        if self.asks(aspect):
            took = time.monotonic() - since
            self._seen[aspect] = Observation(aspect, self._clock(), value, raw=raw, source=self.source, took=took)

    def absent(
        self, aspect: Aspect, absence: Absence, detail: str, since: float | None = None, *, variable: str = ""
    ) -> None:
        """`since` is given where looking for it took time; `variable` where a token was refused."""
        if self.asks(aspect):
            took = 0.0 if since is None else time.monotonic() - since
            self._seen[aspect] = Observation(
                aspect,
                self._clock(),
                source=self.source,
                took=took,
                absence=absence,
                detail=detail,
                variable=variable,
            )

    def rest_absent(self, absence: Absence, detail: str, *, variable: str = "") -> None:
        """Everything asked for and not seen yet is absent for this reason."""
        for aspect in Aspect:
            if aspect not in self._seen:
                self.absent(aspect, absence, detail, variable=variable)

    def evidence(self, target: str, events: tuple[Event, ...] = ()) -> Evidence:
        return Evidence(
            session=self.request.session,
            target=target,
            observations={aspect: self._seen[aspect] for aspect in Aspect if aspect in self._seen},
            events=events,
            took=time.monotonic() - self._started,
        )
