"""Ctrl-C, SIGTERM and SIGHUP (a cancelled job, a closed terminal) stop a run in good order.

The first signal stops the looking: targets and workers are closed, and what is finished is reported. A second one ends
the process at once, for a shutdown that hangs.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Call `stop` with the signal's name on the first of these signals, within the running event loop.

    Outside the main thread, where Python handles no signals, nothing is changed.
    """
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def on_signal(number: signal.Signals) -> None:
        for each in before:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.default_int_handler)  # the next one is a KeyboardInterrupt, wherever it comes
        stop(number.name)

    try:
        for each in _STOPPING:
            handler = signal.getsignal(each)
            loop.add_signal_handler(each, on_signal, each)
            before[each] = handler
    except (NotImplementedError, RuntimeError, ValueError):
        pass  # not the main thread
    try:
        yield
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, but a signal cancels `work` instead of raising somewhere inside the event loop.

    A KeyboardInterrupt that is raised in the middle of a callback leaves tasks that never end, and the process hangs.

    Raises:
        KeyboardInterrupt: a signal stopped it, after `work` has cleaned up.
    """

    async def supervised() -> T:
        task = asyncio.create_task(work)
        stopped = False

        def stop(_: str) -> None:
            nonlocal stopped
            stopped = True
            task.cancel()

        with stopped_by_signals(stop):
            await asyncio.wait({task})
        if stopped:
            raise KeyboardInterrupt
        return task.result()

    return asyncio.run(supervised())
