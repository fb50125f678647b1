"""Linking a store to a phone: show QR codes until one is scanned and the login behind it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from diagnostics.errors import TargetProblem
from diagnostics.targets.neonize import protocol
from diagnostics.targets.neonize.process import Worker, WorkerTimeout

STOP = 3.0  # s for a client to close its connection in good order


async def pair(
    worker: Worker,
    session: str,
    store: Path,
    *,
    show: Callable[[str], None],
    deadline: float,
    proxy: str | None = None,
    fast_store: bool = False,
) -> None:
    """Create the store and link it; the client is stopped at the end.

    Args:
        show: called with the text of each QR code. It is a credential: whoever scans it owns the session.
        deadline: seconds for everything, the scan included.

    Raises:
        TargetProblem: the client gave up; the message has its words.
        WorkerTimeout: nobody scanned in time, or the login behind the scan was not completed.
        WorkerCrashed, CallFailed: as for `Worker.call`.
    """
    await _open(worker, session, store, "Connected", show, deadline, proxy, fast_store)


async def create(
    worker: Worker, session: str, store: Path, *, deadline: float, proxy: str | None = None, fast_store: bool = False
) -> None:
    """Create a store that is not linked: the client is stopped when its first QR code appears. Raises as `pair`."""
    await _open(worker, session, store, "qr", lambda _: None, deadline, proxy, fast_store)


async def _open(
    worker: Worker,
    session: str,
    store: Path,
    wanted: str,
    show: Callable[[str], None],
    deadline: float,
    proxy: str | None,
    fast_store: bool,
) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(push: protocol.Push) -> None:
        if done.done():
            return
        try:
            if push.event == "qr":
                show(push.data["code"])
            if push.event == wanted:
                done.set_result(None)
            elif error := push.data.get("error") or push.data.get("Error"):
                raise TargetProblem(f"the client could not be linked: {error}")
        except Exception as problem:  # noqa: BLE001 - it is raised where `pair` waits
            done.set_exception(problem)

    unsubscribe = worker.subscribe(session, heard)
    try:
        call = protocol.Connect(session, str(store), proxy=proxy or "", create=True, fast_store=fast_store)
        async with asyncio.timeout(deadline):
            await worker.call(call, deadline)
            await done
    except TimeoutError:
        raise WorkerTimeout(f"the session was not linked within {deadline:.0f} s") from None
    finally:
        unsubscribe()
        if worker.crash is None:
            await worker.call(protocol.Stop(session), STOP)
