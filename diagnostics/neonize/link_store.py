"""Link a new store to an account: the client shows QR codes until a phone scans one and the client has logged in.

The client reports each QR code, the result of the pairing and the login as events. When WhatsApp stops offering codes
it closes the connection, for which there is no event; so the connection is polled while codes are shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from diagnostics.errors import TargetProblem
from diagnostics.neonize import client_log, interpret, protocol
from diagnostics.neonize.process import Worker

_SETTLED_INTERVAL = 0.005  # s between two calls of `settled`
_END_EVENTS = interpret.REFUSALS | {"Connected", "worker-ended"}
_CONNECTION_CHECK_INTERVAL = 1.0  # s between two polls of a connection that shows codes; its end is not an event
_OFFLINE_CALL_TIMEOUT = 2.0  # s for a call that needs no network


class CodesRanOut(TargetProblem):
    """Nobody scanned a code: WhatsApp offers six, then closes the connection."""


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
    """Create the store and link it. Returns after the client has logged in with it and was stopped again.

    Args:
        worker: opens the client.
        session: its name in the worker, and in error messages.
        store: path of the SQLite file.
        show: called with each QR code. A code is a credential: whoever scans it owns the session. An exception of
            `show` ends the pairing.
        deadline: seconds for the whole pairing.
        proxy: URL for everything the client dials.
        fast_store: for stores that are thrown away.
        settled: polled after the login; the client is stopped as soon as it returns true.
        phone: a number in digits; then `show` is called once, with the code ("ABCD-EFGH") to type into that phone.

    Returns:
        The JID of the device.

    Raises:
        CodesRanOut: the last code expired.
        TargetProblem: the code was not scanned in time, the pairing was refused, or `settled` never returned true.
        CallFailed, WorkerProblem: as for `Worker.call`.
    """
    until = time.monotonic() + deadline
    shown, jid = False, ""
    async with _open_client(worker, session, store, until, proxy, fast_store=fast_store) as events:
        while True:
            push = await _next_event(
                events, until, "the QR code was not scanned", worker if shown and not jid else None, session
            )
            if push.event == "qr" and not phone:
                show(push.data["code"])
            elif push.event == "qr" and not shown:
                asked = await worker.call(protocol.PairPhone(session, phone), until - time.monotonic())
                show(asked["code"])
            elif push.event == "PairStatus" and not push.data.get("Error"):
                jid = _jid(push.data.get("ID", {}))
            elif push.event in _END_EVENTS or push.event == "PairStatus":
                break
            shown = True
        while push.event == "Connected" and not settled():
            if time.monotonic() > until:
                raise TargetProblem(f"{session} was linked, and did not settle in time")
            await asyncio.sleep(_SETTLED_INTERVAL)
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
    """Create the store of a client that shows its first QR code, and stop the client.

    Raises:
        TargetProblem: no QR code was shown in time.
        CallFailed, WorkerProblem: as for `Worker.call`.
    """
    until = time.monotonic() + deadline
    async with _open_client(worker, session, store, until, proxy, fast_store=fast_store) as events:
        push = await _next_event(events, until, "no QR code was shown")
    if push.event != "qr":
        raise TargetProblem(f"{session} could not be created: {interpret.words(push)}")


@asynccontextmanager
async def _open_client(
    worker: Worker,
    session: str,
    store: Path,
    until: float,
    proxy: str | None,
    *,
    fast_store: bool,
) -> AsyncIterator[asyncio.Queue[protocol.Push]]:
    events: asyncio.Queue[protocol.Push] = asyncio.Queue()

    def heard(push: protocol.Push) -> None:
        if push.event not in client_log.EVENTS:
            events.put_nowait(push)

    unsubscribe = worker.subscribe(session, heard)
    path = str(store.absolute())  # noqa: ASYNC240 - asks for the current directory, nothing else
    connect = protocol.Connect(session, path, proxy=proxy or "", create=True, fast_store=fast_store)
    try:
        await worker.call(connect, until - time.monotonic())
        try:
            yield events
        finally:
            if worker.crash is None:
                await worker.call(protocol.Stop(session), max(1.0, until - time.monotonic()))
    finally:
        unsubscribe()


async def _next_event(
    events: asyncio.Queue[protocol.Push], until: float, otherwise: str, worker: Worker | None = None, session: str = ""
) -> protocol.Push:
    """The next event. If a worker is given, the connection is polled meanwhile.

    Raises:
        CodesRanOut: the connection was closed.
        TargetProblem: there was no event before `until`; the message starts with `otherwise`.
    """
    while True:
        left = until - time.monotonic()
        try:
            return await asyncio.wait_for(events.get(), min(left, _CONNECTION_CHECK_INTERVAL) if worker else left)
        except TimeoutError:
            if time.monotonic() >= until:
                raise TargetProblem(f"{otherwise} in time") from None
        if worker is not None:
            answers = await worker.call(protocol.State(session, ("is_connected",)), _OFFLINE_CALL_TIMEOUT)
            if answers["is_connected"].get("value") is False and events.empty():
                raise CodesRanOut("no code was scanned before the last one expired, or the connection was lost")


def _jid(plain: Mapping[str, Any]) -> str:
    device = f":{plain['Device']}" if plain.get("Device") else ""
    return f"{plain.get('User', '')}{device}@{plain.get('Server', '')}"
