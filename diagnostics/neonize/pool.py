"""Many sessions, few workers. A worker that dies under one session never blames another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from diagnostics.evidence.request import Request
from diagnostics.model import Evidence
from diagnostics.neonize.observe import Looked
from diagnostics.neonize.process import Worker

SESSIONS_PER_WORKER = 20  # each costs a thread and 0.65 MB; a crash makes all of them be looked at again
WORKERS_AT_ONCE = 2  # each costs 73 MB and a processor for its imports

Observe = Callable[[Worker, Request], Awaitable[Looked]]


async def look_at_all(
    requests: Sequence[Request],
    new_worker: Callable[[], Worker],
    observe: Observe,
    *,
    sessions_per_worker: int = SESSIONS_PER_WORKER,
    workers_at_once: int = WORKERS_AT_ONCE,
) -> AsyncGenerator[Evidence, None]:
    """Each session's evidence as it completes.

    The sessions share workers. When a shared one dies, those it had not finished are looked at once more, one by one in
    workers of their own, except where a message was on its way: nothing is ever sent twice.

    Args:
        new_worker: makes a worker (or hands out one that was started early); it is closed here.
        observe: looks at one session through a worker; must not raise.
    """
    done: asyncio.Queue[Evidence | None] = asyncio.Queue()
    slots = asyncio.Semaphore(workers_at_once)
    groups = [requests[i : i + sessions_per_worker] for i in range(0, len(requests), sessions_per_worker)]

    async def together(group: Sequence[Request]) -> None:
        async with slots:
            again = [request for request in await shared(group) if request is not None]
            for request in again:
                worker = new_worker()
                try:
                    done.put_nowait((await observe(worker, request)).evidence)
                finally:
                    await worker.close()

    async def shared(group: Sequence[Request]) -> list[Request | None]:
        """Look through one worker; the requests to repeat."""
        worker = new_worker()
        worker.start()

        async def one(request: Request) -> Request | None:
            looked = await observe(worker, request)
            if looked.crashed and not looked.sending and len(group) > 1:
                return request
            done.put_nowait(looked.evidence)
            return None

        try:
            return await asyncio.gather(*map(one, group))
        finally:
            await worker.close()

    async def everything() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in groups:
                    tasks.create_task(together(group))
        finally:
            done.put_nowait(None)

    running = asyncio.create_task(everything())
    try:
        while (evidence := await done.get()) is not None:
            yield evidence
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
