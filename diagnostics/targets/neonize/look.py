"""A look at sessions in one store: passively, or through the real client.

The store is read and checked once for all of its sessions. By default that is all, and not a byte of it changes. To
connect, the lease on the store is taken first, which nobody else may hold; then the real client logs in with each
session, in workers that several sessions share.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from diagnostics.errors import TargetProblem
from diagnostics.evidence.recorder import Clock, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Evidence
from diagnostics.neonize import pool
from diagnostics.neonize.observe import NEEDS_CLIENT, STORE_SHARE, ObserveResult, observe, observe_store
from diagnostics.neonize.process import Worker, environment
from diagnostics.neonize.store import Content, read_content
from diagnostics.rehearse import noise_root


class StoreLooker:
    """Implements `targets.base.Looker`."""

    def __init__(
        self,
        store: Path,
        *,
        connect: bool = False,
        proxy: str | None = None,
        jids: Mapping[str, str] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """
        Args:
            store: the SQLite file.
            connect: open the real client.
            proxy: URL for everything the client dials; nothing is dialled past it.
            jids: session name → the account or device in the store, where the name does not tell.
            clock: the time of observations.
        """
        self._store = store
        self._connect = connect
        self._proxy = proxy
        self._jids = jids or {}
        self._clock = clock
        self._noise_root = noise_root(os.environ)  # of a rehearsal

    async def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:
        if not requests:
            return
        limit = STORE_SHARE * min(request.deadline for request in requests)
        content = await asyncio.to_thread(read_content, self._store, limit)
        refused: TargetProblem | None = None
        # Without anything to connect for, or with, not even a lease file is written.
        if self._connect and any(self._can_connect(content, request) for request in requests):
            from diagnostics.neonize import lease  # noqa: PLC0415 - needs POSIX, and only who connects needs it

            try:
                held = await asyncio.to_thread(lease.acquire, self._store)
            except TargetProblem as problem:
                refused = problem
            else:
                with held:
                    async for evidence in pool.observe_all(requests, self._worker, self._active(content)):
                        yield evidence
                return
        for request in requests:
            yield await self._passive(content, request, refused)

    def _can_connect(self, content: Content, request: Request) -> bool:
        if request.aspects.isdisjoint(NEEDS_CLIENT):
            return False
        found = content.of(request.session, self._jids.get(request.session))
        return found.usable and bool(found.paired)

    async def _passive(self, content: Content, request: Request, refused: TargetProblem | None) -> Evidence:
        jid = self._jids.get(request.session)
        if refused is None:
            return await observe_store(request, self._store, jid=jid, clock=self._clock, content=content)
        return await observe_store(
            request,
            self._store,
            jid=jid,
            clock=self._clock,
            content=content,
            why=str(refused),
            absence=Absence.HELD,
            source="lease",
        )

    def _active(self, content: Content) -> pool.Observe:
        async def look(worker: Worker, request: Request) -> ObserveResult:
            return await observe(
                worker,
                request,
                self._store,
                jid=self._jids.get(request.session),
                proxy=self._proxy,
                clock=self._clock,
                content=content,
                noise_root=self._noise_root,
            )

        return look

    def _worker(self) -> Worker:
        return Worker(environment(proxy=self._proxy))
