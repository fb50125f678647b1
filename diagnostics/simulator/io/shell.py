"""The simulator's listening socket: asyncio on 127.0.0.1, and an HTTP proxy that leads every host to itself.

A client asks the proxy for `web.whatsapp.com:443` or `mmg.whatsapp.net:443`, is told that the tunnel is open, and
speaks TLS through it; the other end of the tunnel is this server. Any other host is refused with 403, so nothing
leaves this machine.

    CONNECT ──▶ TLS ──▶ websocket ──▶ Stream      (the core)
                    └─▶ HTTP ──────▶ MediaConnection

The shell owns the tunnels, and carries out the effects that the core emits. `tunnel` and the sessions state what they
need of it as Protocols.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from diagnostics.simulator.core.effects import Freeze, Ping, Send
from diagnostics.simulator.core.hub import Hub
from diagnostics.simulator.core.journal import Line
from diagnostics.simulator.faults.actions import Action, Event
from diagnostics.simulator.io.tls import server_context
from diagnostics.simulator.io.tunnel import Session, Tunnel
from diagnostics.simulator.protocol.wire import WEBSOCKET_HOST
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.simulator_errors import NotOurHost

if TYPE_CHECKING:
    from diagnostics.simulator.io.websocket_session import WebSocketSession

LOOPBACK = "127.0.0.1"

_MAX_CONNECTIONS = 4_096
_SPOOL = 1 << 20  # bytes of an upload that are kept in memory


class Shell:
    """The listening socket and its connections. All methods run in the thread of the event loop.

    Attributes:
        loop: the event loop.
        hub: the core.
        context: TLS with the server's certificate.
        port: the port of the proxy, after `listen`.
    """

    def __init__(self, folder: Path, ca_file: Path, settings: Settings) -> None:
        """`folder` is for keys and uploads; the certificate authority is written to `ca_file`."""
        self.loop = asyncio.get_running_loop()
        self._epoch = time.time() - self.loop.time()
        self._folder = folder
        self.hub = Hub(self.now(), secrets.token_bytes, self._open_file, settings)
        self.context = server_context(folder, ca_file)
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tunnels: set[Tunnel] = set()
        self._empty = asyncio.Event()
        self._sockets: dict[int, WebSocketSession] = {}
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None

    def now(self) -> float:
        """Unix seconds that never go back."""
        return self._epoch + self.loop.time()

    async def listen(self, host: str, port: int) -> None:
        """Accept connections. Raises NotOurHost for any address but 127.0.0.1, OSError if the port is taken."""
        if host != LOOPBACK:
            raise NotOurHost(f"the simulator listens on {LOOPBACK} only, not on {host}")
        self._server = await self.loop.create_server(lambda: Tunnel(self), host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    @staticmethod
    async def preload() -> None:
        """Import what the first connection and the first message need. Called when the port is open.

        A client usually still starts at that time, so that it does not wait for these imports later. Between them the
        event loop serves whoever has connected already.
        """
        from diagnostics.simulator.core import stream  # noqa: F401, PLC0415
        from diagnostics.simulator.io import websocket_session  # noqa: F401, PLC0415

        await asyncio.sleep(0)
        from diagnostics.simulator.core import played_phone  # noqa: F401, PLC0415

        await asyncio.sleep(0)
        from diagnostics.simulator.core import routing  # noqa: F401, PLC0415

    async def close(self) -> None:
        """End all connections at once, and stop listening."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        for tunnel in tuple(self._tunnels):
            tunnel.abort()
        # asyncio has a task for each connection that it has accepted and not passed to us yet. When its server is
        # closed before, such a task fails and leaves the socket open.
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
        """Add an event to the journal; `connection` is 0 if it belongs to none."""
        self.hub.journal.add(Line(self.now(), connection, "", "·", text))

    def add(self, tunnel: Tunnel) -> bool:
        """A client has connected; returns False if there are too many connections."""
        if len(self._tunnels) >= _MAX_CONNECTIONS:
            return False
        self._tunnels.add(tunnel)
        self._empty.clear()
        if self._closing:
            tunnel.abort()
        return True

    def remove(self, tunnel: Tunnel) -> None:
        """A connection is gone."""
        self._tunnels.discard(tunnel)
        if not self._tunnels:
            self._empty.set()

    def fault_on_connect(self, host: str) -> Action | None:
        """The fault that keeps a client from this host, None for none."""
        event = Event.DIAL if host == WEBSOCKET_HOST else Event.MEDIA
        return self.hub.plan.meet(event, self.now())

    def new_session(self, host: str, tunnel: Tunnel) -> Session:
        """The session for a tunnel to this host."""
        if host == WEBSOCKET_HOST:
            from diagnostics.simulator.io.websocket_session import WebSocketSession  # noqa: PLC0415 - see `preload`

            return WebSocketSession(tunnel, self)
        from diagnostics.simulator.io.media_session import MediaSession  # noqa: PLC0415 - most runs upload late or never

        tunnel.handshake_done()
        return MediaSession(tunnel, self.hub.media)

    def attach(self, number: int, socket: WebSocketSession) -> None:
        """From now on, carry out the effects of that connection on this websocket."""
        self._sockets[number] = socket

    def detach(self, number: int) -> None:
        """That connection is gone."""
        self._sockets.pop(number, None)

    def carry_out(self) -> None:
        """Carry out the effects that the core has emitted, and set a timer for what it wants to do later."""
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
