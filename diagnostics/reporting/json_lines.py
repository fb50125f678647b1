"""Diagnoses as JSON on a stream: one document at the end, or one line for each session as it is finished.

The exit code of a run is known to its caller only, so the caller closes the document with `finish`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from diagnostics import __version__
from diagnostics.evidence.documents import of_diagnosis, of_run
from diagnostics.model import Diagnosis

SUITE = f"whatsapp-diagnostics {__version__}"


class JsonOutput:
    """A sink of a run (`running.sinks.Sink`) that writes documents (`evidence.documents`).

    With `lines` (NDJSON) each session's diagnosis is written as it is made, as an object with "kind": "diagnosis"; the
    last line has "kind": "run" and everything of a run's document but its sessions. Otherwise one document is written
    at the end.

    Attributes:
        problem: why the stream cannot be written; "" while it can. Nothing more is written then.
    """

    def __init__(self, out: TextIO, *, lines: bool) -> None:
        self._out = out
        self._lines = lines
        self._documents: list[dict[str, Any]] = []
        self._started_at = datetime.now(UTC)
        self._end: Any = None
        self.problem = ""

    def begin(self, sessions: int, started_at: datetime) -> None:
        del sessions
        self._started_at = started_at

    def diagnosed(self, diagnosis: Diagnosis) -> None:
        document = of_diagnosis(diagnosis)
        if self._lines:
            self._write({"kind": "diagnosis", **document})
            document = {"verdict": document["verdict"]}  # that is all that the counts need
        self._documents.append(document)

    def waiting(self, seconds: float) -> None:
        pass

    def end(self, end: Any) -> None:
        self._end = end

    def finish(self, exit_code: int) -> None:
        """Write what is left to write. Does nothing if the run never began."""
        if self._end is None:
            return
        document = of_run(
            self._documents,
            suite=SUITE,
            started_at=self._started_at,
            ended_at=self._end.ended_at,
            stopped_by=self._end.stopped_by,
            unfinished=self._end.unfinished,
            exit_code=exit_code,
        )
        if self._lines:
            del document["sessions"]
            self._write({"kind": "run", **document})
        else:
            self._put(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())

    def _write(self, document: dict[str, Any]) -> None:
        self._put(msgspec.json.encode(document).decode())

    def _put(self, text: str) -> None:
        if self.problem:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except BrokenPipeError:  # the reader (head, jq) has seen enough; the run goes on, and its exit code holds
            self._write_to_nowhere()
        except OSError as error:
            self.problem = error.strerror or type(error).__name__
            self._write_to_nowhere()

    def _write_to_nowhere(self) -> None:
        """What is in the stream's buffer is flushed once more when the process ends, and must not fail again."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
