"""A client's websocket on a tunnel: passes its messages to a connection of the core (`Stream`), and effects back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from diagnostics.simulator.core.effects import Close
from diagnostics.simulator.core.hub import Hub
from diagnostics.simulator.core.stream import State
from diagnostics.simulator.faults.actions import Drop, Event, HttpStatus
from diagnostics.simulator.io.tunnel import Tunnel

_MAX_WEBSOCKET = 8 << 20  # bytes of a websocket message


class SessionOwner(Protocol):
    """What a websocket session needs of the server around it. `shell.Shell` implements it."""

    hub: Hub

    def now(self) -> float:
        """Unix seconds."""

    def attach(self, number: int, socket: WebSocketSession) -> None:
        """From now on, carry out the effects of that connection on this websocket."""

    def detach(self, number: int) -> None:
        """That connection is gone."""

    def carry_out(self) -> None:
        """Carry out the effects that the core has emitted."""


class WebSocketSession:
    """One websocket. Implements `tunnel.Session`."""

    def __init__(self, tunnel: Tunnel, owner: SessionOwner) -> None:
        self._tunnel = tunnel
        self._owner = owner
        self._protocol = ServerProtocol(max_size=_MAX_WEBSOCKET)
        self._stream = owner.hub.open()
        owner.attach(self._stream.number, self)

    def receive(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                if not self._open(event):
                    return
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        self._owner.carry_out()
        if self._protocol.close_expected():
            self._tunnel.finish()

    def _open(self, request: Request) -> bool:
        """Answer the request for a websocket; returns False if a fault left it without an answer."""
        action = self._owner.hub.plan.meet(Event.UPGRADE, self._owner.now())
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
            self._owner.hub.receive(self._stream, bytes(frame.data), self._owner.now())
            if self._stream.state is not State.HANDSHAKE:
                self._tunnel.handshake_done()
        elif frame.opcode is Opcode.TEXT:
            self._protocol.fail(1003, "binary messages only")
        elif frame.opcode is Opcode.PONG:
            self._owner.hub.pong(self._stream, self._owner.now())

    def lost(self) -> None:
        """The tunnel was ended by either side."""
        self._owner.detach(self._stream.number)
        self._owner.hub.lost(self._stream, self._owner.now())
        self._owner.carry_out()

    def writable(self) -> None:
        """Nothing to do: everything is written at once."""

    def send(self, data: bytes, *, cut: bool) -> None:
        """Send a binary message; `cut`: send half of it and reset the connection."""
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
        """Stop reading, and leave the connection open."""
        self._tunnel.freeze()

    def ping(self) -> None:
        """Send a ping."""
        self._say(lambda: self._protocol.send_ping(b"read"))

    def end(self, how: Close) -> None:
        """End the connection."""
        if how.abrupt:
            self._tunnel.abort(reset=how.reset)
        else:
            self._say(lambda: self._protocol.send_close(1000))
            self._tunnel.finish()

    def _say(self, what: Callable[[], None]) -> None:
        try:
            what()
        except InvalidState:
            return  # the client has closed the websocket already
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._tunnel.write(data)
            else:
                self._tunnel.finish()
