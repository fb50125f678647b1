"""One TCP connection of a client: a CONNECT request to the proxy, then TLS, then the session of the host asked for."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from typing import Protocol, cast

from diagnostics.simulator.faults.actions import Action, Drop, HttpStatus
from diagnostics.simulator.protocol.wire import MEDIA_HOST, WEBSOCKET_HOST

_log = logging.getLogger(__name__)

_MAX_HEAD = 8 << 10  # bytes of a CONNECT request
_MAX_UNSENT = 32 << 20  # bytes that a client has not read
_BEGIN_SECONDS = 30.0  # from CONNECT to a complete handshake


class Session(Protocol):
    """What runs inside a tunnel."""

    def receive(self, data: bytes) -> None:
        """Take decrypted bytes of the client."""

    def lost(self) -> None:
        """The tunnel was ended by either side."""

    def writable(self) -> None:
        """The client has read enough for more to be written."""


class TunnelOwner(Protocol):
    """What a tunnel needs of the server around it. `shell.Shell` implements it.

    Attributes:
        loop: the event loop.
        context: TLS with the server's certificate.
    """

    loop: asyncio.AbstractEventLoop
    context: ssl.SSLContext

    def now(self) -> float:
        """Unix seconds."""

    def log(self, connection: int, text: str) -> None:
        """Add an event to the journal; `connection` is 0 if it belongs to none."""

    def add(self, tunnel: Tunnel) -> bool:
        """A client has connected; returns False if there are too many connections."""

    def remove(self, tunnel: Tunnel) -> None:
        """A connection is gone."""

    def fault_on_connect(self, host: str) -> Action | None:
        """The fault that keeps a client from this host, None for none."""

    def new_session(self, host: str, tunnel: Tunnel) -> Session:
        """The session for a tunnel to this host."""


class Tunnel(asyncio.Protocol):
    """See the module.

    Attributes:
        owner: the server.
        transport: with TLS, None before.
        full: the client has not read what was written; the session should wait for `writable`.
    """

    def __init__(self, owner: TunnelOwner) -> None:
        self.owner = owner
        self.transport: asyncio.Transport | None = None
        self._raw: asyncio.Transport | None = None
        self._head = bytearray()
        self._early = bytearray()
        self._host = ""
        self._session: Session | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._ignoring = False
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = cast(asyncio.Transport, transport)
        if not self.owner.add(self):
            self._refuse("503 Service Unavailable", "there are too many connections")
            return
        self._deadline = self.owner.loop.call_later(_BEGIN_SECONDS, self.abort)

    def data_received(self, data: bytes) -> None:
        if self._ignoring:
            return
        try:
            if self._session is not None:
                self._session.receive(data)
            elif self._host:
                self._early += data  # decrypted before start_tls has returned
            else:
                self._connect(data)
        except Exception:  # noqa: BLE001 - whatever it is
            # A defect of the simulator, not of the client. It ends this connection and no other.
            _log.exception("the simulator failed on a connection")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Also called by `_start_tls`: asyncio does not report a connection that is lost during its TLS handshake."""
        del exc
        self.handshake_done()
        if self._upgrade is not None:
            self._upgrade.cancel()
        if self._session is not None:
            self._session.lost()
            self._session = None
        self.owner.remove(self)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if self._session is not None:
            self._session.writable()

    def write(self, data: bytes) -> None:
        """Encrypt and send; ends the connection if the client reads nothing for too long."""
        transport = self.transport
        if transport is None or transport.is_closing() or not data:
            return
        transport.write(data)
        if transport.get_write_buffer_size() > _MAX_UNSENT:
            self.abort()

    def finish(self) -> None:
        """End the connection after everything written was sent."""
        if self.transport is not None:
            self.transport.close()

    def abort(self, *, reset: bool = False) -> None:
        """Close TCP at once; `reset`: with a TCP reset."""
        if self._raw is None:
            return
        if reset and not self._raw.is_closing():
            linger = struct.pack("ii", 1, 0)
            self._raw.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._raw.abort()

    def freeze(self) -> None:
        """Stop reading, and leave the connection open. When the client ends it, that is not noticed either."""
        self._ignoring = True
        if self.transport is not None:
            self.transport.pause_reading()

    def handshake_done(self) -> None:
        """The client has completed the handshakes, for which it had a deadline."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

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
        action = self.owner.fault_on_connect(host.lower())
        if action is not None:
            self._fail(action, line[1])
            return
        self._host = host.lower()
        if self._raw is not None:
            self._raw.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._upgrade = self.owner.loop.create_task(self._start_tls(self._raw))

    def _fail(self, action: Action, host: str) -> None:
        """Carry out the fault that keeps the client from the host."""
        self.owner.log(0, f"by a fault {host} cannot be reached: {action}")
        if isinstance(action, HttpStatus):
            self._refuse(f"{action.status} By A Fault", "by a fault")
        elif isinstance(action, Drop):
            self.abort(reset=action.how == "reset")
        else:
            self._ignoring = True

    def _refuse(self, status: str, reason: str) -> None:
        self.owner.log(0, f"the proxy answers {status}: {reason}")
        if self._raw is not None:
            self._raw.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            self._raw.close()

    async def _start_tls(self, raw: asyncio.Transport) -> None:
        try:
            self.transport = await self.owner.loop.start_tls(
                raw,
                self,
                self.owner.context,
                server_side=True,
                ssl_handshake_timeout=_BEGIN_SECONDS,
                ssl_shutdown_timeout=1.0,
            )
        except OSError as error:  # of which SSLError is one
            self.owner.log(0, f"no TLS with a client of {self._host}: {error}")
        self._upgrade = None
        if self.transport is None:  # also if the client left meanwhile
            self.abort()
            self.connection_lost(None)
            return
        self._session = self.owner.new_session(self._host, self)
        early, self._early = bytes(self._early), bytearray()
        if early:
            self.data_received(early)
