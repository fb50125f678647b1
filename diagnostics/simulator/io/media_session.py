"""A connection to the media host: HTTP without I/O (`media_http`) on a tunnel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diagnostics.simulator.io.media_http import MediaConnection
from diagnostics.simulator.io.tunnel import Tunnel
from diagnostics.simulator.simulator_errors import ProtocolError
from diagnostics.simulator.world.media_store import MediaStore

if TYPE_CHECKING:
    import asyncio


class MediaSession:
    """One client of the media host. Implements `tunnel.Session`."""

    def __init__(self, tunnel: Tunnel, store: MediaStore) -> None:
        self._tunnel = tunnel
        self._owner = tunnel.owner
        self._connection = MediaConnection(store, lambda text: tunnel.owner.log(0, text))
        self._slow: asyncio.TimerHandle | None = None  # a fault delays the answer until then

    def receive(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._answer(lambda: self._connection.receive(data, self._owner.now()))

    def writable(self) -> None:
        """The client has read enough for more to be written."""
        self._answer(lambda: b"")

    def lost(self) -> None:
        """The tunnel was ended by either side."""
        if self._slow is not None:
            self._slow.cancel()
        self._connection.lost()

    def _resume(self) -> None:
        self._slow = None
        self._answer(self._connection.more)

    def _answer(self, begin: Callable[[], bytes]) -> None:
        """Write the result of `begin`, and then as much of the answer as the client reads."""
        tunnel, connection = self._tunnel, self._connection
        try:
            tunnel.write(begin())
            while connection.streaming and not tunnel.full and self._slow is None:
                if connection.wait:
                    self._slow = self._owner.loop.call_later(connection.wait, self._resume)
                else:
                    tunnel.write(connection.more())
        except ProtocolError as error:
            self._owner.log(0, f"protocol error: {error}")
            tunnel.finish()
            return
        if connection.closing:
            tunnel.finish()
