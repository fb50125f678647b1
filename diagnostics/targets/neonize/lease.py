"""Who may connect with a session's credentials: one process at a time.

WhatsApp closes a connection when a second one logs in with the same keys, so connecting under a running bot kicks it
out. The lease is a lock (`flock`) on a file next to the store, which the kernel lifts when its holder ends, however it
ends. Bots know nothing of leases, so whoever else has the store open, or wrote to it a moment ago, counts as a holder.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

import msgspec

from diagnostics.errors import TargetProblem

SUFFIX = ".wadiag-lease"
RECENT = 60.0  # s; a running bot's store may rest longer than that, then only its open file shows
_OURS = 2.0  # s around the end of our own lease within which a write was ours
_KICKED = "a second connection with these credentials would kick the running bot out"
_INSTEAD = "Stop that process first, or ask the bot itself (a health route, or its gateway) instead of connecting."


class SessionHeld(TargetProblem):
    """Somebody else holds the session; the message says who and what to do instead."""


class _Note(msgspec.Struct):
    """What the lease file says. `since` and `released` are seconds since the epoch."""

    pid: int
    host: str
    since: float
    released: float | None = None


@dataclass(slots=True)
class Lease:
    """The right to connect with a store's credentials, until `release`. A context manager."""

    file: IO[bytes]
    note: _Note

    def release(self) -> None:
        if not self.file.closed:
            self.note.released = time.time()
            _write(self.file, self.note)
            self.file.close()  # which lifts the lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def acquire(store: Path, recent: float = RECENT) -> Lease:
    """Take the lease on `store`.

    Args:
        recent: seconds; a store written within them is taken to be in use.

    Raises:
        SessionHeld: somebody else holds the session, or seems to.
        TargetProblem: the lease file cannot be written.
    """
    path = store.with_name(store.name + SUFFIX)
    try:
        file = path.open("a+b")
    except OSError as error:
        raise TargetProblem(f"the lease file {path} cannot be written: {error.strerror}") from error
    try:
        earlier = _lock(file, store)
        _refuse_other_users(store, earlier, recent)
        note = _Note(os.getpid(), socket.gethostname(), time.time())
        _write(file, note)
    except BaseException:
        file.close()
        raise
    return Lease(file, note)


def _lock(file: IO[bytes], store: Path) -> _Note | None:
    """Lock the lease file; what its last holder wrote."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _held(store, f"another diagnosis holds the session ({_words(_read(file))})") from None
    return _read(file)


def _refuse_other_users(store: Path, earlier: _Note | None, recent: float) -> None:
    holders = _processes_with_open(store)
    if holders:
        raise _held(store, "the store is open in " + " and ".join(holders))
    written = _last_write(store)
    ours = earlier is not None and earlier.released is not None and written <= earlier.released + _OURS
    age = time.time() - written
    if age < recent and not ours:
        more = f" If no bot is running, wait until the store has rested for {recent:.0f} s."
        raise _held(store, f"the store was written {age:.0f} s ago", more)


def _held(store: Path, who: str, more: str = "") -> SessionHeld:
    return SessionHeld(f"Not connected to {store}: {who}, and {_KICKED}. {_INSTEAD}{more}")


def _write(file: IO[bytes], note: _Note) -> None:
    file.seek(0)
    file.truncate()
    file.write(msgspec.json.encode(note) + b"\n")
    file.flush()


def _read(file: IO[bytes]) -> _Note | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=_Note)
    except msgspec.MsgspecError:
        return None


def _words(note: _Note | None) -> str:
    if note is None:
        return "its lease file does not say which"
    since = datetime.fromtimestamp(note.since, UTC).isoformat(timespec="seconds")
    return f"process {note.pid} on {note.host}, since {since}"


def _last_write(store: Path) -> float:
    """When the store or one of its side files was last written, in seconds since the epoch; 0.0 where there is none."""
    times = [0.0]
    for suffix in ("", "-wal", "-journal"):
        try:
            times.append(store.with_name(store.name + suffix).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def _processes_with_open(store: Path) -> list[str]:
    """Other processes that have the store or its log open, in words. Linux; sees what this user may see."""
    files = set()
    for suffix in ("", "-wal"):
        try:
            status = store.with_name(store.name + suffix).stat()
        except OSError:
            continue
        files.add((status.st_dev, status.st_ino))
    return [
        f"process {process.name} ({_command(process)})"
        for process in Path("/proc").glob("[0-9]*")
        if process.name != str(os.getpid()) and _has_open(process, files)
    ]


def _has_open(process: Path, files: set[tuple[int, int]]) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            try:
                status = descriptor.stat()
            except OSError:
                continue
            if (status.st_dev, status.st_ino) in files:
                return True
    except OSError:
        pass  # ended meanwhile, or another user's
    return False


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended meanwhile"
