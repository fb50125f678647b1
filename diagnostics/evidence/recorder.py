"""Collect the observations of one session, step by step.

Steps record what they observed, or why an aspect is absent. At the end `rest_absent` gives every requested aspect that
is still missing a reason, so that evidence is never silently incomplete.
"""

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
    """Observations of one session, limited to the aspects of its request. A later one replaces an earlier one.

    Attributes:
        source: the source of the observations that follow.
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

    def forget(self, aspect: Aspect) -> None:
        """Take an observation back, because it need not hold any more."""
        self._seen.pop(aspect, None)

    @property
    def seen(self) -> tuple[Observation, ...]:
        return tuple(self._seen.values())

    def put(self, *observations: Observation) -> None:
        """Add observations that were made elsewhere, or earlier."""
        for observation in observations:
            if self.asks(observation.aspect):
                self._seen[observation.aspect] = observation

    def record(self, aspect: Aspect, value: Any, *, raw: str, since: float) -> None:
        """Record a value.

        Args:
            raw: what the source said literally.
            since: `time.monotonic()` at the start of the step.
        """
        if self.asks(aspect):
            took = time.monotonic() - since
            self._seen[aspect] = Observation(aspect, self._clock(), value, raw=raw, source=self.source, took=took)

    def absent(
        self,
        aspect: Aspect,
        absence: Absence,
        detail: str,
        since: float | None = None,
        *,
        variable: str = "",
        code: int | None = None,
    ) -> None:
        """Record why an aspect has no value.

        Args:
            since: as for `record`; None if no time was spent on it.
            variable: the environment variable of the token, where that was refused.
            code: the server's code, where it answered with an error.
        """
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
                code=code,
            )

    def rest_absent(self, absence: Absence, detail: str, *, variable: str = "") -> None:
        """Record every requested aspect that has no observation yet as absent, for this reason."""
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
