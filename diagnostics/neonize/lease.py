"""Who may connect with a session's credentials: one process at a time.

WhatsApp closes a connection when a second one logs in with the same keys, so connecting under a running bot kicks it
out. The lease is a lock (`flock`) on a file next to the store, which the kernel lifts when its holder ends, however it
ends. Bots know nothing of leases, so whoever else has the store open, or wrote to it a moment ago, counts as a holder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diagnostics.errors import TargetProblem
from diagnostics.neonize.lockfile import LockFile, Note, Taken, hold

SUFFIX = ".wadiag-lease"
RECENT = 60.0  # s; a running bot's store may rest longer than that, then only its open file shows
_OURS = 2.0  # s around the end of our own lease within which a write was ours
_KICKED = "a second connection with these credentials would kick the running bot out"
_INSTEAD = "Stop that process first, or ask the bot itself (a health route, or its gateway) instead of connecting."


class SessionHeld(TargetProblem):
    """Somebody else holds the session; the message says who and what to do instead."""


@dataclass(slots=True)
class Lease:
    """The right to connect with a store's credentials, until `release`. A context manager."""

    lock: LockFile

    def release(self) -> None:
        self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def acquire(store: Path, recent: float = RECENT, ours: Collection[int] = ()) -> Lease:
    """Take the lease on `store`.

    Args:
        recent: seconds; a store written within them is taken to be in use.
        ours: processes of the caller's own that may have the store open (the library closes none before its end).

    Raises:
        SessionHeld: somebody else holds the session, or seems to.
        TargetProblem: the lease file cannot be written.
    """
    path = store.with_name(store.name + SUFFIX)
    try:
        lock = hold(path)
    except Taken as taken:
        raise _held(store, f"another process holds the session ({taken})") from None
    except OSError as error:
        raise TargetProblem(f"the lease file {path} cannot be written: {error.strerror}") from error
    try:
        _refuse_other_users(store, lock.earlier, recent, ours)
        lock.write()
    except BaseException:
        lock.file.close()
        raise
    return Lease(lock)


def _refuse_other_users(store: Path, earlier: Note | None, recent: float, ours: Collection[int]) -> None:
    holders = _processes_with_open(store, {os.getpid(), *ours})
    if holders:
        raise _held(store, "the store is open in " + " and ".join(holders))
    written = _last_write(store)
    by_us = earlier is not None and earlier.released is not None and written <= earlier.released + _OURS
    age = time.time() - written
    if age < recent and not by_us:
        more = f" If no bot is running, wait until the store has rested for {recent:.0f} s."
        raise _held(store, f"the store was written {age:.0f} s ago", more)


def _held(store: Path, who: str, more: str = "") -> SessionHeld:
    return SessionHeld(f"Not connected to {store}: {who}, and {_KICKED}. {_INSTEAD}{more}")


def _last_write(store: Path) -> float:
    """When the store or one of its side files was last written, in seconds since the epoch; 0.0 where there is none."""
    times = [0.0]
    for suffix in ("", "-wal", "-journal"):
        try:
            times.append(store.with_name(store.name + suffix).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def _processes_with_open(store: Path, ours: Collection[int]) -> list[str]:
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
        if int(process.name) not in ours and _has_open(process, files)
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
