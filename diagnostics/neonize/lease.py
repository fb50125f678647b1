"""The lease on a session store: only one process at a time may connect with its credentials.

WhatsApp closes a connection when a second client logs in with the same keys, so connecting beside a running bot would
disconnect the bot. The lease is a lock file next to the store (see `lockfile`). Bots do not take leases, so a process
that has the store open, or wrote to it a moment ago, counts as a holder as well.

A lease that cannot be written says nothing about a holder: this process lacks a permission, space or descriptors.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from diagnostics.descriptors import shortage
from diagnostics.errors import TargetProblem
from diagnostics.neonize.lockfile import Holder, LockFile, Taken, hold

SUFFIX = ".wadiag-lease"
RECENT = 60.0  # s; a running bot may write less often, then only its open file shows that it runs
_OWN_WRITE_MARGIN = 2.0  # s after the release of our own lease within which a write was ours
_CONFLICT = "a second connection with these credentials would kick the running bot out"
_ADVICE = "Stop that process first, or ask the bot itself (a health route, or its gateway) instead of connecting."


class SessionHeld(TargetProblem):
    """Another process uses the session; the message says which, and what to do instead."""


class StoreUnwritable(TargetProblem):
    """A client could not write here, or the lease cannot be; the message says who may not write what."""


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
        StoreUnwritable: the store or the lease file cannot be written.
        TargetProblem: this process has no file descriptor left.
    """
    path = store.with_name(store.name + SUFFIX)
    try:
        if store.exists() and not os.access(store, os.W_OK, effective_ids=True):
            raise StoreUnwritable(_who_may_not_write(store))
        lock = hold(path)
        try:
            _refuse_other_users(store, lock.previous, recent, ours)
            lock.write()
        except BaseException:
            lock.file.close()
            raise
    except Taken as taken:
        raise _session_held(store, f"another process holds the session ({taken})") from None
    except OSError as error:
        if out := shortage(error):
            raise TargetProblem(f"the lease file {path} cannot be written: {out}") from error
        raise StoreUnwritable(f"the lease file {path} cannot be written: {_reason(path, error)}") from error
    return Lease(lock)


def _reason(lease: Path, error: OSError) -> str:
    if error.errno not in (errno.EACCES, errno.EPERM):
        return f"{error.strerror}"
    return f"{error.strerror} ({_who_may_not_write(lease if lease.exists() else lease.parent)})"


def _who_may_not_write(path: Path) -> str:
    """ "the user bot (uid 1000) may not write to /srv/bot, a directory of root with mode 0755"."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return f"{path} is on a file system that is mounted read-only"
    found = path.stat()
    what = "a directory" if stat.S_ISDIR(found.st_mode) else "a file"
    me = os.geteuid()
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    return f"{_user(me)} (uid {me}) may not write to {path}, {what} of {_user(found.st_uid)} with mode {mode}"


def _user(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user {uid}"


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
                continue  # it was closed meanwhile
            if (status.st_dev, status.st_ino) in files:
                return True
    except OSError as error:
        if shortage(error):
            raise  # who has the store open is not known then
    return False  # the process exited meanwhile, or belongs to another user


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "exited meanwhile"
