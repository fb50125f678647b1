"""A consistent view of a SQLite file that another process may be writing, without touching it.

Opening the file the ordinary way (`mode=ro`) is not passive, measured with SQLite 3.40:

- in WAL mode the reader writes its mark into `-shm`, and creates `-shm` and even `-wal` where there are none;
- in rollback mode (what whatsmeow uses) the reader's lock makes the running bot's commit wait, at worst fail.

So the file is never opened through SQLite while anybody may write to it:

- Nothing in `-wal` or `-journal`: read in place as `immutable` (no locks, no side files), and believed only if file,
  change counter and side files are the same afterwards.
- Otherwise file and side files are copied into a private directory and opened there. Database first, log second: what
  a checkpoint changes in the file meanwhile is in the log as well, as long as the log was not restarted, which its
  header (salts) shows. SQLite ignores a half-written end of the log by its checksums. With a rollback journal nothing
  may have changed at all.

What changed too much is read again, a few times.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from diagnostics.scratch import Folder

ATTEMPTS = 6
PAUSE = 0.02  # s between two attempts
_CHUNK = 4 << 20
_PROGRESS_STEPS = 5_000  # of SQLite's virtual machine between two looks at the clock

T = TypeVar("T")


class Restless(Exception):
    """The file kept changing, so that no attempt gave a consistent view."""


class TooSlow(Exception):
    """The time was up before the file was copied."""


@dataclass(frozen=True, slots=True)
class _File:
    """Which file, how long, when written last (ns), and the bytes at its start that tell its generations apart."""

    inode: int
    size: int
    modified: int
    head: bytes

    @staticmethod
    def of(path: Path, head: slice) -> _File | None:
        try:
            stat = path.stat()
            with path.open("rb") as file:
                start = file.read(head.stop)
        except FileNotFoundError:
            return None
        return _File(stat.st_ino, stat.st_size, stat.st_mtime_ns, start[head])


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
            _File.of(path.with_name(f"{path.name}-wal"), slice(0, 32)),
            _File.of(path.with_name(f"{path.name}-journal"), slice(0, 28)),
        )

    @property
    def quiet(self) -> bool:
        """All there is stands in the database file."""
        return not (self.wal and self.wal.size) and not (self.journal and self.journal.size)

    def copied_well_until(self, later: _Fingerprint) -> bool:
        if self == later:
            return True
        if not (self.wal and self.wal.size and later.wal and self.database and later.database):
            return False
        same_log = (self.wal.inode, self.wal.head) == (later.wal.inode, later.wal.head)
        return same_log and self.database.inode == later.database.inode and self.journal == later.journal is None


def read(path: Path, query: Callable[[sqlite3.Connection], T], until: float) -> T:
    """The result of `query` on a consistent view of the database at `path`, which stays untouched.

    `query` may run more than once. Past `until` (`time.monotonic`) SQLite interrupts what it is doing
    (`sqlite3.OperationalError`, "interrupted").

    Raises:
        Restless, TooSlow: see there.
        OSError: the file cannot be read.
        sqlite3.Error: whatever `query` lets through.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        before = _Fingerprint.of(path)
        if before.quiet:
            result, error = _attempt(f"file:{quote(str(path))}?immutable=1", query, until)
            if before != _Fingerprint.of(path):
                continue
        else:
            with Folder("wadiag-store-") as private:  # 0700: it holds credentials
                copy = private / "store.db"
                try:
                    for suffix in ("", "-wal", "-journal"):
                        _copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix), until)
                except FileNotFoundError:
                    continue
                if not before.copied_well_until(_Fingerprint.of(path)):
                    continue
                result, error = _attempt(f"file:{quote(str(copy))}", query, until)
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # it is set where there is no error
    raise Restless


def _attempt(
    uri: str,
    query: Callable[[sqlite3.Connection], T],
    until: float,
) -> tuple[T | None, sqlite3.Error | None]:
    """Result or error: an error counts only if the file did not change under the query."""
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
    with source.open("rb") as reader, to.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            if time.monotonic() > until:
                raise TooSlow
            writer.write(chunk)
