"""A consistent view of a SQLite file that another process may be writing, without touching it.

Opening the file the ordinary way (`mode=ro`) is not passive, measured with SQLite 3.40:

- in WAL mode the reader writes its mark into `-shm`, and creates `-shm` and even `-wal` where there are none;
- in rollback mode (what whatsmeow uses) the reader's lock makes the running bot's commit wait, at worst fail.

So SQLite never opens the file in a way that another process could notice:

- If `-wal` and `-journal` are empty or missing, the file is read in place as `immutable` (no locks, no side files). The
  result counts only if file, change counter and side files are the same afterwards.
- Otherwise file and side files are copied into a private directory and opened there, first the database, then the log.
  What a checkpoint changes in the database meanwhile is in the log as well, unless the log was restarted, which shows
  in its header (salts). SQLite's checksums exclude a half-written end of the log. With a rollback journal, the copy
  counts only if nothing changed at all.

If the files changed too much, they are read again, `ATTEMPTS` times at most.

Only regular files are opened. A named pipe in place of a side file would block whoever opens it, a client included.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import quote

from diagnostics.scratch import Folder

ATTEMPTS = 6
SIDE_FILES = ("-wal", "-shm", "-journal")
PAUSE = 0.02  # s between two attempts
_CHUNK = 4 << 20
_PROGRESS_STEPS = 5_000  # of SQLite's virtual machine between two checks of the deadline

T = TypeVar("T")


class Restless(Exception):
    """The file kept changing: no attempt gave a consistent view."""


class TooSlow(Exception):
    """The deadline passed before the file was copied."""


class OddFile(Exception):
    """The file or one of its side files is there and is not a regular file; the message says which and what it is."""


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(mode: int) -> str:
    """What a file is by its mode ("a named pipe"), "" for a regular file."""
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "not a regular file")


def side_file(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def shown(path: Path) -> str:
    """The path as text that can be encoded, whatever bytes are in it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading, never waiting for anybody.

    Raises:
        OddFile: it is something else, which is not opened: a pipe would block, and opening a device may have effects.
        OSError: it cannot be opened.
    """
    _refuse_odd(path, path.stat().st_mode)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    try:
        _refuse_odd(path, os.fstat(file.fileno()).st_mode)  # it may have been replaced meanwhile
    except BaseException:
        file.close()
        raise
    return file


def refuse_odd_side_files(path: Path) -> None:
    """
    Raises:
        OddFile: a side file is not a regular file.
        OSError: this cannot be seen.
    """
    for suffix in SIDE_FILES:
        side = side_file(path, suffix)
        try:
            _refuse_odd(side, side.stat().st_mode)
        except FileNotFoundError:
            continue


def _refuse_odd(path: Path, mode: int) -> None:
    if kind := kind_of(mode):
        raise OddFile(f"{shown(path)} is {kind}")


@dataclass(frozen=True, slots=True)
class _File:
    """A file's inode, size in bytes, time of the last write in ns, and the bytes of its header that change with it."""

    inode: int
    size: int
    modified: int
    head: bytes

    @staticmethod
    def of(path: Path, head: slice) -> _File | None:
        try:
            with open_regular(path) as file:
                status = os.fstat(file.fileno())
                start = file.read(head.stop)
        except FileNotFoundError:
            return None
        return _File(status.st_ino, status.st_size, status.st_mtime_ns, start[head])


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    database: _File | None
    wal: _File | None
    journal: _File | None

    @staticmethod
    def of(path: Path) -> _Fingerprint:
        # SQLite's file formats: database header with the change counter at 24, WAL header with its salts in the
        # first 32 bytes, journal header with its nonce in the first 28.
        return _Fingerprint(
            _File.of(path, slice(0, 100)),
            _File.of(side_file(path, "-wal"), slice(0, 32)),
            _File.of(side_file(path, "-journal"), slice(0, 28)),
        )

    @property
    def quiet(self) -> bool:
        """The side files are empty or missing: all data is in the database file."""
        return not (self.wal and self.wal.size) and not (self.journal and self.journal.size)

    def copied_well_until(self, later: _Fingerprint) -> bool:
        if self == later:
            return True
        if not (self.wal and self.wal.size and later.wal and self.database and later.database):
            return False
        same_log = (self.wal.inode, self.wal.head) == (later.wal.inode, later.wal.head)
        return same_log and self.database.inode == later.database.inode and self.journal == later.journal is None


def read(path: Path, query: Callable[[sqlite3.Connection], T], until: float) -> T:
    """Run `query` on a consistent view of the database at `path`, without changing any file.

    Args:
        path: the database.
        query: called with a connection; may be called more than once.
        until: deadline, as `time.monotonic` counts. After it SQLite interrupts a running statement
            (`sqlite3.OperationalError`, "interrupted").

    Returns:
        The result of `query`.

    Raises:
        Restless: the file kept changing.
        TooSlow: the deadline passed while the file was copied.
        OddFile: a side file is not a regular file.
        OSError: the file cannot be read.
        sqlite3.Error: raised by `query`.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        refuse_odd_side_files(path)
        before = _Fingerprint.of(path)
        if before.quiet:
            result, error = _attempt(f"file:{quote(os.fsencode(path))}?immutable=1", query, until)
            if before != _Fingerprint.of(path):
                continue
        else:
            with Folder("wadiag-store-") as private:  # 0700: it holds credentials
                copy = private / "store.db"
                try:
                    for suffix in ("", "-wal", "-journal"):
                        _copy(side_file(path, suffix), side_file(copy, suffix), until)
                except FileNotFoundError:
                    continue
                if not before.copied_well_until(_Fingerprint.of(path)):
                    continue
                result, error = _attempt(f"file:{quote(os.fsencode(copy))}", query, until)
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # it is set where there is no error
    raise Restless


def _attempt(
    uri: str,
    query: Callable[[sqlite3.Connection], T],
    until: float,
) -> tuple[T | None, sqlite3.Error | None]:
    """The result, or the error, which counts only if the file did not change meanwhile."""
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > until, _PROGRESS_STEPS)
        return query(connection), None
    except sqlite3.Error as error:
        return None, error
    finally:
        connection.close()


def _copy(source: Path, to: Path, until: float) -> None:
    if not source.exists() and source.name.endswith(("-wal", "-journal")):
        return
    with open_regular(source) as reader, to.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            if time.monotonic() > until:
                raise TooSlow
            writer.write(chunk)
