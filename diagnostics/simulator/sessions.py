"""What runs inside a tunnel: a websocket with the core's stream behind it, or HTTP for files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from diagnostics.simulator.errors import ProtocolError
from diagnostics.simulator.faults import Drop, Event, HttpStatus
from diagnostics.simulator.outbox import Close
from diagnostics.simulator.stream import State

if TYPE_CHECKING:
    import asyncio

    from diagnostics.simulator.media_http import MediaConnection
    from diagnostics.simulator.tunnel import Tunnel

_MAX_WEBSOCKET = 8 << 20  # bytes of a websocket message


class MediaSession:
    """A connection to the media host."""

    def __init__(self, tunnel: Tunnel, connection: MediaConnection) -> None:
        self._tunnel = tunnel
        self._connection = connection
        self._slow: asyncio.TimerHandle | None = None  # by a fault: until then nothing more is said

    def receive(self, data: bytes) -> None:
        self._answer(lambda: self._connection.receive(data, self._tunnel.shell.now()))

    def writable(self) -> None:
        self._answer(lambda: b"")

    def lost(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
        self._connection.lost()

    def _go_on(self) -> None:
        self._slow = None
        self._answer(self._connection.more)

    def _answer(self, begin: Callable[[], bytes]) -> None:
        """What there is to say, as far as the client reads it."""
        tunnel, connection = self._tunnel, self._connection
        try:
            tunnel.write(begin())
            while connection.streaming and not tunnel.full and self._slow is None:
                if connection.wait:
                    self._slow = tunnel.shell.loop.call_later(connection.wait, self._go_on)
                else:
                    tunnel.write(connection.more())
        except ProtocolError as error:
            tunnel.shell.log(0, f"protocol error: {error}")
            tunnel.finish()
            return
        if connection.closing:
            tunnel.finish()


class WebSocket:
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
                if not self._open(event):
                    return
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        self._shell.carry_out()
        if self._protocol.close_expected():
            self._tunnel.finish()

    def _open(self, request: Request) -> bool:
        """Answer the request for a websocket; False when a fault left it without an answer."""
        action = self._shell.hub.plan.meet(Event.UPGRADE, self._shell.now())
        if isinstance(action, HttpStatus):
            response = self._protocol.reject(action.status, "by a fault\n")
        elif action is not None:
            if isinstance(action, Drop):
                self._tunnel.abort(reset=action.how == "reset")
            return False
        elif request.path.startswith("/ws"):
            response = self._protocol.accept(request)
        else:
            response = self._protocol.reject(404, "no such address\n")
        self._protocol.send_response(response)
        return True

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

    def send(self, data: bytes, *, cut: bool) -> None:
        if not cut:
            self._say(lambda: self._protocol.send_binary(data))
            return
        try:
            self._protocol.send_binary(data)
        except InvalidState:
            return
        whole = b"".join(self._protocol.data_to_send())
        self._tunnel.write(whole[: len(whole) // 2])
        self._tunnel.abort(reset=True)

    def freeze(self) -> None:
        self._tunnel.freeze()

    def writable(self) -> None:
        pass  # what is said here is said at once

    def ping(self) -> None:
        self._say(lambda: self._protocol.send_ping(b"read"))

    def end(self, how: Close) -> None:
        if how.abrupt:
            self._tunnel.abort(reset=how.reset)
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
