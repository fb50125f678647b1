"""One client's connection, as a state machine without I/O: bytes in, effects out, the time an argument.

    HANDSHAKE ──▶ PAIRING ──▶ CLOSING     a client without an account, see `device_linking`; ends with 515
        │
        └──────▶ OPEN ──────▶ CLOSING     a linked device, see `logged_in`: questions and messages after <success>
        │          └────────▶ MUTE        by a fault: everything is read and nothing answered
        └──────▶ MUTE, CLOSING            by a fault, or because the login was refused
    any of them ──▶ CLOSED                client or server has ended the connection

The handler of a stanza depends only on the state and the stanza's tag (`_heard`). A stanza without a handler is read
and ignored, as WhatsApp does with what it does not know. In CLOSING nothing is answered any more, and the connection
ends after the client has had time to read what was sent.

Malformed input raises ProtocolError out of `receive`; the hub then ends this connection and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from diagnostics.simulator.core.device_linking import DeviceLinking, LinkingContext
from diagnostics.simulator.core.effects import Close, Ping
from diagnostics.simulator.core.logged_in import LoggedInContext, LoggedInDevice
from diagnostics.simulator.core.outbox import Outbox
from diagnostics.simulator.faults.actions import (
    Action,
    Certificate,
    Drop,
    Event,
    Failure,
    Garbage,
    HalfOpen,
    Silence,
    Skew,
    StreamError,
)
from diagnostics.simulator.faults.fault_plan import Plan
from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.iq_stanzas import SERVER_JID
from diagnostics.simulator.protocol.keys import KeyPair
from diagnostics.simulator.protocol.noise import Handshaken, NoiseServer
from diagnostics.simulator.protocol.noise_identity import NoiseIdentity
from diagnostics.simulator.protocol.registration import Registration
from diagnostics.simulator.protocol.stanza import Node, decode, element
from diagnostics.simulator.simulator_errors import ProtocolError, SimulatorError


class State(Enum):
    HANDSHAKE = auto()
    PAIRING = auto()
    OPEN = auto()
    MUTE = auto()
    CLOSING = auto()
    CLOSED = auto()


_NEXT: dict[State, frozenset[State]] = {
    State.HANDSHAKE: frozenset({State.PAIRING, State.OPEN, State.MUTE, State.CLOSING, State.CLOSED}),
    State.PAIRING: frozenset({State.CLOSING, State.CLOSED}),
    State.OPEN: frozenset({State.MUTE, State.CLOSING, State.CLOSED}),
    State.MUTE: frozenset({State.CLOSING, State.CLOSED}),
    State.CLOSING: frozenset({State.MUTE, State.CLOSED}),
    State.CLOSED: frozenset(),
}

# A client drops stanzas that it has not processed when the connection ends. So the server ends it only after the
# answer to a ping, and a moment later, which is for the client's own queue. Seconds.
_AFTER_PONG = 0.05
_AFTER_PAIRING = 2.0  # after a pairing the client closes by itself; a server that closes earlier makes whatsmeow hang
_NO_PONG = 2.0  # the longest time to wait for the answer to a ping


class StreamContext(LinkingContext, LoggedInContext, Protocol):
    """What a connection needs of the server.

    Attributes:
        identity: the server's Noise keys.
        plan: the faults of connections whose account is not known yet.
    """

    identity: NoiseIdentity
    plan: Plan

    def logged_in(self, stream: Stream, device: str, now: float) -> None:
        """The device with that JID has logged in on this connection."""


class Stream:
    """One connection. Implements `connection.Connection` and `server_context.Listener`.

    Attributes:
        number: counts the connections of a server from 1.
        state: see the module.
        out: sends stanzas to the client.
        linking: the pairing, if the client is not linked.
        session: the linked device, after it has shown its keys.
    """

    def __init__(self, number: int, context: StreamContext) -> None:
        self.number = number
        self.state = State.HANDSHAKE
        self.linking: DeviceLinking | None = None
        self.session: LoggedInDevice | None = None
        self._context = context
        self._noise = NoiseServer(context.identity, KeyPair.generate(context.random))
        self.out = Outbox(number, context, self._noise)
        self._has_received = False
        self._stanzas = 0
        self._on_pong: Callable[[float], None] | None = None

    @property
    def pairing(self) -> bool:
        """The client is not linked, and waits for a phone or has to sign back."""
        return self.state is State.PAIRING

    @property
    def open(self) -> bool:
        """A linked device is logged in."""
        return self.state is State.OPEN

    @property
    def closed(self) -> bool:
        """Client or server has ended the connection."""
        return self.state is State.CLOSED

    @property
    def ready(self) -> bool:
        """The login is complete."""
        return self.session is not None and self.session.ready

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the client. Raises ProtocolError if they do not follow the protocol."""
        if not self._has_received:
            self._has_received = True
            self._first_bytes(now)
        for event in self._noise.receive(data):
            if self.state is State.CLOSED:
                return
            if isinstance(event, Handshaken):
                self.out.flush_handshake(now)
                self._begin(event, now)
                continue
            self._heard(decode(event), now)
        if self.state is not State.MUTE:
            self.out.flush_handshake(now)

    def lost(self, now: float) -> None:
        """The connection was ended by either side."""
        self.out.log("·", "disconnected", now)
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)

    def tell(self, node: Node, now: float) -> bool:
        """Send a stanza; returns False if the login is not complete, or the connection is ending."""
        if not self.open or not self.ready:
            return False
        self.out.say(node, now)
        self._notice_a_cut()
        return True

    def replaced(self, now: float) -> None:
        """Another connection has logged in as the same device."""
        if self.state in (State.OPEN, State.MUTE):
            self.end(StreamError(conflict="replaced"), now)

    def removed(self, now: float) -> None:
        """The device was unlinked."""
        if self.state in (State.OPEN, State.MUTE):
            self.end(StreamError(401, "device_removed"), now, after_answer=True)

    def strike(self, action: Action, now: float) -> None:
        """A fault of TIME is due."""
        if self.state not in (State.OPEN, State.MUTE):
            return
        if isinstance(action, Garbage):
            self.out.garbage(action, now)
        else:
            self.end(action, now)

    def pong(self, now: float) -> None:
        """The client has read everything up to the last Ping."""
        action, self._on_pong = self._on_pong, None
        if action is not None and self.state is not State.CLOSED:
            action(now)

    def close(self, now: float, *, abrupt: bool = False, reset: bool = False) -> None:
        """End the connection at once. `abrupt` and `reset` as in `effects.Close`."""
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)
            self.out.emit(Close(abrupt, reset), now)

    def end(self, action: Action, now: float, *, after_answer: bool = False) -> None:
        """End the connection with `action`. `after_answer`: wait until the client has read what was sent before."""
        if isinstance(action, Silence):
            self._enter(State.MUTE)
            return
        if self.state is not State.CLOSING:
            self._enter(State.CLOSING)
        if after_answer:
            self._once_read(lambda then: self._carry_out(action, then), now)
        else:
            self._carry_out(action, now)

    def next_id(self) -> str:
        """A new id for a stanza of the server's."""
        self._stanzas += 1
        return f"{self.number}-{self._stanzas}"

    def _first_bytes(self, now: float) -> None:
        action = self._context.plan.meet(Event.HELLO, now)
        if isinstance(action, Certificate):
            self.out.log("·", f"this certificate is wrong: {action.wrong}", now)
            self._noise.chain = self._context.identity.wrong_chain(action.wrong, now, self._context.random)
        elif action is not None:
            self.end(action, now)

    def _begin(self, handshaken: Handshaken, now: float) -> None:
        """The handshake is complete: link the client, or log it in."""
        if self.state is not State.HANDSHAKE:
            return
        payload = wire.parse(wire.ClientPayload, handshaken.payload, "the client's payload")
        if payload.HasField("username"):
            self._login(str(payload.username), payload.device, handshaken.static, now)
        elif payload.HasField("devicePairingData"):
            registration = Registration.from_payload(payload.devicePairingData)
            self.linking = DeviceLinking(self, self._context, handshaken.static, registration)
            self._enter(State.PAIRING)
            self.linking.begin(now)
        else:
            raise ProtocolError("the client's payload names no account and asks for none")

    def _login(self, phone: str, device: int, static: bytes, now: float) -> None:
        account = self._context.directory.by_phone(phone)
        companion = account.companions.get(device) if account else None
        if account is None or companion is None or companion.noise != static:
            self.out.log("·", f"no device {phone}:{device} with these keys is linked", now)
            self.end(Failure(401), now)
            return
        self.session = LoggedInDevice(self, self._context, account, companion)
        self.out.plan, self.out.who = account.plan, self.session.jid
        action = account.plan.meet(Event.LOGIN, now)
        if isinstance(action, Skew):
            self.out.skew = action.seconds
        elif action is not None:
            self.end(action, now)
            return
        self._context.logged_in(self, self.session.jid, now)
        self._enter(State.OPEN)
        lid = account.device_lid(device)
        self.out.say(element("success", t=self.out.clock(now), lid=lid, location="sim"), now)
        self.out.say(element("ib", element("offline", count="0"), from_=SERVER_JID), now)

    def _heard(self, node: Node, now: float) -> None:
        """Give a stanza of the client to its handler."""
        self.out.log("←", str(node), now)
        if self.pairing and self.linking is not None and node.tag == "iq":
            self.linking.heard(node, now)
        elif self.open and self.session is not None and node.tag in _HANDLERS:
            _HANDLERS[node.tag](self.session, node, now)
        self._notice_a_cut()

    def _carry_out(self, action: Action, now: float) -> None:
        """Send the last stanza, if any, and end the connection as `action` says."""
        if isinstance(action, HalfOpen):
            self._enter(State.MUTE)
            self.out.freeze(now)
            return
        if isinstance(action, Drop):
            self.out.log("·", f"dropped ({action.how})", now)
            self.close(now, abrupt=action.how != "goodbye", reset=action.how == "reset")
            return
        if isinstance(action, Failure):
            attrs = {"reason": action.reason, "code": action.code, "expire": action.expire}
            self.out.say(element("failure", **{k: str(v) for k, v in attrs.items() if v is not None}), now)
        elif isinstance(action, StreamError):
            conflict = [element("conflict", type=action.conflict)] if action.conflict else []
            code = "" if action.code is None else str(action.code)
            self.out.say(element("stream:error", *conflict, code=code), now)
            if action.keep_open:
                self._enter(State.MUTE)
                return
        self._once_read(self.close, now, _AFTER_PAIRING if self.linking is not None else _AFTER_PONG)

    def _once_read(self, action: Callable[[float], None], now: float, delay: float = _AFTER_PONG) -> None:
        """Call `action` `delay` seconds after the client has answered a ping, or did not answer it in time."""

        def unless_closed(then: float) -> None:
            if self.state is not State.CLOSED:
                action(then)

        def read(then: float) -> None:
            self._context.at(then + delay, unless_closed)

        def give_up(then: float) -> None:
            if self._on_pong is read:
                self.pong(then)

        self._on_pong = read
        self.out.emit(Ping(), now)
        self._context.at(now + _NO_PONG, give_up)

    def _notice_a_cut(self) -> None:
        """Close if the outbox has cut a frame short, which ends the connection in the I/O layer."""
        if self.out.cut and self.state is not State.CLOSED:
            self._enter(State.CLOSED)

    def _enter(self, state: State) -> None:
        if state not in _NEXT[self.state]:
            raise SimulatorError(f"connection {self.number} cannot become {state.name} from {self.state.name}")
        self.state = state


_HANDLERS: dict[str, Callable[[LoggedInDevice, Node, float], None]] = {
    "iq": LoggedInDevice.on_question,
    "message": LoggedInDevice.on_message,
    "receipt": LoggedInDevice.on_receipt,
    "ack": LoggedInDevice.on_ack,
    "presence": LoggedInDevice.on_presence,
    "chatstate": LoggedInDevice.on_chat_state,
}
