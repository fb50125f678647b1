"""A lease has one holder at a time, and a running bot is never disconnected."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diagnostics.errors import TargetProblem
from diagnostics.neonize import lease
from diagnostics.neonize.lockfile import LockFile
from diagnostics.neonize.worker_environment import environment

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


@contextmanager
def without_privileges() -> Iterator[None]:
    """As another user than the store's owner: root ignores permissions."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """An old store in a directory that every user may enter, and only its owner may write to."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "store.sqlite3"
        path.write_bytes(b"x")
        path.chmod(0o666)
        os.utime(path, (0, 0))
        Path(name).chmod(0o555)
        yield path
        Path(name).chmod(0o755)


def test_a_directory_that_may_not_be_written_to_is_said_as_that_and_not_as_a_holder(public: Path) -> None:
    with without_privileges(), pytest.raises(lease.StoreUnwritable) as refused:
        lease.acquire(public)
    said = str(refused.value)
    assert "Permission denied (the user " in said
    assert f"may not write to {public.parent}, a directory of the user " in said
    assert "mode 0555" in said
    assert KICKED not in said


def test_a_store_that_may_not_be_written_is_said_as_that(public: Path) -> None:
    public.parent.chmod(0o777)
    public.chmod(0o444)
    with without_privileges(), pytest.raises(lease.StoreUnwritable, match=r"may not write to .*, a file of the"):
        lease.acquire(public)
    assert names_beside(public) == [public.name]


def names_beside(store: Path) -> list[str]:
    return [path.name for path in store.parent.iterdir()]


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_circle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [a_pipe, a_directory, a_circle])
def test_something_else_in_the_place_of_the_lease_file_is_said_and_never_waited_for(
    store: Path, make: Callable[[Path], None]
) -> None:
    make(store.with_name("store.sqlite3.wadiag-lease"))
    with pytest.raises(lease.StoreUnwritable, match=r"the lease file .* cannot be written: "):
        lease.acquire(store)


@pytest.mark.parametrize(
    "content", ['{"pid":1,"host":"h","since":1e300}', '{"pid":1,"host":"h","since":-1e18}', "9" * 100_000]
)
def test_a_holder_that_wrote_nonsense_is_named_as_far_as_it_can_be(store: Path, content: str) -> None:
    path = store.with_name("store.sqlite3.wadiag-lease")
    with path.open("w") as held:
        held.write(content)
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(lease.SessionHeld, match="another process holds the session"):
            lease.acquire(store)
    lease.acquire(store).release()


def test_a_full_disk_is_no_holder_and_keeps_no_lock(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(LockFile, "write", full)
        with pytest.raises(lease.StoreUnwritable, match="cannot be written: No space left on device"):
            lease.acquire(store)
    held = lease.acquire(store)
    with monkeypatch.context() as patched:
        patched.setattr(LockFile, "write", full)
        held.release()
    lease.acquire(store).release()


def test_without_descriptors_it_is_not_known_who_has_the_store_open_so_nothing_is_connected(store: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))  # enough for the lease file itself
    try:
        with pytest.raises(TargetProblem, match="no file descriptor was left") as refused:
            lease.acquire(store)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not isinstance(refused.value, lease.SessionHeld)
