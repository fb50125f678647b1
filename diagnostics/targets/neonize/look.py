"""A look at sessions in one store: passively, or through the real client.

The store is read and checked once for all of its sessions. By default that is all, and not a byte of it changes. To
connect, the lease on the store is taken first, which nobody else may hold; then the real client logs in with each
session, in workers that several sessions share.

Whatever goes wrong, each session gets evidence: what breaks while one of them is looked at is said of that one. What
the probe lacks (a permission, file descriptors) is said as that, and never as a state of the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from diagnostics.descriptors import shortage
from diagnostics.errors import DiagnosticsError, TargetProblem
from diagnostics.evidence.recorder import Clock, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Disconnect, Evidence, Observation, Sent, StoreFacts
from diagnostics.neonize import pool
from diagnostics.neonize.observe import NEEDS_CLIENT, STORE_SHARE, ObserveResult, observe, observe_store
from diagnostics.neonize.process import Worker
from diagnostics.neonize.snapshot import shown
from diagnostics.neonize.store import Content, read_content
from diagnostics.neonize.worker_environment import environment, proxy_with_password
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
        self._proxy = proxy or proxy_with_password(os.environ)
        self._jids = jids or {}
        self._clock = clock
        self._noise_root = noise_root(os.environ)  # of a rehearsal

    async def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:
        if not requests:
            return
        limit = STORE_SHARE * min(request.deadline for request in requests)
        content = await asyncio.to_thread(read_content, self._store, limit)
        refusal: _Refusal | None = None
        left = {request.session: request for request in requests}
        # Without anything to connect for, or with, not even a lease file is written.
        if self._connect and any(self._can_connect(content, request) for request in requests):
            try:
                with await asyncio.to_thread(self._lease):
                    looking = pool.observe_all(requests, self._worker, self._active(content))
                    async with contextlib.aclosing(looking):
                        async for evidence in looking:
                            left.pop(evidence.session, None)
                            yield without_shortage(evidence)
            except Exception as problem:  # noqa: BLE001 - whatever it was, the store was read
                refusal = _Refusal.by(problem)
        for request in left.values():
            yield await self._passive(content, request, refusal)

    def _lease(self) -> AbstractContextManager[object]:
        """
        Raises:
            TargetProblem: nothing may be connected.
        """
        from diagnostics.neonize import lease  # noqa: PLC0415 - needs POSIX, and only who connects needs it

        try:
            os.fspath(self._store).encode()
        except UnicodeEncodeError:
            raise TargetProblem(
                f"{shown(self._store)} cannot be opened by the client, since its path is not UTF-8: "
                "give the store a name in UTF-8, or a link with one"
            ) from None
        return lease.acquire(self._store)

    def _can_connect(self, content: Content, request: Request) -> bool:
        if request.aspects.isdisjoint(NEEDS_CLIENT):
            return False
        found = content.of(request.session, self._jids.get(request.session))
        return found.usable and bool(found.paired)

    async def _passive(self, content: Content, request: Request, refusal: _Refusal | None) -> Evidence:
        jid = self._jids.get(request.session)
        if refusal is None:
            return await observe_store(request, self._store, jid=jid, clock=self._clock, content=content)
        evidence = await observe_store(
            request,
            self._store,
            jid=jid,
            clock=self._clock,
            content=content,
            why=refusal.why,
            absence=refusal.absence,
            source=refusal.source,
        )
        return _unwritable(evidence, refusal.why) if refusal.absence is Absence.BLOCKED else evidence

    def _active(self, content: Content) -> pool.Observe:
        async def look(worker: Worker, request: Request) -> ObserveResult:
            try:
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
            except Exception as problem:  # noqa: BLE001 - the other sessions of the store have nothing to do with it
                return ObserveResult(await self._passive(content, request, _Refusal.by(problem)))

        return look

    def _worker(self) -> Worker:
        return Worker(environment(proxy=self._proxy))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why nothing was connected, as the absence of everything that only a client can tell."""

    why: str
    absence: Absence
    source: str

    @staticmethod
    def by(problem: Exception) -> _Refusal:
        from diagnostics.neonize import lease  # noqa: PLC0415 - needs POSIX, and only who connects needs it

        match problem:
            case lease.SessionHeld():
                return _Refusal(str(problem), Absence.HELD, "lease")
            case lease.StoreUnwritable():
                return _Refusal(str(problem), Absence.BLOCKED, "lease")
            case DiagnosticsError():
                return _Refusal(str(problem), Absence.CRASHED, "store")
            case _:
                why = shortage(problem) or f"{type(problem).__name__}: {problem}"
                return _Refusal(why, Absence.CRASHED, "store")


def _unwritable(evidence: Evidence, why: str) -> Evidence:
    """The evidence, and that a client could not write to the store."""
    seen = evidence.get(Aspect.STORE)
    if seen is None or not isinstance(seen.value, StoreFacts):
        return evidence
    seen = replace(seen, value=replace(seen.value, unwritable=why))
    return replace(evidence, observations={**evidence.observations, Aspect.STORE: seen})


def without_shortage(evidence: Evidence) -> Evidence:
    """The evidence of a client; if that ran out of file descriptors, what it could not see is the probe's own fault.

    The client reports the shortage as a connection that failed, in the words of its library.
    """
    said = [text for seen in evidence.observations.values() for text in _texts(seen)]
    ours = next(filter(None, map(shortage, said)), "")
    if not ours:
        return evidence
    why = f"the client could not open its files and connections: {ours}"
    changed = {
        aspect: replace(seen, value=None, raw="", absence=Absence.CRASHED, detail=why)
        for aspect, seen in evidence.observations.items()
        if aspect in NEEDS_CLIENT and seen.absence is not Absence.NOT_ASKED
    }
    return replace(evidence, observations={**evidence.observations, **changed})


def _texts(seen: Observation) -> list[str]:
    of_value = [seen.value.reason, seen.value.raw] if isinstance(seen.value, Disconnect) else []
    of_value += [seen.value.error] if isinstance(seen.value, Sent) else []
    return [seen.raw, seen.detail, *of_value]
