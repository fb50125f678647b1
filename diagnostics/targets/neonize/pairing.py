"""Link a new store to an account, as a person does with a phone: the client shows a QR code, somebody scans it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from diagnostics.errors import TargetProblem
from diagnostics.targets.neonize import protocol, reading
from diagnostics.targets.neonize.process import Worker

_A_MOMENT = 0.005  # s
_ENDS = reading.REFUSALS | {"Connected", "worker-ended"}


async def pair(
    worker: Worker,
    session: str,
    store: Path,
    *,
    show: Callable[[str], None],
    deadline: float,
    proxy: str | None = None,
    fast_store: bool = False,
    settled: Callable[[], bool] = lambda: True,
) -> None:
    """Make the store and link it. Returns once the client has logged in with it and was stopped again.

    Args:
        show: called with each QR code as it appears. It is a credential: whoever scans it owns the session. What
            `show` raises ends the pairing.
        deadline: seconds for all of it.
        settled: asked again and again behind the login; the client is stopped when it says yes.

    Raises:
        TargetProblem: the code was not scanned in time, or the pairing was refused, or it never settled.
        CallFailed, WorkerProblem: as for `Worker.call`.
    """
    until = time.monotonic() + deadline
    async with _opened(worker, session, store, until, proxy, fast_store=fast_store) as heard:
        while True:
            push = await _next(heard, until, "the QR code was not scanned")
            if push.event == "qr":
                show(push.data["code"])
            elif push.event in _ENDS or (push.event == "PairStatus" and push.data.get("Error")):
                break
        while push.event == "Connected" and not settled():
            if time.monotonic() > until:
                raise TargetProblem(f"{session} was linked, and did not settle in time")
            await asyncio.sleep(_A_MOMENT)
    if push.event != "Connected":
        raise TargetProblem(f"{session} could not be paired: {reading.words(push)}")


async def create(
    worker: Worker,
    session: str,
    store: Path,
    *,
    deadline: float,
    proxy: str | None = None,
    fast_store: bool = False,
) -> None:
    """Make the store of a client that waits for its first QR code to be scanned.

    Raises:
        TargetProblem: no QR code was shown in time.
        CallFailed, WorkerProblem: as for `Worker.call`.
    """
    until = time.monotonic() + deadline
    async with _opened(worker, session, store, until, proxy, fast_store=fast_store) as heard:
        push = await _next(heard, until, "no QR code was shown")
    if push.event != "qr":
        raise TargetProblem(f"{session} could not be created: {reading.words(push)}")


@asynccontextmanager
async def _opened(
    worker: Worker,
    session: str,
    store: Path,
    until: float,
    proxy: str | None,
    *,
    fast_store: bool,
) -> AsyncIterator[asyncio.Queue[protocol.Push]]:
    heard: asyncio.Queue[protocol.Push] = asyncio.Queue()
    unsubscribe = worker.subscribe(session, heard.put_nowait)
    path = str(store.absolute())  # noqa: ASYNC240 - asks for the current directory, nothing else
    connect = protocol.Connect(session, path, proxy=proxy or "", create=True, fast_store=fast_store)
    try:
        await worker.call(connect, until - time.monotonic())
        try:
            yield heard
        finally:
            if worker.crash is None:
                await worker.call(protocol.Stop(session), max(1.0, until - time.monotonic()))
    finally:
        unsubscribe()


async def _next(heard: asyncio.Queue[protocol.Push], until: float, otherwise: str) -> protocol.Push:
    try:
        return await asyncio.wait_for(heard.get(), until - time.monotonic())
    except TimeoutError:
        raise TargetProblem(f"{otherwise} in time") from None
