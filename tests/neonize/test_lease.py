"""A lease has one holder at a time, and a running bot is never disconnected."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diagnostics.errors import TargetProblem
from diagnostics.neonize import lease
from diagnostics.neonize.process import environment

KICKED = "a second connection with these credentials would kick the running bot out"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that was last written an hour ago."""
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"x")
    os.utime(path, (time.time() - 3600,) * 2)
    return path


@contextmanager
def elsewhere(script: str, store: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which runs the script on the store and then sleeps."""
    source = f"import sys, time\nfrom pathlib import Path\nstore = Path(sys.argv[1])\n{script}\nprint(flush=True)\n"
    with subprocess.Popen(
        [sys.executable, "-c", source + "time.sleep(60)", str(store)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


HOLD = "from diagnostics.neonize import lease\nheld = lease.acquire(store)"
OPEN = "file = store.open('rb')"


def test_the_lease_on_an_idle_store_is_acquired_and_released(store: Path) -> None:
    with lease.acquire(store):
        assert (store.parent / "store.sqlite3.wadiag-lease").is_file()
        with pytest.raises(lease.SessionHeld):
            lease.acquire(store)
    lease.acquire(store).release()


def test_the_error_names_the_process_that_holds_the_lease_and_says_why_it_matters(store: Path) -> None:
    with elsewhere(HOLD, store) as holder, pytest.raises(lease.SessionHeld) as held:
        lease.acquire(store)
    said = str(held.value)
    assert KICKED in said
    assert f"process {holder.pid} on " in said
    assert "Stop that process first, or ask the bot itself" in said


def test_a_lease_is_released_when_its_holder_is_killed(store: Path) -> None:
    with elsewhere(HOLD, store) as holder:
        holder.kill()
        holder.wait()
        lease.acquire(store).release()


def test_the_error_names_a_bot_that_has_the_store_open(store: Path) -> None:
    with elsewhere(OPEN, store) as bot, pytest.raises(lease.SessionHeld) as held:
        lease.acquire(store)
    assert f"the store is open in process {bot.pid} (python" in str(held.value)
    assert KICKED in str(held.value)
    lease.acquire(store).release()


@pytest.mark.parametrize("written", ["store.sqlite3", "store.sqlite3-wal"])
def test_a_store_that_was_written_recently_counts_as_in_use(store: Path, written: str) -> None:
    with store.with_name(written).open("ab") as file:
        file.write(b"y")
    with pytest.raises(lease.SessionHeld, match=r"was written \d s ago, and a second connection") as held:
        lease.acquire(store)
    assert "wait until the store has rested for 60 s" in str(held.value)


def test_writes_under_our_own_lease_do_not_count(store: Path) -> None:
    with lease.acquire(store):
        store.write_bytes(b"y")
    lease.acquire(store).release()


def test_writes_after_our_lease_count(store: Path) -> None:
    lease.acquire(store).release()
    future = time.time() + 10
    os.utime(store, (future, future))
    with pytest.raises(lease.SessionHeld):
        lease.acquire(store)


def test_a_lease_file_with_unreadable_content_is_ignored(store: Path) -> None:
    store.with_name("store.sqlite3.wadiag-lease").write_text("not JSON")
    lease.acquire(store).release()


def test_an_error_says_that_the_lease_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(TargetProblem, match=r"the lease file .* cannot be written: No such file or directory"):
        lease.acquire(tmp_path / "nowhere" / "store")
