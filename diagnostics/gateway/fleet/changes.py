"""Publishes changes of sessions to any number of subscribers, each at its own pace."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator

from diagnostics.gateway.contract import Change

_WAITING = 1000  # changes that a slow listener may be late before it loses the oldest


class Changes:
    def __init__(self) -> None:
        # Weak: whoever stops listening, at whatever point, is forgotten.
        self._listeners: weakref.WeakSet[asyncio.Queue[Change | None]] = weakref.WeakSet()

    def publish(self, change: Change) -> None:
        for queue in tuple(self._listeners):
            _put(queue, change)

    def subscribe(self) -> AsyncIterator[Change]:
        """Every change from now on, not only from the first `anext`; ends with `close`."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(_WAITING)
        self._listeners.add(queue)
        return _of(queue)

    def close(self) -> None:
        for queue in tuple(self._listeners):
            _put(queue, None)


async def _of(queue: asyncio.Queue[Change | None]) -> AsyncIterator[Change]:
    while (change := await queue.get()) is not None:
        yield change


def _put(queue: asyncio.Queue[Change | None], change: Change | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(change)
