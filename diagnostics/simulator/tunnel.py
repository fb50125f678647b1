"""One TCP connection of a client's: through the proxy and TLS to the session of the host that was asked for."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import TYPE_CHECKING, Protocol, cast

from diagnostics.simulator.faults import Action, Drop, Event, HttpStatus
from diagnostics.simulator.wire import MEDIA_HOST, WEBSOCKET_HOST

if TYPE_CHECKING:
    from diagnostics.simulator.shell import Shell

_log = logging.getLogger(__name__)

_MAX_HEAD = 8 << 10  # bytes of a CONNECT request
_MAX_UNSENT = 32 << 20  # bytes that a client has not read
_BEGIN_SECONDS = 30.0  # from CONNECT to a complete handshake


class Session(Protocol):
    """What runs inside a tunnel."""

    def receive(self, data: bytes) -> None: ...

    def lost(self) -> None: ...

    def writable(self) -> None:
        """The client has read what was written, and there is room again."""


class Tunnel(asyncio.Protocol):
    """One TCP connection: a CONNECT request, then TLS, then the session of the host that was asked for."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.transport: asyncio.Transport | None = None
        self._raw: asyncio.Transport | None = None
        self._head = bytearray()
        self._early = bytearray()
        self._host = ""
        self._session: Session | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._deaf = False
        self.full = False

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = cast(asyncio.Transport, transport)
        if not self.shell.add(self):
            self._refuse("503 Service Unavailable", "there are too many connections")
            return
        self._patience = self.shell.loop.call_later(_BEGIN_SECONDS, self.abort)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
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

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if self._session is not None:
            self._session.writable()

    # ---- the session's side

    def write(self, data: bytes) -> None:
        transport = self.transport
        if transport is None or transport.is_closing() or not data:
            return
        transport.write(data)
        if transport.get_write_buffer_size() > _MAX_UNSENT:
            self.abort()

    def finish(self) -> None:
        """End the connection after what was written."""
        if self.transport is not None:
            self.transport.close()

    def abort(self, *, reset: bool = False) -> None:
        """Cut the connection; `reset`: so that the other end gets a TCP reset instead of an end."""
        if self._raw is None:
            return
        if reset and not self._raw.is_closing():
            linger = struct.pack("ii", 1, 0)
            self._raw.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._raw.abort()

    def freeze(self) -> None:
        """Read nothing any more, and let it be. The end of the other side is not noticed either."""
        self._deaf = True
        if self.transport is not None:
            self.transport.pause_reading()

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
        event = Event.DIAL if host.lower() == WEBSOCKET_HOST else Event.MEDIA
        action = self.shell.hub.plan.meet(event, self.shell.now())
        if action is not None:
            self._fail(action, line[1])
            return
        self._host = host.lower()
        if self._raw is not None:
            self._raw.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._upgrade = self.shell.loop.create_task(self._start_tls(self._raw))

    def _fail(self, action: Action, host: str) -> None:
        """A fault keeps the client from the host."""
        self.shell.log(0, f"by a fault {host} cannot be reached: {action}")
        if isinstance(action, HttpStatus):
            self._refuse(f"{action.status} By A Fault", "by a fault")
        elif isinstance(action, Drop):
            self.abort(reset=action.how == "reset")
        else:
            self._deaf = True

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

    def _new_session(self) -> Session:
        from diagnostics.simulator import sessions  # noqa: PLC0415 - they know tunnels

        if self._host == WEBSOCKET_HOST:
            return sessions.WebSocket(self)
        from diagnostics.simulator.media_http import MediaConnection  # noqa: PLC0415 - most runs upload late or never

        self.settled()
        connection = MediaConnection(self.shell.hub.media, lambda text: self.shell.log(0, text))
        return sessions.MediaSession(self, connection)
