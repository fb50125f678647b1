"""Evidence for many sessions: the only place with concurrency.

One target that breaks never touches another: whatever it leaves unanswered becomes evidence that says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from diagnostics.catalogue import with_upstream
from diagnostics.errors import DiagnosticsError
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence, Observation
from diagnostics.targets.base import Target

# Beyond the sessions' own deadlines: starting the target and ending it.
START_AND_STOP = 30.0


def aspects_for(checks: Iterable[str]) -> frozenset[Aspect]:
    """What must be observed to judge these checks and whatever could explain them."""
    return frozenset(aspect for check in with_upstream(checks) for aspect in check.needs)


async def collect(
    jobs: Sequence[tuple[Target, Sequence[Request]]],
    *,
    arrived: Callable[[Evidence], None] = lambda _: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    start_and_stop: float = START_AND_STOP,
) -> Mapping[str, Evidence]:
    """Look at all sessions of all targets.

    Args:
        jobs: each target with the sessions to look at through it.
        arrived: called with each session's evidence as it completes.
        clock: time of the observations that are made here.
        start_and_stop: seconds that a target may need beyond its sessions' deadlines.

    Returns:
        Evidence for every requested session, by name; none is ever missing.
    """
    found: dict[str, Evidence] = {}

    async def run(target: Target, requests: Sequence[Request]) -> None:
        # Every session's own deadline is kept by the target. This one is for a target that breaks its word.
        limit = start_and_stop + sum(request.deadline for request in requests)
        absence, detail = Absence.CRASHED, "the target ended without looking at this session"
        try:
            async with asyncio.timeout(limit), target.open() as opened:
                async for evidence in opened.look(requests):
                    found[evidence.session] = evidence
                    arrived(evidence)
        except TimeoutError:
            absence, detail = Absence.TIMEOUT, f"the target did not end within {limit:.0f} s"
        except DiagnosticsError as problem:
            absence, detail = Absence.UNREACHABLE, str(problem)
        except Exception as problem:  # noqa: BLE001 - a crash of one target must not take the others' evidence
            detail = f"{type(problem).__name__}: {problem}"
        for request in requests:
            if request.session not in found:
                found[request.session] = _unlooked(target, request, absence, detail, clock())
                arrived(found[request.session])

    async with asyncio.TaskGroup() as group:
        for target, requests in jobs:
            group.create_task(run(target, requests))
    return found


def _unlooked(target: Target, request: Request, absence: Absence, detail: str, now: datetime) -> Evidence:
    return Evidence(
        session=request.session,
        target=target.describe(),
        observations={a: Observation(a, now, absence=absence, detail=detail) for a in request.aspects},
    )
