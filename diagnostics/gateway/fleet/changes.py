"""Who listens to what changes, each at their own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from diagnostics.gateway.contract import Change

_WAITING = 1000  # changes that a slow listener may lag behind before it loses the oldest


class Changes:
    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Change | None]] = set()

    def tell(self, change: Change) -> None:
        for queue in self._listeners:
            _put(queue, change)

    def listen(self) -> AsyncIterator[Change]:
        """Every change from now on, not only from the first `anext`; ends with `close`."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(_WAITING)
        self._listeners.add(queue)
        return self._of(queue)

    def close(self) -> None:
        for queue in self._listeners:
            _put(queue, None)

    async def _of(self, queue: asyncio.Queue[Change | None]) -> AsyncIterator[Change]:
        try:
            while (change := await queue.get()) is not None:
                yield change
        finally:
            self._listeners.discard(queue)


def _put(queue: asyncio.Queue[Change | None], change: Change | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(change)
