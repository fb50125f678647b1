"""A lock file that one process at a time holds, and that names its holder.

The lock is `flock`, which the kernel releases when the process exits, however it exits. The content of the file stays,
so the next holder can read when the lock was released.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

_LONGEST = 4096  # bytes that are read of the file


class Holder(msgspec.Struct):
    """The content of the file. `since` and `released` are seconds since the epoch."""

    pid: int
    host: str
    since: float
    released: float | None = None


class Taken(Exception):
    """Another process holds the lock; the message names it, if the file does."""


@dataclass(slots=True)
class LockFile:
    """A held lock.

    Attributes:
        holder: this process; `write` writes it to the file.
        previous: the last holder; None if there was none, or the file cannot be understood.
    """

    file: IO[bytes]
    holder: Holder
    previous: Holder | None

    def write(self) -> None:
        """Write the holder into the file."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(msgspec.json.encode(self.holder) + b"\n")
        self.file.flush()

    def release(self) -> None:
        if not self.file.closed:
            self.holder.released = time.time()
            with contextlib.suppress(OSError):  # a full disk must not keep the lock
                self.write()
            self.file.close()  # releases the lock


def hold(path: Path) -> LockFile:
    """Take the lock without waiting. The file names the new holder only after `write`.

    Raises:
        Taken: another process holds it.
        OSError: the file cannot be written, or something else lies there.
    """
    file = _opened(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            raise Taken(_holder_text(_read_holder(file))) from None
    except BaseException:
        file.close()
        raise
    return LockFile(file, Holder(os.getpid(), socket.gethostname(), time.time()), _read_holder(file))


def _opened(path: Path) -> IO[bytes]:
    """The file, made where there is none; unbuffered, so that closing it does not write again what failed before."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
    return os.fdopen(descriptor, "r+b", buffering=0)


def _read_holder(file: IO[bytes]) -> Holder | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(_LONGEST), type=Holder)
    except msgspec.MsgspecError:
        return None


def _holder_text(holder: Holder | None) -> str:
    if holder is None:
        return "its lock file does not say which"
    try:
        since = datetime.fromtimestamp(holder.since, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # somebody else's number
        return f"process {holder.pid} on {holder.host}"
    return f"process {holder.pid} on {holder.host}, since {since}"
