"""Progress while sessions are looked at: a bar on a terminal, a line now and then elsewhere.

A run that is over within `QUIET` seconds shows nothing. On a terminal rich draws a bar that goes again; elsewhere (a
CI log, a file) a line is written every `EVERY` seconds, so that a person who follows it sees that something happens.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from diagnostics.model import Diagnosis, Verdict

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

QUIET = 1.0  # s
EVERY = 10.0  # s
_BAD = (Verdict.UNHEALTHY, Verdict.UNKNOWN)


class Progress:
    """A sink of a run (`running.sinks.Sink`) that writes to a stream, and nothing else.

    Args:
        out: the stream; whether it is a terminal is asked of it.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._all = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._written = 0.0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def begin(self, sessions: int, started_at: datetime) -> None:
        del started_at
        self._all = sessions

    def diagnosed(self, diagnosis: Diagnosis) -> None:
        self._verdicts[diagnosis.verdict] += 1

    def waiting(self, seconds: float) -> None:
        if seconds < QUIET:
            return
        if self._out.isatty():
            self._draw()
        elif seconds - self._written >= EVERY:
            self._written = seconds
            self._out.write(f"{self._said()}, {seconds:.0f} s\n")
            self._out.flush()

    def end(self, end: Any) -> None:
        del end
        if self._bar is not None:
            self._bar.stop()

    def _said(self) -> str:
        done, bad = self._verdicts.total(), sum(self._verdicts[verdict] for verdict in _BAD)
        return f"{done} of {self._all} sessions looked at" + (f", {bad} not fit" if bad else "")

    def _draw(self) -> None:
        if self._bar is None or self._task is None:
            from rich.console import Console  # noqa: PLC0415 - only for who waits at a terminal
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
            from rich.progress import Progress as Bar  # noqa: PLC0415

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, console=Console(file=self._out), transient=True)
            self._task = self._bar.add_task(self._said(), total=self._all)
            self._bar.start()
        self._bar.update(self._task, description=self._said(), completed=self._verdicts.total())
