"""One client's connection, as a state machine without I/O: bytes in, effects out, the time an argument.

    HANDSHAKE ──▶ PAIRING ──▶ CLOSING     a client without an account: see `linking`; ends with 515
        │
        └──────▶ OPEN ──────▶ CLOSING     a linked device: <success>, then questions and messages
        │          └────────▶ MUTE        by a fault: everything is read and nothing answered
        └──────▶ MUTE, CLOSING            by a fault, or the login was refused
    any of them ──▶ CLOSED                one of the two has hung up

What a stanza does depends on the state and its tag alone (`_HANDLERS`); whatever is not in the table is read and
ignored, as WhatsApp does with what it does not know. In CLOSING the last word is said: nothing is answered any more,
and the connection ends when the client has had the time to read it.

Malformed input raises ProtocolError out of `receive`; the hub then ends this connection and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from diagnostics.simulator import iq, messages, wire
from diagnostics.simulator.accounts import Account, Companion
from diagnostics.simulator.errors import ProtocolError, SimulatorError
from diagnostics.simulator.faults import (
    Action,
    Certificate,
    Drop,
    Duplicate,
    Event,
    Failure,
    Garbage,
    HalfOpen,
    Refusal,
    Reorder,
    Silence,
    Skew,
    StreamError,
)
from diagnostics.simulator.keys import KeyPair
from diagnostics.simulator.linking import Linking
from diagnostics.simulator.noise import Handshaken, NoiseServer
from diagnostics.simulator.outbox import Close, Outbox, Ping
from diagnostics.simulator.pairing import Registration
from diagnostics.simulator.stanza import Node, decode, element

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub


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

# A client drops a stanza that the end of the connection overtakes. So whatever must come second waits for the answer
# to a ping, and then a moment for the client's own queue. Seconds.
_A_MOMENT = 0.05
_RECONNECT = 2.0  # after a pairing the client closes by itself; a server that is faster leaves whatsmeow hanging
_NO_PONG = 2.0
_HELD_BACK = 1.0  # for acknowledgements that wait for others to be reordered with


class Stream:
    """See the module. `account` and `companion` are set once a linked device has shown its keys.

    Attributes:
        out: what is said to the client.
        linking: the pairing, for a client that is not linked yet.
        ready: the login is complete.
    """

    def __init__(self, number: int, hub: Hub) -> None:
        self.number = number
        self.state = State.HANDSHAKE
        self.account: Account | None = None
        self.companion: Companion | None = None
        self.linking: Linking | None = None
        self.ready = False
        self._hub = hub
        self._noise = NoiseServer(hub.identity, KeyPair.generate(hub.random))
        self.out = Outbox(number, hub, self._noise)
        self._greeted = False
        self._stanzas = 0
        self._on_pong: Callable[[float], None] | None = None
        self._held_acks: list[Node] = []

    @property
    def device(self) -> str | None:
        """JID of the device, once it is known."""
        return self.account.device_jid(self.companion.id) if self.account and self.companion else None

    @property
    def pairing(self) -> bool:
        """It waits for a phone, or for the device to sign back."""
        return self.state is State.PAIRING

    # ---- input

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the client's. Raises ProtocolError for what is no protocol."""
        if not self._greeted:
            self._greeted = True
            self._greet(now)
        for event in self._noise.receive(data):
            if self.state is State.CLOSED:
                return
            if isinstance(event, Handshaken):
                self.out.flush_handshake(now)
                self._begin(event, now)
                continue
            node = decode(event)
            self.out.log("←", str(node), now)
            handler = _HANDLERS.get((self.state, node.tag))
            if handler is not None:
                handler(self, node, now)
                self._notice_a_cut()
        if self.state is not State.MUTE:
            self.out.flush_handshake(now)

    def lost(self, now: float) -> None:
        """The connection is gone, whoever ended it."""
        self.out.log("·", "disconnected", now)
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)

    # ---- what others do to it

    def tell(self, node: Node, now: float) -> bool:
        """Send what comes from somebody else; False when there is nobody to hear it."""
        if self.state is not State.OPEN or not self.ready:
            return False
        self.out.say(node, now)
        self._notice_a_cut()
        return True

    def replaced(self, now: float) -> None:
        """Another connection has logged in as the same device."""
        if self.state in (State.OPEN, State.MUTE):
            self.end(StreamError(conflict="replaced"), now)

    def removed(self, now: float) -> None:
        """The device is linked no more."""
        if self.state in (State.OPEN, State.MUTE):
            self.end(StreamError(401, "device_removed"), now, behind_answer=True)

    def strike(self, action: Action, now: float) -> None:
        """A fault that comes with time alone."""
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

    def expire(self, now: float) -> None:
        """The last QR code is too old."""
        if self.pairing and self.linking is not None and self.linking.offer is None:
            self.out.log("·", "no QR code was scanned in time", now)
            self.close(now)

    def close(self, now: float, *, abrupt: bool = False, reset: bool = False) -> None:
        """End the connection at once."""
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)
            self.out.emit(Close(abrupt, reset), now)

    # ---- the beginning

    def _greet(self, now: float) -> None:
        """The client's first bytes are here."""
        action = self._hub.plan.meet(Event.HELLO, now)
        if isinstance(action, Certificate):
            self.out.log("·", f"this certificate is wrong: {action.wrong}", now)
            self._noise.chain = self._hub.identity.wrong_chain(action.wrong, now, self._hub.random)
        elif action is not None:
            self.end(action, now)

    def _begin(self, handshaken: Handshaken, now: float) -> None:
        if self.state is not State.HANDSHAKE:
            return
        payload = wire.parse(wire.ClientPayload, handshaken.payload, "the client's payload")
        if payload.HasField("username"):
            self._login(str(payload.username), payload.device, handshaken.static, now)
        elif payload.HasField("devicePairingData"):
            registration = Registration.from_payload(payload.devicePairingData)
            self.linking = Linking(self, self._hub, handshaken.static, registration)
            self._enter(State.PAIRING)
            self.linking.begin(now)
        else:
            raise ProtocolError("the client's payload names no account and asks for none")

    def _login(self, phone: str, device: int, static: bytes, now: float) -> None:
        account = self._hub.directory.by_phone(phone)
        companion = account.companions.get(device) if account else None
        if account is None or companion is None or companion.noise != static:
            self.out.log("·", f"no device {phone}:{device} with these keys is linked", now)
            self.end(Failure(401), now)
            return
        self.account, self.companion = account, companion
        self.out.plan, self.out.who = account.plan, account.device_jid(device)
        action = account.plan.meet(Event.LOGIN, now)
        if isinstance(action, Skew):
            self.out.skew = action.seconds
        elif action is not None:
            self.end(action, now)
            return
        self._hub.logged_in(self, account.device_jid(device), now)
        self._enter(State.OPEN)
        lid = account.device_lid(device)
        self.out.say(element("success", t=self.out.clock(now), lid=lid, location="sim"), now)
        self.out.say(element("ib", element("offline", count="0"), from_=iq.SERVER_JID), now)

    # ---- stanzas

    def on_link(self, node: Node, now: float) -> None:
        if self.linking is not None:
            self.linking.heard(node, now)

    def on_question(self, node: Node, now: float) -> None:
        account, companion = self._session()
        if node.get("type") in ("result", "error"):
            return
        action = account.plan.meet(Event.QUESTION, now, node.get("xmlns"))
        if isinstance(action, Refusal):
            self.out.say(iq.error(node, action.error), now)
            return
        if action is not None:
            if isinstance(action, Drop):
                self.end(action, now)
            return
        answer = iq.answer(iq.Question(node, account, companion, self._hub, now))
        self.out.say(answer, now)
        if answer.get("type") == "error":
            return
        if iq.is_ready(node) and not self.ready:
            self.ready = True
            action = account.plan.meet(Event.READY, now)
            if action is not None:
                self.end(action, now, behind_answer=True)
            else:
                self._hub.ready(self, account, companion, now)
        elif iq.is_farewell(node):
            self._hub.unlink(account, companion.id, now)

    def on_message(self, node: Node, now: float) -> None:
        account, companion = self._session()
        if messages.is_private(node):
            self.out.say(messages.acknowledge(node, self.out.clock(now)), now)
            self._hub.delivery.to_phone(node, account, companion, now)
            return
        action = account.plan.meet(Event.MESSAGE, now) or messages.refusal(node, account, self._hub.directory)
        recipient_exists = messages.recipient_exists(node, self._hub.directory)
        acknowledgement = messages.take(node, account, action, now, self.out.clock(now), exists=recipient_exists)
        if isinstance(action, Drop):
            self.end(action, now)
            return
        if acknowledgement is None:
            pass
        elif isinstance(action, Reorder):
            self._hold_back(acknowledgement, action.among, now)
        else:
            for _ in range(action.copies if isinstance(action, Duplicate) else 1):
                self.out.say(acknowledgement, now)
        if not isinstance(action, Refusal):
            self._hub.delivery.message(node, account, companion, now)

    def on_receipt(self, node: Node, now: float) -> None:
        account, companion = self._session()
        names = ("id", "type", "participant")
        attrs = {"class": "receipt", "from": node.get("to"), **{name: node.get(name) for name in names}}
        self.out.say(Node("ack", {name: value for name, value in attrs.items() if value}), now)
        self._hub.delivery.receipt(node, account, companion, now)

    def on_ack(self, node: Node, now: float) -> None:
        del now
        _, companion = self._session()
        if companion.waiting:
            self._hub.delivery.acknowledged(companion, node.get("class"), node.get("id"), node.get("to"))

    def on_presence(self, node: Node, now: float) -> None:
        account, companion = self._session()
        self._hub.delivery.presence(node, account, account.device_jid(companion.id), now)

    def on_chat_state(self, node: Node, now: float) -> None:
        self._hub.delivery.chat_state(node, *self._session(), now)

    def _hold_back(self, acknowledgement: Node, among: int, now: float) -> None:
        self._held_acks.append(acknowledgement)
        if len(self._held_acks) >= among:
            self._let_go(now)
        elif len(self._held_acks) == 1:
            self._hub.at(now + _HELD_BACK, self._let_go)

    def _let_go(self, now: float) -> None:
        """The acknowledgements that were held back, the last one first."""
        held, self._held_acks = self._held_acks, []
        if self.state is State.OPEN:
            for acknowledgement in reversed(held):
                self.out.say(acknowledgement, now)

    # ---- the end

    def end(self, action: Action, now: float, *, behind_answer: bool = False) -> None:
        """What `action` stands for. Nothing is answered any more; an answer that precedes it is read first."""
        if isinstance(action, Silence):
            self._enter(State.MUTE)
            return
        if self.state is not State.CLOSING:
            self._enter(State.CLOSING)
        if behind_answer:
            self._once_read(lambda then: self._last_word(action, then), now)
        else:
            self._last_word(action, now)

    def _last_word(self, action: Action, now: float) -> None:
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
        moment = _RECONNECT if self.linking is not None else _A_MOMENT
        self._once_read(self.close, now, moment)

    def _once_read(self, action: Callable[[float], None], now: float, moment: float = _A_MOMENT) -> None:
        """Do it a moment after the client has read what was sent, or when it does not say so for too long."""

        def unless_closed(then: float) -> None:
            if self.state is not State.CLOSED:
                action(then)

        def read(then: float) -> None:
            self._hub.at(then + moment, unless_closed)

        def give_up(then: float) -> None:
            if self._on_pong is read:
                self.pong(then)

        self._on_pong = read
        self.out.emit(Ping(), now)
        self._hub.at(now + _NO_PONG, give_up)

    def _notice_a_cut(self) -> None:
        """The shell has ended the connection in the middle of a frame."""
        if self.out.cut and self.state is not State.CLOSED:
            self._enter(State.CLOSED)

    # ----

    def next_id(self) -> str:
        """An id for a stanza of the server's own."""
        self._stanzas += 1
        return f"{self.number}-{self._stanzas}"

    def _session(self) -> tuple[Account, Companion]:
        if self.account is None or self.companion is None:
            raise SimulatorError(f"connection {self.number} is {self.state.name} without an account")
        return self.account, self.companion

    def _enter(self, state: State) -> None:
        if state not in _NEXT[self.state]:
            raise SimulatorError(f"connection {self.number} cannot become {state.name} from {self.state.name}")
        self.state = state


_HANDLERS: dict[tuple[State, str], Callable[[Stream, Node, float], None]] = {
    (State.PAIRING, "iq"): Stream.on_link,
    (State.OPEN, "iq"): Stream.on_question,
    (State.OPEN, "message"): Stream.on_message,
    (State.OPEN, "receipt"): Stream.on_receipt,
    (State.OPEN, "ack"): Stream.on_ack,
    (State.OPEN, "presence"): Stream.on_presence,
    (State.OPEN, "chatstate"): Stream.on_chat_state,
}
