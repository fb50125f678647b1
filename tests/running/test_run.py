"""A run without pytest: real sessions on the simulator, and sinks that are told of each."""

from __future__ import annotations

import os
import signal
import threading
from datetime import datetime
from pathlib import Path

import pytest

from diagnostics.config import CommandLine, plan
from diagnostics.model import Diagnosis, Verdict
from diagnostics.running.invocation import Invocation
from diagnostics.running.run import Run
from diagnostics.running.sinks import RunEnd


def run_of(*sessions: str, deadline: str = "10", invocation: Invocation | None = None, **options: str) -> Run:
    line = CommandLine(sessions=sessions, deadline=deadline, **options)
    run = Run(plan(line, {}, cwd=Path("/")), invocation)
    run.select_all()
    return run


class RecordingSink:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.sessions = 0
        self.diagnoses: list[Diagnosis] = []
        self.waited = 0.0
        self.ended: RunEnd | None = None

    def begin(self, sessions: int, started_at: datetime) -> None:
        assert started_at.tzinfo is not None
        self.sessions = sessions

    def diagnosed(self, diagnosis: Diagnosis) -> None:
        self.diagnoses.append(diagnosis)

    def waiting(self, seconds: float) -> None:
        self.waited = seconds

    def end(self, end: RunEnd) -> None:
        self.ended = end


def test_each_session_is_judged_when_its_evidence_arrives_and_told_once_to_every_sink():
    first, second = RecordingSink(), RecordingSink()
    end = run_of("slow=zombie", "fast=healthy").execute([first, second])
    assert [(d.session, d.verdict) for d in first.diagnoses] == [
        ("fast", Verdict.HEALTHY),
        ("slow", Verdict.UNHEALTHY),
    ]
    assert first.diagnoses == second.diagnoses
    assert (first.sessions, first.ended) == (2, end)
    assert (end.stopped_by, end.unfinished) == ("", ())
    assert first.waited > 0, "a person was told that it goes on"


def test_a_sink_that_breaks_takes_nothing_from_the_others():
    class Broken(RecordingSink):
        def diagnosed(self, diagnosis: Diagnosis) -> None:
            raise OSError(f"no space left on device for {diagnosis.session}")

    sound, run = RecordingSink(), run_of("a=missing", "b=missing")
    with pytest.raises(OSError, match="no space left"):
        run.execute([Broken(), sound])
    assert {d.session for d in sound.diagnoses} == {"a", "b"} == set(run.diagnoses)
    assert sound.ended is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_and_what_was_found_is_kept(number):
    class Stopping(RecordingSink):
        def diagnosed(self, diagnosis: Diagnosis) -> None:
            super().diagnosed(diagnosis)
            os.kill(os.getpid(), number)

    assert threading.current_thread() is threading.main_thread()
    before = signal.getsignal(number)
    told, run = Stopping(), run_of("never=ack-lost", "soon=missing", deadline="60")
    end = run.execute([told])
    assert [d.session for d in told.diagnoses] == ["soon"]
    assert (end.stopped_by, list(end.unfinished)) == (number.name, ["never"])
    assert signal.getsignal(number) is before


def test_the_remedy_is_the_command_that_was_called_with_every_option_that_changes_what_is_seen():
    typed = ("--send-to", "628123456789", "--config", "my.toml", "--deadline", "20", "--lang", "en")
    run = run_of("shop=missing", invocation=Invocation(("wadiag", "check"), option="", typed=typed))
    run.execute()
    again = "wadiag check shop=missing --send-to 628123456789 --config my.toml --deadline 20 --lang en"
    assert again in [str(step) for step in run.diagnoses["shop"].root.remedy]
    masked = again.replace("628123456789", "628•••••••89")
    assert masked in [str(step) for step in run.redacted["shop"].root.remedy]
