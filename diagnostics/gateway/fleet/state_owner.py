"""Sees to it that one process owns a gateway's state: a second one would log every session of the first out.

A directory is owned by a lock on a file in it, a PostgreSQL database by an advisory lock. The latter ends with its
connection, so the connection is watched, and a gateway that loses it gives its sessions up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from diagnostics.errors import UsageProblem
from diagnostics.neonize import lockfile

_KEY = 0x77616469  # "wadi", in the namespace of this database's advisory locks
WATCHING = 5.0  # s between two looks whether the database still knows us
_HOLDER = """
    SELECT activity.application_name, activity.backend_start
    FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locks.locktype = 'advisory' AND locks.classid = 0 AND locks.objid = :key AND locks.granted
      AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Owner(Protocol):
    async def take(self) -> None:
        """Become the owner.

        Raises:
            UsageProblem: somebody else is.
        """

    async def watch(self, lost: Callable[[str], None]) -> None:
        """Run until the ownership may be lost; then call `lost` with a sentence that says why."""

    async def release(self) -> None: ...


class DirectoryOwner:
    """Owns a state directory by a lock on a file in it, until the process ends."""

    def __init__(self, state: Path) -> None:
        self._path = state / "owner.lock"
        self._lock: lockfile.LockFile | None = None

    async def take(self) -> None:
        try:
            self._lock = lockfile.hold(self._path)
            self._lock.write()
        except lockfile.Taken as taken:
            raise UsageProblem(
                f"another gateway owns {self._path.parent} ({taken}), and a second one would kick its sessions out: "
                "stop that process first, or give this one a state directory of its own"
            ) from None
        except OSError as error:
            raise UsageProblem(
                f"the gateway's state cannot be kept in {self._path.parent}: {error.strerror}"
            ) from error

    async def watch(self, lost: Callable[[str], None]) -> None:  # noqa: ARG002
        await asyncio.Event().wait()  # the kernel takes nothing back

    async def release(self) -> None:
        if self._lock is not None:
            self._lock.release()


class DatabaseOwner:
    """Owns a PostgreSQL database by an advisory lock, as long as its one connection lasts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    async def take(self) -> None:
        await asyncio.to_thread(self._take)

    def _take(self) -> None:
        where = self._engine.url.render_as_string(hide_password=True)
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            name = f"wadiag, process {os.getpid()} on {socket.gethostname()}"
            connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": name[:63]})
            if connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}):
                self._connection = connection
                return
            holder = connection.execute(text(_HOLDER), {"key": _KEY}).first()
            connection.close()
        except SQLAlchemyError as error:
            why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise UsageProblem(f"the gateway's database cannot be used ({where}): {why}") from error
        who = f"{holder[0]}, since {holder[1]:%Y-%m-%dT%H:%M:%S%z}" if holder else "which has just ended"
        raise UsageProblem(
            f"another gateway owns the database {where} ({who}), and a second one would kick its sessions out: "
            "stop that process first, or give this one a database of its own"
        )

    async def watch(self, lost: Callable[[str], None]) -> None:
        while self._connection is not None:
            await asyncio.sleep(WATCHING)
            try:
                await asyncio.to_thread(self._connection.execute, text("SELECT 1"))
            except SQLAlchemyError as error:
                connection, self._connection = self._connection, None
                with contextlib.suppress(SQLAlchemyError):
                    connection.invalidate()
                lost(f"the connection to the gateway's database was lost ({type(error).__name__})")

    async def release(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            # Not back into the pool: the lock is the connection's.
            await asyncio.to_thread(connection.invalidate)
            await asyncio.to_thread(connection.close)
