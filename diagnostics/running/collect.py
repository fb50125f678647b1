"""Evidence for many sessions, as it arrives: the only place with concurrency.

All targets are opened at once, each in a task of its own, and each looks at its sessions concurrently. What they yield
goes through one queue to whoever iterates. A target that breaks never touches another: whatever it leaves unanswered
becomes evidence that says so, so that there is exactly one evidence for each request.

No limit here grows with the number of sessions. A session's own deadline is kept by its target; here a target is
stopped if it has yielded nothing for the longest of those deadlines plus the time to start and stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from diagnostics.catalogue import with_upstream
from diagnostics.descriptors import shortage
from diagnostics.errors import DiagnosticsError
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence, Observation
from diagnostics.targets.base import Looker

START_AND_STOP = 30.0  # s for starting a target and for ending it, beyond the deadline of a session


@dataclass(frozen=True, slots=True)
class Job:
    """One target and what it is asked.

    Attributes:
        target: the target's description, for evidence that is made here.
        opened: opens the target; it is closed before the collection ends.
        requests: one for each session; no two for the same session.
    """

    target: str
    opened: Callable[[], AbstractAsyncContextManager[Looker]]
    requests: Sequence[Request]


def aspects_for(checks: Iterable[str]) -> frozenset[Aspect]:
    """What must be observed to judge these checks and whatever could explain them."""
    return frozenset(aspect for check in with_upstream(checks) for aspect in check.needs)


async def collect(
    jobs: Sequence[Job],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    start_and_stop: float = START_AND_STOP,
) -> AsyncGenerator[Evidence, None]:
    """Look at all sessions of all targets.

    Closing the generator early (`aclose`) cancels what is under way and closes the targets.

    Args:
        clock: time of the observations that are made here.
        start_and_stop: seconds that a target may need beyond the deadline of a session.

    Yields:
        Evidence for every requested session, once each, in the order in which the looks end.
    """
    arrived: asyncio.Queue[Evidence | None] = asyncio.Queue()

    async def run_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(_run(job, arrived, clock, start_and_stop))
        finally:
            arrived.put_nowait(None)

    running = asyncio.create_task(run_all())
    try:
        while (evidence := await arrived.get()) is not None:
            yield evidence
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _run(
    job: Job, arrived: asyncio.Queue[Evidence | None], clock: Callable[[], datetime], start_and_stop: float
) -> None:
    """Put exactly one evidence for each request of the job into the queue."""
    left = {request.session: request for request in job.requests}
    patience = start_and_stop + max((request.deadline for request in job.requests), default=0.0)
    absence, detail = Absence.CRASHED, "the target ended without looking at this session"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(patience) as limit, job.opened() as looker:
            async for evidence in looker.look(job.requests):
                if left.pop(evidence.session, None) is not None:
                    arrived.put_nowait(evidence)
                limit.reschedule(loop.time() + patience)
    except TimeoutError:
        absence, detail = Absence.TIMEOUT, f"the target answered nothing for {patience:.0f} s"
    except DiagnosticsError as problem:
        absence, detail = Absence.UNREACHABLE, str(problem)
    except Exception as problem:  # noqa: BLE001 - a crash of one target must not take the others' evidence
        detail = shortage(problem) or f"{type(problem).__name__}: {problem}"
    for request in left.values():
        arrived.put_nowait(_unlooked(job.target, request, absence, detail, clock()))


def _unlooked(target: str, request: Request, absence: Absence, detail: str, now: datetime) -> Evidence:
    return Evidence(
        session=request.session,
        target=target,
        observations={a: Observation(a, now, absence=absence, detail=detail) for a in request.aspects},
    )
