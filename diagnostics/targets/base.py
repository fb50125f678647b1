"""What every target offers: describe itself, and look at sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from diagnostics.evidence.request import Request
from diagnostics.model import Evidence


class Looker(Protocol):
    """A target that is ready.

    `look` observes the given sessions, concurrently, and yields each session's evidence as it completes. It never
    raises for a sick session: what could not be observed is an Observation with an absence.
    """

    def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]: ...


class Target(Protocol):
    """A way to look at sessions.

    `describe` is the line a person reads in the header. `open` acquires what all sessions share (the simulator, a
    worker, an HTTP pool).
    """

    def describe(self) -> str: ...

    def open(self) -> AbstractAsyncContextManager[Looker]: ...
