"""Where the clients keep their keys: a SQLite file for each session, or one PostgreSQL database for all.

The gateway reads these stores, deletes from them and holds their leases; only the client writes to them.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Collection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from diagnostics.errors import TargetProblem, UsageProblem
from diagnostics.model import StoreFacts
from diagnostics.neonize import lease
from diagnostics.neonize.store import StoreReading, read_store

READING = 2.0  # s for reading a store
HELD = 2.0  # s that the worker of a gateway which was killed may take to end, and hold its stores as long
# Without one of these no client can send; the first one also says whether a client has ever used the database.
_TABLES = ("whatsmeow_device", "whatsmeow_pre_keys", "whatsmeow_sessions", "whatsmeow_identity_keys")
_LOOPBACK = ("localhost", "127.0.0.1", "::1", None)


class Stores(Protocol):
    """Everything here blocks; it is called in threads."""

    def address(self, session: str) -> str:
        """As `protocol.Connect.store` wants it."""

    def read(self, session: str, jid: str) -> StoreReading:
        """What the store says of the session; `jid` is its device, "" where it has none."""

    def lease(self, session: str, workers: Collection[int]) -> lease.Lease | None:
        """Take the right to connect with the store, which the `workers` of these process ids may have open.

        Raises:
            TargetProblem: somebody else has it.
        """

    def clean(self, session: str, jid: str) -> None:
        """Delete the session's device and all that belongs to it."""


_Signature = tuple[tuple[int, int, int] | None, ...]


def _signature(path: Path) -> _Signature:
    """What changes whenever the store is written: inode, size and time of it and of its logs; None where one is not."""
    found: list[tuple[int, int, int] | None] = []
    for suffix in ("", "-wal", "-journal"):
        try:
            status = path.with_name(path.name + suffix).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


class FileStores:
    """`<directory>/<session>.sqlite3`. A store that has not changed is not read again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, tuple[_Signature, str, StoreReading]] = {}

    def path(self, session: str) -> Path:
        return self._directory / f"{session}.sqlite3"

    def address(self, session: str) -> str:
        return str(self.path(session).absolute())

    def read(self, session: str, jid: str) -> StoreReading:
        before = _signature(self.path(session))
        known = self._read.get(session)
        if known is not None and known[:2] == (before, jid):
            return known[2]
        found = read_store(self.path(session), session, jid or None, READING)
        if found.facts is not None and before == _signature(self.path(session)):
            self._read[session] = before, jid, found
        else:
            self._read.pop(session, None)
        return found

    def lease(self, session: str, workers: Collection[int]) -> lease.Lease | None:
        until = time.monotonic() + HELD
        while True:
            try:
                return lease.acquire(self.path(session), recent=0, ours=workers)
            except TargetProblem:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def clean(self, session: str, jid: str) -> None:  # noqa: ARG002 - the file holds one device
        self._read.pop(session, None)
        for suffix in ("", "-wal", "-shm", "-journal"):
            path = self.path(session)
            path.with_name(path.name + suffix).unlink(missing_ok=True)


class DatabaseStores:
    """The tables that whatsmeow makes in a PostgreSQL database; a session is the device that its record names."""

    def __init__(self, dsn: str, engine: Engine) -> None:
        self._dsn = dsn
        self._engine = engine

    def address(self, session: str) -> str:  # noqa: ARG002 - one for all
        return go_url(self._dsn)

    def read(self, session: str, jid: str) -> StoreReading:  # noqa: ARG002 - the record knows the device
        where = Path(f"postgresql:{self._engine.url.database}")
        try:
            with self._engine.connect() as connection:
                missing = [
                    table
                    for table in _TABLES
                    if not connection.scalar(text("SELECT to_regclass(:name)"), {"name": table})
                ]
                if _TABLES[0] in missing:
                    devices, mine, keys, total = 0, False, 0, 0
                else:
                    devices = connection.scalar(text("SELECT COUNT(*) FROM whatsmeow_device")) or 0
                    owner = {"jid": jid}
                    mine = bool(connection.scalar(text("SELECT 1 FROM whatsmeow_device WHERE jid = :jid"), owner))
                    prekeys = (
                        "SELECT COUNT(*), COUNT(*) FILTER (WHERE uploaded) FROM whatsmeow_pre_keys WHERE jid = :jid"
                    )
                    total, keys = connection.execute(text(prekeys), owner).one() if not missing else (0, 0)
        except SQLAlchemyError as error:
            why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            return StoreReading(where, exists=None, detail=f"the database cannot be read: {why}")
        if not mine:
            detail = "the database holds no device of this session"
            return StoreReading(
                where, True, detail, StoreFacts(intact=True, devices=devices), paired=False, usable=True
            )
        if missing:
            problem = f"tables are missing: {', '.join(missing)}"
            facts = StoreFacts(intact=False, problem=problem, devices=devices)
            return StoreReading(where, True, problem, facts, jid=jid, paired=True)
        facts = StoreFacts(intact=True, prekeys=keys, prekeys_total=total, devices=devices)
        detail = f"a paired device, {keys} prekeys left"
        return StoreReading(where, True, detail, facts, jid=jid, paired=True, usable=True)

    def lease(self, session: str, workers: Collection[int]) -> lease.Lease | None:  # noqa: ARG002
        return None  # who owns the database owns all of it

    def clean(self, session: str, jid: str) -> None:  # noqa: ARG002
        with self._engine.begin() as connection:
            if jid and connection.scalar(text("SELECT to_regclass('whatsmeow_device')")):
                connection.execute(text("DELETE FROM whatsmeow_device WHERE jid = :jid"), {"jid": jid})  # cascades


def go_url(dsn: str) -> str:
    """The URL for the Go library, which insists on TLS where libpq prefers it: on loopback it goes without.

    >>> go_url("postgresql://wadiag@127.0.0.1/gateway")
    'postgres://wadiag@127.0.0.1/gateway?sslmode=disable'
    """
    parts = urlsplit(dsn)
    query = parts.query
    if "sslmode=" not in query and parts.hostname in _LOOPBACK:
        query = f"{query}&sslmode=disable".lstrip("&")
    return parts._replace(scheme="postgres", query=query).geturl()


def sqlalchemy_url(dsn: str) -> str:
    """The same database for SQLAlchemy with psycopg.

    Raises:
        UsageProblem: it is not such a URL, or psycopg is not installed. The URL holds a password and is not repeated.
    """
    try:
        url = make_url(dsn)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in ("postgres", "postgresql"):
        raise UsageProblem(
            "the gateway's database is given as postgresql://user:password@host/database, and this is not"
        )
    if importlib.util.find_spec("psycopg") is None:
        raise UsageProblem("a PostgreSQL database needs psycopg: pip install 'whatsapp-diagnostics[postgres]'")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
