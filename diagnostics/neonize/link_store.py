"""Link a new store to an account, as a person does with a phone: the client shows a QR code, somebody scans it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from diagnostics.errors import TargetProblem
from diagnostics.neonize import interpret, protocol
from diagnostics.neonize.process import Worker

_A_MOMENT = 0.005  # s
_ENDS = interpret.REFUSALS | {"Connected", "worker-ended"}
_LOOK = 1.0  # s between two looks at a connection that shows codes; its end makes no event
_QUICK = 2.0  # s for a call that needs no network


class CodesRanOut(TargetProblem):
    """WhatsApp offers six codes and then hangs up; nobody has scanned one."""


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
    phone: str = "",
) -> str:
    """Make the store and link it. Returns once the client has logged in with it and was stopped again.

    Args:
        show: called with each QR code as it appears. It is a credential: whoever scans it owns the session. What
            `show` raises ends the pairing.
        deadline: seconds for all of it.
        settled: asked again and again behind the login; the client is stopped when it says yes.
        phone: a number in digits; then `show` is called once, with the code ("ABCD-EFGH") to type into that phone.

    Returns:
        The JID of the device.

    Raises:
        CodesRanOut: the last code expired.
        TargetProblem: the code was not scanned in time, or the pairing was refused, or it never settled.
        CallFailed, WorkerProblem: as for `Worker.call`.
    """
    until = time.monotonic() + deadline
    shown, jid = False, ""
    async with _opened(worker, session, store, until, proxy, fast_store=fast_store) as heard:
        while True:
            push = await _next(
                heard, until, "the QR code was not scanned", worker if shown and not jid else None, session
            )
            if push.event == "qr" and not phone:
                show(push.data["code"])
            elif push.event == "qr" and not shown:
                asked = await worker.call(protocol.PairPhone(session, phone), until - time.monotonic())
                show(asked["code"])
            elif push.event == "PairStatus" and not push.data.get("Error"):
                jid = _jid(push.data.get("ID", {}))
            elif push.event in _ENDS or push.event == "PairStatus":
                break
            shown = True
        while push.event == "Connected" and not settled():
            if time.monotonic() > until:
                raise TargetProblem(f"{session} was linked, and did not settle in time")
            await asyncio.sleep(_A_MOMENT)
    if push.event != "Connected":
        raise TargetProblem(f"{session} could not be paired: {interpret.words(push)}")
    return jid


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
        raise TargetProblem(f"{session} could not be created: {interpret.words(push)}")


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


async def _next(
    heard: asyncio.Queue[protocol.Push], until: float, otherwise: str, worker: Worker | None = None, session: str = ""
) -> protocol.Push:
    """The next event. Given a worker, the connection is watched meanwhile."""
    while True:
        left = until - time.monotonic()
        try:
            return await asyncio.wait_for(heard.get(), min(left, _LOOK) if worker else left)
        except TimeoutError:
            if time.monotonic() >= until:
                raise TargetProblem(f"{otherwise} in time") from None
        if worker is not None:
            answers = await worker.call(protocol.State(session, ("is_connected",)), _QUICK)
            if answers["is_connected"].get("value") is False and heard.empty():
                raise CodesRanOut("no code was scanned before the last one expired, or the connection was lost")


def _jid(plain: Mapping[str, Any]) -> str:
    device = f":{plain['Device']}" if plain.get("Device") else ""
    return f"{plain.get('User', '')}{device}@{plain.get('Server', '')}"
