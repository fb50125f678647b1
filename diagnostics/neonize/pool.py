"""Observe many sessions with few worker processes.

Sessions are observed in groups; each group shares a worker. If a shared worker crashes, it is not known which session
caused it. So each session that was not finished is observed again in a worker of its own, unless a message of it was
being sent: a retry could send that message twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from diagnostics.evidence.request import Request
from diagnostics.model import Evidence
from diagnostics.neonize.observe import ObserveResult
from diagnostics.neonize.process import Worker

SESSIONS_PER_WORKER = 20  # each costs a thread and 0.65 MB; after a crash all of them are observed again
WORKERS_AT_ONCE = 2  # each costs 73 MB, and a processor while it imports

Observe = Callable[[Worker, Request], Awaitable[ObserveResult]]


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
        workers_at_once: how many workers run at the same time.
    """
    finished: asyncio.Queue[Evidence | None] = asyncio.Queue()
    slots = asyncio.Semaphore(workers_at_once)
    groups = [requests[i : i + sessions_per_worker] for i in range(0, len(requests), sessions_per_worker)]

    async def observe_group(group: Sequence[Request]) -> None:
        async with slots:
            to_repeat = [request for request in await observe_in_shared_worker(group) if request is not None]
            for request in to_repeat:
                worker = new_worker()
                try:
                    finished.put_nowait((await observe(worker, request)).evidence)
                finally:
                    await worker.close()

    async def observe_in_shared_worker(group: Sequence[Request]) -> list[Request | None]:
        """Observe the group through one worker; returns the requests to repeat, and None for the others."""
        worker = new_worker()
        worker.start()

        async def observe_one(request: Request) -> Request | None:
            result = await observe(worker, request)
            if result.crashed and not result.sending and len(group) > 1:
                return request
            finished.put_nowait(result.evidence)
            return None

        try:
            return await asyncio.gather(*map(observe_one, group))
        finally:
            await worker.close()

    async def observe_groups() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in groups:
                    tasks.create_task(observe_group(group))
        finally:
            finished.put_nowait(None)

    running = asyncio.create_task(observe_groups())
    try:
        while (evidence := await finished.get()) is not None:
            yield evidence
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
