"""Runs that are killed at random moments leave no process, no folder, and no file that is torn or empty.

make kills                  200 of them (WADIAG_KILLS), which takes some twenty minutes
WADIAG_KILLS_SEED=7 …       the same moments again; a failure names its seed
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.check_runs import OK, ROOT, environment

KILLS = int(os.environ.get("WADIAG_KILLS", "10"))
SEED = int(os.environ.get("WADIAG_KILLS_SEED") or random.randrange(1_000_000))  # noqa: S311 - no secret
MARK = "KILLED_RUN"  # the variable by which a run's processes are recognised, whoever their parent is
SESSIONS = (["a=healthy"], ["a=ack-lost"], ["a=logged-out"], ["a=healthy", "b=zombie", "c=healthy"])
ENDS = 60.0  # s in which a run must have ended; its own deadline is 5
GONE = 10.0  # s after that for its processes; a worker looks for its parent every second

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")


def of_run(mark: str) -> list[int]:
    """The processes of a run, wherever they hang; zombies do not count."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0")
            if marked and "State:\tZ" not in (path / "status").read_text(encoding="ascii", errors="replace"):
                found.append(int(path.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def workers_of(mark: str) -> list[int]:
    """The workers that have begun to read what they are asked, in a thread of its own."""

    def is_worker(pid: int) -> bool:
        try:
            named = b"diagnostics.neonize.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
            return named and len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
        except OSError:
            return False

    return [pid for pid in of_run(mark) if is_worker(pid)]


def stop_workers(run: subprocess.Popen[bytes], mark: str) -> None:
    """Stop what there is of workers: they neither answer nor notice anything from now on."""
    del run
    for pid in workers_of(mark):
        os.kill(pid, signal.SIGSTOP)


def stop_workers_and_kill(run: subprocess.Popen[bytes], mark: str) -> None:
    stop_workers(run, mark)
    run.kill()


def sending(number: signal.Signals) -> Callable[[subprocess.Popen[bytes], str], None]:
    return lambda run, mark: run.send_signal(number)  # noqa: ARG005


WAYS = {
    "SIGKILL": sending(signal.SIGKILL),
    "SIGTERM": sending(signal.SIGTERM),
    "SIGINT": sending(signal.SIGINT),
    "SIGSTOP of the worker": stop_workers,
    "SIGSTOP of the worker, SIGKILL of the run": stop_workers_and_kill,
}


class Runs:
    """Runs one after another, in folders of their own."""

    def __init__(self, folder: Path) -> None:
        self.reports, self.temporary = folder / "reports", folder / "tmp"
        self.temporary.mkdir()
        self._count = 0

    def begin(self, sessions: list[str]) -> tuple[subprocess.Popen[bytes], str]:
        self._count += 1
        mark = f"{os.getpid()}-{self._count}"
        words = [sys.executable, "-m", "diagnostics", "check", *sessions, "--deadline", "5"]
        env = environment(**{MARK: mark, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)})
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*words, "--reports", str(self.reports)], cwd=ROOT, env=env, **output), mark

    def whole(self) -> bool:
        """Every report under a real name is complete."""
        shown = [path for path in self.reports.glob("*") if not path.name.startswith(".")]
        return all(path.read_text(encoding="utf-8").rstrip().endswith("</html>") for path in shown)

    def leftovers(self) -> list[Path]:
        return [*self.reports.glob(".*"), *self.temporary.iterdir()]


def gone(mark: str) -> bool:
    until = time.monotonic() + GONE
    while of_run(mark):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def runs(tmp_path: Path):
    runs = Runs(tmp_path)
    yield runs
    for count in range(1, 1 + runs._count):
        for pid in of_run(f"{os.getpid()}-{count}"):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that a run takes which nobody kills."""
    started = time.monotonic()
    run, _ = Runs(tmp_path_factory.mktemp("whole")).begin(SESSIONS[0])
    assert run.wait(ENDS) == OK
    return time.monotonic() - started


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_is_killed_at_a_random_moment_leaves_nothing_behind(runs, takes, way):
    chosen = random.Random(f"{SEED} {way}")  # noqa: S311 - moments, no secrets
    for number in range(max(1, KILLS // len(WAYS))):
        about = f"seed {SEED}, kill {number} by {way}"
        run, mark = runs.begin(chosen.choice(SESSIONS))
        time.sleep(chosen.uniform(0, takes))
        WAYS[way](run, mark)
        run.wait(ENDS)  # raises where it hangs
        assert gone(mark), f"{about}: processes are left"
        assert runs.whole(), f"{about}: a torn or empty report"
    run, _ = runs.begin(SESSIONS[0])
    assert run.wait(ENDS) == OK
    assert runs.leftovers() == []
