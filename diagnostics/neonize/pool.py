"""Observe many sessions with few worker processes.

Sessions are observed in groups; each group shares a worker. If a shared worker crashes, each session that was not
finished is observed again, in what is left of its deadline. A message that was acknowledged is not sent again; one
that was on its way is, so that its recipient may get the test message twice. The sessions that are most likely to have
caused the crash, by what their clients did last, get a worker of their own each; the others share a new one. If that
crashes, too, they are told apart in the same way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from diagnostics.evidence.request import Request
from diagnostics.model import Aspect, Evidence, Observation
from diagnostics.neonize.observe import ObserveResult
from diagnostics.neonize.process import Worker

SESSIONS_PER_WORKER = 20  # each costs a thread and 0.65 MB; after a crash all of them are observed again
WORKERS_AT_ONCE = 2  # each costs 73 MB, and a processor while it imports
LEAST = 1.0  # s that must be left of a deadline to observe a session again

Observe = Callable[[Worker, Request], Awaitable[ObserveResult]]
_Unfinished = list[tuple[Request, ObserveResult]]


async def observe_all(
    requests: Sequence[Request],
    new_worker: Callable[[], Worker],
    observe: Observe,
    *,
    sessions_per_worker: int = SESSIONS_PER_WORKER,
    workers_at_once: int = WORKERS_AT_ONCE,
) -> AsyncGenerator[Evidence, None]:
    """Yield the evidence of each session when it is complete, in no particular order.

    Args:
        requests: one per session.
        new_worker: returns a worker, new or started earlier; it is closed here.
        observe: observes one session through a worker; must not raise.
        sessions_per_worker: the size of a group.
        workers_at_once: how many groups are observed at the same time. After a crash, a group has so many workers.
    """
    pool = _Pool(new_worker, observe, workers_at_once)
    groups = [requests[i : i + sessions_per_worker] for i in range(0, len(requests), sessions_per_worker)]
    running = asyncio.create_task(pool.observe_groups(groups))
    try:
        while (evidence := await pool.finished.get()) is not None:
            yield evidence
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _acknowledged(evidence: Evidence) -> Mapping[Aspect, Observation]:
    """The messages that were acknowledged."""
    sends = {aspect: evidence.get(aspect) for aspect in (Aspect.TEXT, Aspect.IMAGE)}
    return {a: seen for a, seen in sends.items() if seen is not None and seen.known and seen.value.acknowledged}


class _Pool:
    def __init__(self, new_worker: Callable[[], Worker], observe: Observe, workers_at_once: int) -> None:
        self.finished: asyncio.Queue[Evidence | None] = asyncio.Queue()
        self._new_worker = new_worker
        self._observe = observe
        self._slots = asyncio.Semaphore(workers_at_once)
        self._at_once = workers_at_once

    async def observe_groups(self, groups: Sequence[Sequence[Request]]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in groups:
                    tasks.create_task(self._observe_group(group))
        finally:
            self.finished.put_nowait(None)

    async def _observe_group(self, group: Sequence[Request]) -> None:
        async with self._slots:
            since = time.monotonic()
            unfinished = await self._through_one_worker(group)
            await self._apart(unfinished, since, asyncio.Semaphore(self._at_once))

    async def _apart(self, unfinished: _Unfinished, since: float, slots: asyncio.Semaphore) -> None:
        """After a crash, observe the most suspicious sessions alone and the others together, until no worker crashes.

        Args:
            since: when the group was first observed.
            slots: one for each worker that the group may have at once.
        """
        if not unfinished:
            return
        most = max(result.suspicion for _, result in unfinished)
        alone = [each for each in unfinished if each[1].suspicion is most]
        rest = [each for each in unfinished if each[1].suspicion is not most]

        async def again(these: _Unfinished) -> None:
            async with slots:
                crashed = await self._again(these, since)
            await self._apart(crashed, since, slots)

        async with asyncio.TaskGroup() as tasks:
            if rest:
                tasks.create_task(again(rest))
            for each in alone:
                tasks.create_task(again([each]))

    async def _again(self, these: _Unfinished, since: float) -> _Unfinished:
        """Observe sessions once more, in what is left of their deadlines; without that, the first look counts."""
        spent = time.monotonic() - since
        kept: dict[str, Mapping[Aspect, Observation]] = {}
        again: list[Request] = []
        for request, result in these:
            acknowledged = _acknowledged(result.evidence)
            left = replace(request, deadline=request.deadline - spent, aspects=request.aspects - acknowledged.keys())
            if left.deadline < LEAST:
                self.finished.put_nowait(result.evidence)
            else:
                again.append(left)
                kept[request.session] = acknowledged
        return await self._through_one_worker(again, kept)

    async def _through_one_worker(
        self, group: Sequence[Request], kept: Mapping[str, Mapping[Aspect, Observation]] | None = None
    ) -> _Unfinished:
        """Observe the group; returns the sessions that are to be observed again.

        Args:
            kept: by session, what was observed before and is not asked for again.
        """
        if not group:
            return []
        worker = self._new_worker()
        worker.start()

        async def observe_one(request: Request) -> list[tuple[Request, ObserveResult]]:
            result = await self._observe(worker, request)
            if before := (kept or {}).get(request.session):
                evidence = result.evidence
                result = replace(result, evidence=replace(evidence, observations={**evidence.observations, **before}))
                request = replace(request, aspects=request.aspects | before.keys())
            if result.crashed and len(group) > 1:
                return [(request, result)]
            self.finished.put_nowait(result.evidence)
            return []

        try:
            return [each for unfinished in await asyncio.gather(*map(observe_one, group)) for each in unfinished]
        finally:
            await worker.close()
