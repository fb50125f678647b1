"""The folders of killed processes are removed; the processes here are really killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from diagnostics import scratch
from diagnostics.scratch import Folder, sweep
from diagnostics.simulator import WhatsAppServer

PREFIX = "whatsapp-simulator-"
RUN = """
from diagnostics.simulator import WhatsAppServer
server = WhatsAppServer().start()
print(server.ca_file.parent, flush=True)
input()
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary folders, in a process that has not made one yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_swept", set())
    return tmp_path


class Run:
    """A process with a running server."""

    def __init__(self, base: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN],
            env={**os.environ, "TMPDIR": str(base)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def folder(self) -> Path:
        assert self.process.stdout is not None
        return Path(self.process.stdout.readline().strip())


@pytest.fixture
def runs(base: Path) -> Iterator[list[Run]]:
    with ExitStack() as ending:
        runs = [Run(base), Run(base)]
        for run in runs:
            ending.enter_context(run.process)
            ending.callback(run.process.kill)
        yield runs


def test_the_next_run_removes_the_folders_of_a_killed_run_only(base: Path, runs: list[Run]) -> None:
    dead, living = (run.folder for run in runs)
    runs[0].process.send_signal(signal.SIGKILL)
    runs[0].process.wait()
    assert (dead / "ca.pem").exists()
    server = WhatsAppServer()
    assert sorted(base.iterdir()) == sorted([living, server.ca_file.parent])
    assert (living / "ca.pem").exists()
    server.close()
    runs[1].process.communicate("\n", timeout=30)
    assert list(base.iterdir()) == [], "a process that exits removes its own folder"


def test_a_folder_is_private_and_removed_after_use(base: Path) -> None:
    with Folder("mine-") as path:
        (path / "key").write_bytes(b"secret")
        assert path.stat().st_mode & 0o777 == 0o700
        sweep("mine-", base)
        assert (path / "key").exists(), "its owner is running"
    assert list(base.iterdir()) == []


def test_folders_without_a_lock_that_can_be_taken_stay(base: Path) -> None:
    target = base / "elsewhere"
    target.mkdir()
    (target / scratch._LOCK).touch()
    (base / "mine-link").symlink_to(target)
    (base / "mine-file").touch()
    (base / "mine-just-made").mkdir()
    (base / "mine-locked").mkdir()
    (base / "mine-with-a-link").mkdir()
    (base / "mine-with-a-link" / scratch._LOCK).symlink_to(target / scratch._LOCK)
    with (base / "mine-locked" / scratch._LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = sorted(base.rglob("*"))
        sweep("mine-", base)
        assert sorted(base.rglob("*")) == before
    sweep("mine-", base)
    assert not (base / "mine-locked").exists()
    sweep("mine-", base / "nowhere")


def test_folders_of_another_user_stay(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "mine-1").mkdir()
    (base / "mine-1" / scratch._LOCK).touch()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    sweep("mine-", base)
    assert (base / "mine-1").exists()
