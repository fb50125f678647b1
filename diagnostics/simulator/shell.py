"""The simulator's only contact with the world: asyncio on 127.0.0.1, an HTTP proxy that leads every host to itself.

A client asks the proxy for `web.whatsapp.com:443` or `mmg.whatsapp.net:443`, is told that the tunnel stands, and
speaks TLS into it; the other end is here. Anybody else's host is refused with 403, so nothing ever leaves.

    CONNECT ──▶ TLS ──▶ websocket ──▶ Stream      (the core)
                    └─▶ HTTP ──────▶ MediaConnection
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from diagnostics.simulator.errors import NotOurHost, ProtocolError
from diagnostics.simulator.hub import Hub
from diagnostics.simulator.journal import Line
from diagnostics.simulator.settings import Settings
from diagnostics.simulator.stream import Close, Ping, Send, State
from diagnostics.simulator.tls import server_context
from diagnostics.simulator.wire import MEDIA_HOST, WEBSOCKET_HOST

LOOPBACK = "127.0.0.1"
_log = logging.getLogger(__name__)

_MAX_HEAD = 8 << 10  # bytes of a CONNECT request
_MAX_WEBSOCKET = 8 << 20  # bytes of a websocket message
_MAX_UNSENT = 32 << 20  # bytes that a client has not read
_MAX_CONNECTIONS = 4_096
_BEGIN_SECONDS = 30.0  # from CONNECT to a complete handshake
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
        self._sockets: dict[int, _WebSocket] = {}
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
        if self._server is not None:
            self._server.close()
        if self._timer is not None:
            self._timer.cancel()
        for tunnel in tuple(self._tunnels):
            tunnel.abort()
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
        return True

    def remove(self, tunnel: Tunnel) -> None:
        self._tunnels.discard(tunnel)
        if not self._tunnels:
            self._empty.set()

    def attach(self, number: int, socket: _WebSocket) -> None:
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
                socket.send(effect.data)
            elif isinstance(effect, Ping):
                socket.ping()
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


class _Session(Protocol):
    """What runs inside a tunnel."""

    def receive(self, data: bytes) -> None: ...

    def lost(self) -> None: ...


class Tunnel(asyncio.Protocol):
    """One TCP connection: a CONNECT request, then TLS, then the session of the host that was asked for."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.transport: asyncio.Transport | None = None
        self._raw: asyncio.Transport | None = None
        self._head = bytearray()
        self._early = bytearray()
        self._host = ""
        self._session: _Session | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = cast(asyncio.Transport, transport)
        if not self.shell.add(self):
            self._refuse("503 Service Unavailable", "there are too many connections")
            return
        self._patience = self.shell.loop.call_later(_BEGIN_SECONDS, self.abort)

    def data_received(self, data: bytes) -> None:
        try:
            if self._session is not None:
                self._session.receive(data)
            elif self._host:
                self._early += data  # decrypted before start_tls has returned
            else:
                self._connect(data)
        except Exception:  # noqa: BLE001 - whatever it is
            # A defect of the simulator, not of the client: it ends this connection and no other.
            _log.exception("the simulator failed on a connection")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Also called by ourselves: asyncio says nothing of a connection that is lost during its TLS handshake."""
        del exc
        self.settled()
        if self._upgrade is not None:
            self._upgrade.cancel()
        if self._session is not None:
            self._session.lost()
            self._session = None
        self.shell.remove(self)

    # ---- the session's side

    def write(self, data: bytes) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > _MAX_UNSENT:
            self.abort()

    def finish(self) -> None:
        """End the connection after what was written."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        if self._raw is not None:
            self._raw.abort()

    def settled(self) -> None:
        """The client has shown who it is; from here on it may take its time."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # ---- CONNECT and TLS

    def _connect(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > _MAX_HEAD:
                self._refuse("431 Request Header Fields Too Large", "the request to the proxy is too long")
            return
        line = self._head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if line[0] != "CONNECT" or len(line) != 3 or len(self._head) > end + 4:
            self._refuse("405 Method Not Allowed", "this proxy serves CONNECT only")
            return
        host, _, port = line[1].rpartition(":")
        if host.lower() not in (WEBSOCKET_HOST, MEDIA_HOST) or port != "443":
            self._refuse("403 Forbidden", f"{line[1][:80]!r} is not simulated, and nothing leaves this machine")
            return
        self._host = host.lower()
        if self._raw is not None:
            self._raw.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._upgrade = self.shell.loop.create_task(self._start_tls(self._raw))

    def _refuse(self, status: str, reason: str) -> None:
        self.shell.log(0, f"the proxy answers {status}: {reason}")
        if self._raw is not None:
            self._raw.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            self._raw.close()

    async def _start_tls(self, raw: asyncio.Transport) -> None:
        try:
            self.transport = await self.shell.loop.start_tls(
                raw,
                self,
                self.shell.context,
                server_side=True,
                ssl_handshake_timeout=_BEGIN_SECONDS,
                ssl_shutdown_timeout=1.0,
            )
        except OSError as error:  # of which SSLError is one
            self.shell.log(0, f"no TLS with a client of {self._host}: {error}")
        self._upgrade = None
        if self.transport is None:  # as well when the client left meanwhile
            self.abort()
            self.connection_lost(None)
            return
        self._session = self._new_session()
        early, self._early = bytes(self._early), bytearray()
        if early:
            self.data_received(early)

    def _new_session(self) -> _Session:
        if self._host == WEBSOCKET_HOST:
            return _WebSocket(self)
        from diagnostics.simulator.media_http import MediaConnection  # noqa: PLC0415 - most runs upload late or never

        self.settled()
        connection = MediaConnection(self.shell.hub.media, lambda text: self.shell.log(0, text))
        return _Media(self, connection.receive, connection.lost, lambda: connection.closing)


class _Media:
    """A connection to the media host."""

    def __init__(
        self,
        tunnel: Tunnel,
        receive: Callable[[bytes], bytes],
        lost: Callable[[], None],
        closing: Callable[[], bool],
    ) -> None:
        self._tunnel = tunnel
        self._receive = receive
        self._closing = closing
        self.lost = lost

    def receive(self, data: bytes) -> None:
        try:
            answer = self._receive(data)
        except ProtocolError as error:
            self._tunnel.shell.log(0, f"protocol error: {error}")
            self._tunnel.finish()
            return
        if answer:
            self._tunnel.write(answer)
        if self._closing():
            self._tunnel.finish()


class _WebSocket:
    """A client's websocket, and the core's stream behind it."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self._shell = tunnel.shell
        self._protocol = ServerProtocol(max_size=_MAX_WEBSOCKET)
        self._stream = self._shell.hub.open()
        self._shell.attach(self._stream.number, self)

    # ---- from the client

    def receive(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                accepted = event.path.startswith("/ws")
                response = self._protocol.accept(event) if accepted else self._protocol.reject(404, "no such address\n")
                self._protocol.send_response(response)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        self._shell.carry_out()
        if self._protocol.close_expected():
            self._tunnel.finish()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.BINARY, Opcode.CONT):
            self._shell.hub.receive(self._stream, bytes(frame.data), self._shell.now())
            if self._stream.state is not State.HANDSHAKE:
                self._tunnel.settled()
        elif frame.opcode is Opcode.TEXT:
            self._protocol.fail(1003, "binary messages only")
        elif frame.opcode is Opcode.PONG:
            self._shell.hub.pong(self._stream, self._shell.now())

    def lost(self) -> None:
        self._shell.detach(self._stream.number)
        self._shell.hub.lost(self._stream, self._shell.now())
        self._shell.carry_out()

    # ---- from the core

    def send(self, data: bytes) -> None:
        self._say(lambda: self._protocol.send_binary(data))

    def ping(self) -> None:
        self._say(lambda: self._protocol.send_ping(b"read"))

    def end(self, how: Close) -> None:
        if how.abrupt:
            self._tunnel.abort()
        else:
            self._say(lambda: self._protocol.send_close(1000))
            self._tunnel.finish()

    def _say(self, what: Callable[[], None]) -> None:
        try:
            what()
        except InvalidState:
            return  # the client has said goodbye already
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._tunnel.write(data)
            else:
                self._tunnel.finish()
