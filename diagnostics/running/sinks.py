"""Where diagnoses go: a sink is told of each one as it is made, and of the end.

A run knows its sinks by this protocol only. The terminal's progress, JSON on standard output and the results that
pytest's items read are three of them; none knows another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from diagnostics.model import Diagnosis


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended.

    Attributes:
        ended_at: timezone-aware, UTC.
        stopped_by: the signal that stopped the run ("SIGINT"), "" where it ended by itself.
        unfinished: the names of the sessions that were not looked at to the end, redacted.
    """

    ended_at: datetime
    stopped_by: str
    unfinished: Sequence[str]


class Sink(Protocol):
    """Takes diagnoses. Called in the thread of the run, one call at a time."""

    def begin(self, sessions: int, started_at: datetime) -> None:
        """So many sessions are about to be looked at."""

    def diagnosed(self, diagnosis: Diagnosis) -> None:
        """One session was judged; everything in the diagnosis is redacted."""

    def waiting(self, seconds: float) -> None:
        """Called several times a second while sessions are looked at; `seconds` since the begin."""

    def end(self, end: RunEnd) -> None:
        """All sessions are judged, or the run was stopped."""
