"""The lease on a session store: only one process at a time may connect with its credentials.

WhatsApp closes a connection when a second client logs in with the same keys, so connecting beside a running bot would
disconnect the bot. The lease is a lock file next to the store (see `lockfile`). Bots do not take leases, so a process
that has the store open, or wrote to it a moment ago, counts as a holder as well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diagnostics.errors import TargetProblem
from diagnostics.neonize.lockfile import Holder, LockFile, Taken, hold

SUFFIX = ".wadiag-lease"
RECENT = 60.0  # s; a running bot may write less often, then only its open file shows that it runs
_OWN_WRITE_MARGIN = 2.0  # s after the release of our own lease within which a write was ours
_CONFLICT = "a second connection with these credentials would kick the running bot out"
_ADVICE = "Stop that process first, or ask the bot itself (a health route, or its gateway) instead of connecting."


class SessionHeld(TargetProblem):
    """Another process uses the session; the message says which, and what to do instead."""


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
        store: path of the SQLite file.
        recent: seconds; a store that was written within them counts as in use.
        ours: ids of the caller's processes, which may have the store open (the library closes a store only at exit).

    Raises:
        SessionHeld: another process uses the session, or seems to.
        TargetProblem: the lease file cannot be written.
    """
    path = store.with_name(store.name + SUFFIX)
    try:
        lock = hold(path)
    except Taken as taken:
        raise _session_held(store, f"another process holds the session ({taken})") from None
    except OSError as error:
        raise TargetProblem(f"the lease file {path} cannot be written: {error.strerror}") from error
    try:
        _refuse_other_users(store, lock.previous, recent, ours)
        lock.write()
    except BaseException:
        lock.file.close()
        raise
    return Lease(lock)


def _refuse_other_users(store: Path, previous: Holder | None, recent: float, ours: Collection[int]) -> None:
    holders = _processes_with_open(store, {os.getpid(), *ours})
    if holders:
        raise _session_held(store, "the store is open in " + " and ".join(holders))
    written = _last_write(store)
    by_us = previous is not None and previous.released is not None and written <= previous.released + _OWN_WRITE_MARGIN
    age = time.time() - written
    if age < recent and not by_us:
        more = f" If no bot is running, wait until the store has rested for {recent:.0f} s."
        raise _session_held(store, f"the store was written {age:.0f} s ago", more)


def _session_held(store: Path, who: str, more: str = "") -> SessionHeld:
    return SessionHeld(f"Not connected to {store}: {who}, and {_CONFLICT}. {_ADVICE}{more}")


def _last_write(store: Path) -> float:
    """When the store or its side files were last written, in seconds since the epoch; 0.0 if there is no such file."""
    times = [0.0]
    for suffix in ("", "-wal", "-journal"):
        try:
            times.append(store.with_name(store.name + suffix).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def _processes_with_open(store: Path, ours: Collection[int]) -> list[str]:
    """Other processes that have the store or its log open, as text. Linux only; needs permission to see them."""
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
        pass  # the process exited meanwhile, or belongs to another user
    return False


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "exited meanwhile"
