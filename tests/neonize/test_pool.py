"""Workers that crash or hang, with one session and with many."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnostics.evidence.recorder import utc_now
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Aspect, Evidence, Mode, Verdict
from diagnostics.neonize.observe import ObserveResult, observe
from diagnostics.neonize.pool import Observe, observe_all
from diagnostics.neonize.process import Worker
from diagnostics.simulator import Event, Failure, Fault, Silence, WhatsAppServer
from tests.neonize.conftest import PATIENCE, Pair, Paired

NEEDS_SOCKET = (Aspect.ROUND_TRIP, Aspect.SEND_AVAILABLE, Aspect.TEXT, Aspect.IMAGE)


def requests(server: WhatsAppServer, *sessions: str, deadline: float = PATIENCE) -> list[Request]:
    return [Request(session, frozenset(Aspect), deadline, server.contact.phone) for session in sessions]


def through(server: WhatsAppServer, stores: dict[str, Path]) -> Observe:
    async def look(worker: Worker, request: Request) -> ObserveResult:
        await worker.hello(PATIENCE, server.noise_root)
        store = stores[request.session]
        return await observe(worker, request, store, proxy=server.proxy_url, fast_store=True)

    return look


def on_event(worker: Worker, session: str, event: str, then: Callable[[], None]) -> None:
    def listener(push: object) -> None:
        if getattr(push, "event", "") == event:
            then()

    worker.subscribe(session, listener)


def send_signal(worker: Worker, which: signal.Signals) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, which)


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGSTOP])
async def test_a_worker_that_crashes_or_hangs_makes_the_verdict_unknown(
    pair: Pair, worker: Worker, server: WhatsAppServer, fault: signal.Signals
) -> None:
    paired = pair(scenario="zombie")  # its round trip lasts until the timeout
    on_event(worker, "a", "Disconnected", lambda: send_signal(worker, fault))
    (request,) = requests(server, "a", deadline=2.5)
    started = time.monotonic()
    looked = await through(server, {"a": paired.store})(worker, request)
    assert time.monotonic() - started < 3.5
    if worker.crash is None:
        send_signal(worker, signal.SIGKILL)  # closing a stopped worker would wait for it to exit
    crashed = fault is signal.SIGSEGV
    assert looked.crashed is crashed
    seen = looked.evidence.observations
    assert seen[Aspect.EXISTS].value is True
    for aspect in NEEDS_SOCKET:
        assert seen[aspect].absence in ((Absence.CRASHED,) if crashed else (Absence.TIMEOUT, Absence.CRASHED))
        assert ("SIGSEGV" if crashed else "the worker hangs") in seen[aspect].detail
    assert judge(looked.evidence, mode=Mode.STRICT, now=utc_now()).verdict is Verdict.UNKNOWN


async def look_with_crash(
    server: WhatsAppServer, new_worker: Callable[[], Worker], paired: dict[str, Paired], crash: Observe
) -> tuple[dict[str, Evidence], int]:
    """Evidence by session, and how many workers it took."""
    workers: list[Worker] = []

    def counted() -> Worker:
        workers.append(new_worker())
        return workers[-1]

    found = {}
    async for evidence in observe_all(requests(server, *paired, deadline=6.0), counted, crash):
        assert evidence.session not in found
        found[evidence.session] = evidence
    for worker in workers:
        assert worker.pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(worker.pid, 0)
    return found, len(workers)


async def test_after_a_crash_the_other_sessions_are_observed_again(
    pair: Pair, server: WhatsAppServer, new_worker: Callable[[], Worker]
) -> None:
    paired = {session: pair(session) for session in ("b", "c", "d")}
    look = through(server, {session: p.store for session, p in paired.items()})
    killed = asyncio.Event()

    async def crash(worker: Worker, request: Request) -> ObserveResult:
        def kill() -> None:
            send_signal(worker, signal.SIGKILL)
            killed.set()

        if request.session == "b":  # its worker crashes whenever it is observed
            on_event(worker, "b", "Connected", kill)
        else:
            await killed.wait()  # so that it is not finished before the crash
        return await look(worker, request)

    found, workers = await look_with_crash(server, new_worker, paired, crash)
    assert found["b"].observations[Aspect.SOCKET].absence is Absence.CRASHED
    assert "SIGKILL" in found["b"].observations[Aspect.SOCKET].detail
    for session in ("c", "d"):
        assert judge(found[session], mode=Mode.STRICT, now=utc_now()).verdict is Verdict.HEALTHY
    assert workers <= 5  # the shared one, one for each half, and one for each of a half that crashed again


async def test_after_a_crash_a_message_that_was_acknowledged_is_not_sent_again(
    pair: Pair, server: WhatsAppServer, new_worker: Callable[[], Worker]
) -> None:
    paired = {session: pair(session) for session in ("b", "c")}
    look = through(server, {session: p.store for session, p in paired.items()})
    for each in paired.values():
        server.apply(each.account, [Fault(Event.MESSAGE, Silence(), nth=2, times=1)])  # the image hangs, once

    async def crash(worker: Worker, request: Request) -> ObserveResult:
        async def once_both_have_sent() -> None:
            while not all(len(p.account.messages) == 2 for p in paired.values()):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.01)
            send_signal(worker, signal.SIGKILL)

        if request.session == "b" and Aspect.TEXT in request.aspects:
            looked, _ = await asyncio.gather(look(worker, request), once_both_have_sent())
            return looked
        return await look(worker, request)

    found, _ = await look_with_crash(server, new_worker, paired, crash)
    for session, p in paired.items():
        assert judge(found[session], mode=Mode.STRICT, now=utc_now()).verdict is Verdict.HEALTHY
        assert found[session].observations.keys() == set(Aspect)
        assert [message.type for message in p.account.messages] == ["text", "media", "media"]


async def test_a_session_that_crashes_its_worker_costs_the_others_no_more_than_the_deadline(
    pair: Pair, server: WhatsAppServer, new_worker: Callable[[], Worker]
) -> None:
    plans = {"crash": [Fault(Event.LOGIN, Failure(413))], "well": []}
    plans |= {f"deaf{number}": [Fault(Event.QUESTION, Silence())] for number in range(6)}
    paired = {session: pair(session) for session in plans}
    for session, plan in plans.items():
        server.apply(paired[session].account, plan)
    look = through(server, {session: p.store for session, p in paired.items()})
    started = time.monotonic()
    found, _ = await look_with_crash(server, new_worker, paired, look)
    assert time.monotonic() - started < 6.0 + 3.0
    roots = {session: judge(each, mode=Mode.PERMISSIVE, now=utc_now()).root for session, each in found.items()}
    causes = {session: root and root.cause for session, root in roots.items()}
    assert causes == dict.fromkeys(plans, "zombie") | {"crash": "connection-refused", "well": None}
    assert roots["crash"] is not None
    assert "413" in roots["crash"].claim


async def test_many_sessions_share_few_workers(
    pair: Pair, server: WhatsAppServer, new_worker: Callable[[], Worker]
) -> None:
    paired = {f"s{number}": pair(f"s{number}") for number in range(4)}
    look = through(server, {session: p.store for session, p in paired.items()})
    made: list[Worker] = []

    def counted() -> Worker:
        made.append(new_worker())
        return made[-1]

    found = [
        evidence
        async for evidence in observe_all(
            requests(server, *paired), counted, look, sessions_per_worker=3, workers_at_once=1
        )
    ]
    assert sorted(evidence.session for evidence in found) == sorted(paired)
    assert all(judge(e, mode=Mode.STRICT, now=utc_now()).verdict is Verdict.HEALTHY for e in found)
    assert len(made) == 2


async def test_closing_the_generator_early_ends_its_workers(
    pair: Pair, server: WhatsAppServer, new_worker: Callable[[], Worker]
) -> None:
    paired = {session: pair(session, "connecting") for session in ("b", "c")}
    server.apply(paired["b"].account, ())
    look = through(server, {session: p.store for session, p in paired.items()})
    made: list[Worker] = []

    def counted() -> Worker:
        made.append(new_worker())
        return made[-1]

    looking = observe_all(requests(server, *paired), counted, look)
    assert (await anext(looking)).session == "b"
    await looking.aclose()
    assert made[0].pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(made[0].pid, 0)
