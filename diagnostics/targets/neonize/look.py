"""The target `neonize`: sessions in a store on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from diagnostics.errors import TargetProblem
from diagnostics.evidence.recorder import Clock, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Evidence
from diagnostics.neonize import pool
from diagnostics.neonize.observe import NEEDS_CLIENT, STORE_SHARE, ObserveResult, observe, observe_store
from diagnostics.neonize.process import Worker, environment
from diagnostics.neonize.store import read_store

_DATABASE_URLS = ("postgres://", "postgresql://")


class NeonizeTarget:
    """Sessions in one SQLite store of neonize or whatsmeow. Implements `targets.base.Target`.

    By default the store is read and nothing else; not a byte of it changes. With `connect` the real client logs in,
    under a lease that nobody else holds.
    """

    def __init__(
        self,
        store: str | Path | None,
        *,
        connect: bool = False,
        proxy: str | None = None,
        jids: Mapping[str, str] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """
        Args:
            store: path of the SQLite file.
            connect: open the real client.
            proxy: URL for everything the client dials; nothing is dialled past it.
            jids: session name → the account or device in the store, where the name does not tell.
            clock: the time of observations.
        """
        self._store = str(store or "")
        self._connect = connect
        self._proxy = proxy
        self._jids = jids or {}
        self._clock = clock

    def describe(self) -> str:
        store = _without_password(self._store)
        if not self._connect:
            return f"neonize store {store} (passive: read only, nothing is connected)"
        through = f" through {_without_password(self._proxy)}" if self._proxy else ""
        return f"neonize store {store}{through} (opens the real client with this store's credentials)"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[NeonizeTarget]:
        """Nothing to acquire beforehand: lease and workers are held only while looking.

        Raises:
            TargetProblem: the store is none that can be looked at here.
        """
        if not self._store:
            raise TargetProblem("no store is given: add --store PATH, the SQLite file of the session")
        if self._store.startswith(_DATABASE_URLS):
            raise TargetProblem(
                "stores in PostgreSQL cannot be read yet, passively or otherwise: "
                "ask the running bot or its gateway, or give the path of a SQLite store"
            )
        yield self

    async def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:
        store = Path(self._store)
        if not self._connect:
            looks = [asyncio.create_task(self._passive(store, request)) for request in requests]
            for look in asyncio.as_completed(looks):
                yield await look
            return

        from diagnostics.neonize import lease  # noqa: PLC0415 - needs POSIX, and only who connects needs it

        if not any([await self._can_connect(store, request) for request in requests]):
            for request in requests:
                yield await self._passive(store, request)
            return
        try:
            held = await asyncio.to_thread(lease.acquire, store)
        except TargetProblem as refused:
            for request in requests:
                yield await self._passive(store, request, refused=refused)
            return
        with held:
            async for evidence in pool.observe_all(requests, self._worker, self._active):
                yield evidence

    async def _can_connect(self, store: Path, request: Request) -> bool:
        """Whether there is anything to connect for, and with: else not even a lease file is written."""
        if request.aspects.isdisjoint(NEEDS_CLIENT):
            return False
        jid, limit = self._jids.get(request.session), STORE_SHARE * request.deadline
        found = await asyncio.to_thread(read_store, store, request.session, jid, limit)
        return found.usable and bool(found.paired)

    async def _passive(self, store: Path, request: Request, refused: TargetProblem | None = None) -> Evidence:
        jid = self._jids.get(request.session)
        if refused is None:
            return await observe_store(request, store, jid=jid, clock=self._clock)
        return await observe_store(
            request,
            store,
            jid=jid,
            clock=self._clock,
            why=str(refused),
            absence=Absence.HELD,
            source="lease",
        )

    async def _active(self, worker: Worker, request: Request) -> ObserveResult:
        return await observe(
            worker,
            request,
            Path(self._store),
            jid=self._jids.get(request.session),
            proxy=self._proxy,
            clock=self._clock,
        )

    def _worker(self) -> Worker:
        return Worker(environment(proxy=self._proxy))


def _without_password(text: str) -> str:
    """A URL without its user and password; anything else as it is."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
