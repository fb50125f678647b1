"""The simulator's only contact with the world: asyncio on 127.0.0.1, an HTTP proxy that leads every host to itself.

A client asks the proxy for `web.whatsapp.com:443` or `mmg.whatsapp.net:443`, is told that the tunnel stands, and
speaks TLS into it; the other end is here. Anybody else's host is refused with 403, so nothing ever leaves.

    CONNECT ──▶ TLS ──▶ websocket ──▶ Stream      (the core)
                    └─▶ HTTP ──────▶ MediaConnection
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from diagnostics.simulator.errors import NotOurHost
from diagnostics.simulator.hub import Hub
from diagnostics.simulator.journal import Line
from diagnostics.simulator.outbox import Freeze, Ping, Send
from diagnostics.simulator.settings import Settings
from diagnostics.simulator.tls import server_context
from diagnostics.simulator.tunnel import Tunnel

if TYPE_CHECKING:
    from diagnostics.simulator.sessions import WebSocket

LOOPBACK = "127.0.0.1"

_MAX_CONNECTIONS = 4_096
_SPOOL = 1 << 20  # bytes of an upload kept in memory


class Shell:
    """The listening socket and everything behind it. All methods run in the loop's thread."""

    def __init__(self, folder: Path, ca_file: Path, settings: Settings) -> None:
        self.loop = asyncio.get_running_loop()
        self._epoch = time.time() - self.loop.time()
        self._folder = folder
        self.hub = Hub(self.now(), secrets.token_bytes, self._open_file, settings)
        self.context = server_context(folder, ca_file, self.now())
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tunnels: set[Tunnel] = set()
        self._empty = asyncio.Event()
        self._sockets: dict[int, WebSocket] = {}
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    def now(self) -> float:
        """Unix seconds that never go back."""
        return self._epoch + self.loop.time()

    async def listen(self, host: str, port: int) -> None:
        """Take connections. Raises NotOurHost for any address but 127.0.0.1, OSError when the port is taken."""
        if host != LOOPBACK:
            raise NotOurHost(f"the simulator listens on {LOOPBACK} only, not on {host}")
        self._server = await self.loop.create_server(lambda: Tunnel(self), host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End everything at once."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        for tunnel in tuple(self._tunnels):
            tunnel.abort()
        # asyncio has a task for each connection that it has accepted and not shown us yet. Once its server is closed
        # such a task fails, and leaves the socket open.
        while accepted := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(accepted)
        if self._server is not None:
            self._server.close()
        if self._tunnels:
            await self._empty.wait()
        if self._server is not None:
            await self._server.wait_closed()
        self.hub.media.close()

    def log(self, connection: int, text: str) -> None:
        self.hub.journal.add(Line(self.now(), connection, "", "·", text))

    def add(self, tunnel: Tunnel) -> bool:
        """A client has connected; False when there is no room for it."""
        if len(self._tunnels) >= _MAX_CONNECTIONS:
            return False
        self._tunnels.add(tunnel)
        self._empty.clear()
        if self._closing:
            tunnel.abort()
        return True

    def remove(self, tunnel: Tunnel) -> None:
        self._tunnels.discard(tunnel)
        if not self._tunnels:
            self._empty.set()

    def attach(self, number: int, socket: WebSocket) -> None:
        self._sockets[number] = socket

    def detach(self, number: int) -> None:
        self._sockets.pop(number, None)

    def carry_out(self) -> None:
        """Do what the core has decided, and set the clock for what it wants to do later."""
        for number, effect in self.hub.take():
            socket = self._sockets.get(number)
            if socket is None:
                continue
            if isinstance(effect, Send):
                socket.send(effect.data, cut=effect.cut)
            elif isinstance(effect, Ping):
                socket.ping()
            elif isinstance(effect, Freeze):
                socket.freeze()
            else:
                socket.end(effect)
        due = self.hub.next_timer
        if due == self._due:
            return
        self._due = due
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self.loop.call_at(due - self._epoch, self._wake)

    def _wake(self) -> None:
        self._timer = self._due = None
        self.hub.wake(self.now())
        self.carry_out()

    def _open_file(self) -> BinaryIO:
        return cast(BinaryIO, tempfile.SpooledTemporaryFile(_SPOOL, dir=str(self._folder)))
