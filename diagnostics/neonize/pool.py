"""Observe many sessions with few worker processes.

Sessions are observed in groups; each group shares a worker. If a shared worker crashes, each session that was not
finished is observed again, in what is left of its deadline. A message that was acknowledged is not sent again; one
that was on its way is, so that its recipient may get the test message twice. A session that probably caused the crash,
by its trace or by what its client was told last, gets a worker of its own, and the others share a new one; where none
is suspected, they are halved, until each is finished or its time is over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from diagnostics.evidence.request import Request
from diagnostics.model import Aspect, Evidence, Observation
from diagnostics.neonize.observe import ObserveResult, Suspicion
from diagnostics.neonize.process import Worker

SESSIONS_PER_WORKER = 20  # each costs a thread and 0.65 MB; after a crash all of them are observed again
WORKERS_AT_ONCE = 2  # each costs 73 MB, and a processor while it imports
LEAST = 1.0  # s that must be left of a deadline to observe a session again

Observe = Callable[[Worker, Request], Awaitable[ObserveResult]]


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """A session whose look a crash of its worker has cut short, and how far it came."""

    request: Request
    result: ObserveResult


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
            unfinished = await self._through_one_worker([(request, {}) for request in group], since)
            await self._again(unfinished, since, asyncio.Semaphore(self._at_once))

    async def _again(self, these: Sequence[_Unfinished], since: float, slots: asyncio.Semaphore) -> None:
        """Observe sessions whose worker crashed again, in smaller groups, until each is finished or out of time."""

        async def part(these: Sequence[_Unfinished]) -> None:
            async with slots:
                unfinished = await self._through_one_worker(
                    [(each.request, _acknowledged(each.result.evidence)) for each in these], since
                )
            await self._again(unfinished, since, slots)

        async with asyncio.TaskGroup() as tasks:
            for each in _parts(self._in_time(these, since)):
                tasks.create_task(part(each))

    def _in_time(self, these: Sequence[_Unfinished], since: float) -> list[_Unfinished]:
        """Those for which there is time; of the others, what was observed before the crash is all."""
        spent = time.monotonic() - since
        for each in these:
            if each.request.deadline - spent < LEAST:
                self.finished.put_nowait(each.result.evidence)
        return [each for each in these if each.request.deadline - spent >= LEAST]

    async def _through_one_worker(
        self, group: Sequence[tuple[Request, Mapping[Aspect, Observation]]], since: float
    ) -> list[_Unfinished]:
        """Observe the group; returns the sessions that are to be observed again.

        Args:
            group: requests, each with what was observed before and is not asked for again.
            since: `time.monotonic()` from which the deadlines count.
        """
        worker = self._new_worker()
        worker.start()

        async def observe_one(request: Request, kept: Mapping[Aspect, Observation]) -> list[_Unfinished]:
            left = request.deadline - (time.monotonic() - since)
            result = await self._observe(worker, replace(request, deadline=left, aspects=request.aspects - kept.keys()))
            evidence = result.evidence
            result = replace(result, evidence=replace(evidence, observations={**evidence.observations, **kept}))
            if result.crashed and len(group) > 1:
                return [_Unfinished(request, result)]
            self.finished.put_nowait(result.evidence)
            return []

        try:
            looks = await asyncio.gather(*(observe_one(*each) for each in group))
            return [each for unfinished in looks for each in unfinished]
        finally:
            await worker.close()


def _parts(these: Sequence[_Unfinished]) -> list[Sequence[_Unfinished]]:
    """Groups to observe again: each suspect alone, and the others together; without a suspect, two halves."""
    suspects = [[each] for each in these if each.result.suspicion is Suspicion.LIKELY]
    others = [each for each in these if each.result.suspicion is not Suspicion.LIKELY]
    if suspects:
        return [*suspects, *([others] if others else [])]
    others.sort(key=lambda each: each.result.suspicion)
    half = (len(others) + 1) // 2
    return [part for part in (others[:half], others[half:]) if part]
