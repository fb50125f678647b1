"""A file that one process at a time holds, and that says who that is.

The lock (`flock`) is the kernel's, which lifts it when its holder ends, however it ends. What the file says outlives
the holder, so that the next one knows when it was given back.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec


class Note(msgspec.Struct):
    """What the file says of its holder. `since` and `released` are seconds since the epoch."""

    pid: int
    host: str
    since: float
    released: float | None = None


class Taken(Exception):
    """Another process holds it; the message says which, as far as the file tells."""


@dataclass(slots=True)
class LockFile:
    """A held lock.

    Attributes:
        earlier: what the last holder wrote; None if there was none, or it cannot be read.
    """

    file: IO[bytes]
    note: Note
    earlier: Note | None

    def write(self) -> None:
        """Say who holds it."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(msgspec.json.encode(self.note) + b"\n")
        self.file.flush()

    def release(self) -> None:
        if not self.file.closed:
            self.note.released = time.time()
            self.write()
            self.file.close()  # which lifts the lock


def hold(path: Path) -> LockFile:
    """Take the lock. The file says so only after `write`.

    Raises:
        Taken: another process holds it.
        OSError: the file cannot be written.
    """
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            raise Taken(_words(_read(file))) from None
    except BaseException:
        file.close()
        raise
    return LockFile(file, Note(os.getpid(), socket.gethostname(), time.time()), _read(file))


def _read(file: IO[bytes]) -> Note | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=Note)
    except msgspec.MsgspecError:
        return None


def _words(note: Note | None) -> str:
    if note is None:
        return "its lock file does not say which"
    since = datetime.fromtimestamp(note.since, UTC).isoformat(timespec="seconds")
    return f"process {note.pid} on {note.host}, since {since}"
