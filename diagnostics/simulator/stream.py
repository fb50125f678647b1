"""One client's connection, as a state machine without I/O: bytes in, effects out, the time an argument.

    HANDSHAKE ──▶ PAIRING ──▶ CLOSING     a client without an account: QR references, a signed identity, 515
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
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from diagnostics.simulator import iq, messages, wire
from diagnostics.simulator.accounts import Account, Companion
from diagnostics.simulator.errors import ProtocolError, ScanRefused, SimulatorError
from diagnostics.simulator.faults import Action, Drop, Event, Failure, Silence, StreamError
from diagnostics.simulator.journal import Line
from diagnostics.simulator.keys import KeyPair
from diagnostics.simulator.noise import Handshaken, NoiseServer
from diagnostics.simulator.pairing import Offer, QrCode, Registration
from diagnostics.simulator.stanza import Node, decode, element, encode, leaf

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
    State.CLOSING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Send:
    """Hand these bytes to the client, in order."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask the client's websocket for a sign of life behind what was sent; it is handed in with `pong`."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection: `abrupt` by cutting it, as a server that dies, else with a goodbye."""

    abrupt: bool = False


Effect = Send | Ping | Close

# Every reference is one QR code; clients show the first for 60 s and the others for 20 s.
REFERENCES = 6

# A client drops a stanza that the end of the connection overtakes. So whatever must come second waits for the answer
# to a ping, and then a moment for the client's own queue. Seconds.
_A_MOMENT = 0.05
_RECONNECT = 2.0  # after a pairing the client closes by itself; a server that is faster leaves whatsmeow hanging
_NO_PONG = 2.0


class Stream:
    """See the module. `account` and `companion` are set once a linked device has shown its keys.

    `references` are the QR codes that were offered, with the time when each expires.
    """

    def __init__(self, number: int, hub: Hub) -> None:
        self.number = number
        self.state = State.HANDSHAKE
        self.account: Account | None = None
        self.companion: Companion | None = None
        self._hub = hub
        self._noise = NoiseServer(hub.identity, KeyPair.generate(hub.random))
        self._stanzas = 0
        self._ready = False
        self._on_pong: Callable[[float], None] | None = None
        # while pairing
        self._static = b""
        self._registration: Registration | None = None
        self.references: dict[str, float] = {}
        self._offer: Offer | None = None
        self._offer_id = ""

    @property
    def device(self) -> str | None:
        """JID of the device, once it is known."""
        return self.account.device_jid(self.companion.id) if self.account and self.companion else None

    # ---- input

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the client's. Raises ProtocolError for what is no protocol."""
        for event in self._noise.receive(data):
            if self.state is State.CLOSED:
                return
            if isinstance(event, Handshaken):
                self._flush_handshake()
                self._begin(event, now)
                continue
            node = decode(event)
            self._log("←", str(node), now)
            handler = _HANDLERS.get((self.state, node.tag))
            if handler is not None:
                handler(self, node, now)
        self._flush_handshake()

    def lost(self, now: float) -> None:
        """The connection is gone, whoever ended it."""
        self._log("·", "disconnected", now)
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)

    # ---- what others do to it

    def scanned(self, code: QrCode, account: Account, now: float) -> None:
        """The phone of `account` has read `code`, whose reference is one of this connection's.

        Raises:
            ScanRefused: the code is not this client's, has expired, or was scanned before.
        """
        registration = self._registration
        if self.state is not State.PAIRING or registration is None or self._offer is not None:
            raise ScanRefused("this QR code was scanned before, or its client is gone")
        if now >= self.references[code.ref]:
            raise ScanRefused("this QR code has expired; scan the one that the client shows now")
        if (code.noise, code.identity) != (self._static, registration.identity):
            raise ScanRefused("this QR code does not belong to the client that was given its reference")
        self._offer = Offer.make(account, registration, code, self._static, now, self._hub.random)
        device = self._offer.companion.id
        self._offer_id = self._next_id()
        self._say(
            Node(
                "iq",
                {"from": iq.SERVER_JID, "type": "set", "id": self._offer_id, "t": str(int(now))},
                (
                    element(
                        "pair-success",
                        leaf("device-identity", self._offer.container),
                        element("device", jid=account.device_jid(device), lid=account.device_lid(device)),
                        element("platform", name="android"),
                    ),
                ),
            ),
            now,
        )

    def replaced(self, now: float) -> None:
        """Another connection has logged in as the same device."""
        if self.state in (State.OPEN, State.MUTE):
            self._end(StreamError(conflict="replaced"), now)

    def pong(self, now: float) -> None:
        """The client has read everything up to the last Ping."""
        action, self._on_pong = self._on_pong, None
        if action is not None and self.state is not State.CLOSED:
            action(now)

    def expire(self, now: float) -> None:
        """The last QR code is too old."""
        if self.state is State.PAIRING and self._offer is None:
            self._log("·", "no QR code was scanned in time", now)
            self.close()

    def close(self, *, abrupt: bool = False) -> None:
        """End the connection at once."""
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)
            self._hub.emit(self, Close(abrupt))

    # ---- the beginning

    def _begin(self, handshaken: Handshaken, now: float) -> None:
        payload = wire.parse(wire.ClientPayload, handshaken.payload, "the client's payload")
        if payload.HasField("username"):
            self._login(str(payload.username), payload.device, handshaken.static, now)
        elif payload.HasField("devicePairingData"):
            self._static = handshaken.static
            self._registration = Registration.from_payload(payload.devicePairingData)
            self._offer_references(now)
        else:
            raise ProtocolError("the client's payload names no account and asks for none")

    def _offer_references(self, now: float) -> None:
        self._enter(State.PAIRING)
        self.references = self._hub.new_references(self, now)
        references = (leaf("ref", ref.encode()) for ref in self.references)
        self._say(
            Node(
                "iq",
                {"from": iq.SERVER_JID, "type": "set", "id": self._next_id(), "xmlns": "md"},
                (element("pair-device", *references),),
            ),
            now,
        )

    def _login(self, phone: str, device: int, static: bytes, now: float) -> None:
        account = self._hub.directory.by_phone(phone)
        companion = account.companions.get(device) if account else None
        if account is None or companion is None or companion.noise != static:
            self._log("·", f"no device {phone}:{device} with these keys is linked", now)
            self._end(Failure(401), now)
            return
        self.account, self.companion = account, companion
        action = account.plan.meet(Event.LOGIN)
        if action is not None:
            self._end(action, now)
            return
        self._hub.logged_in(self, account.device_jid(device), now)
        self._enter(State.OPEN)
        self._say(element("success", t=str(int(now)), lid=account.device_lid(device), location="sim"), now)
        self._say(element("ib", element("offline", count="0"), from_=iq.SERVER_JID), now)

    # ---- stanzas

    def on_pairing_answer(self, node: Node, now: float) -> None:
        offer = self._offer
        if offer is None or node.get("id") != self._offer_id:
            return  # the acknowledgement of the references
        signed = node.child("pair-device-sign", "device-identity")
        if signed is None:
            self._log("·", "the client refused the identity that the phone signed", now)
            return
        if not offer.accepted_by(signed.data):
            raise ProtocolError("the device's signature of its identity is wrong")
        offer.account.companions[offer.companion.id] = offer.companion
        self._end(StreamError(515), now)

    def on_question(self, node: Node, now: float) -> None:
        account, companion = self._session()
        if node.get("type") not in ("get", "set"):
            return
        question = iq.Question(
            node, account, companion, self._hub.directory, self._hub.media_auth, self._hub.settings.prekey_floor
        )
        self._say(iq.answer(question), now)
        if iq.is_ready(node) and not self._ready:
            self._ready = True
            action = account.plan.meet(Event.READY)
            if action is not None:
                self._end(action, now, behind_answer=True)

    def on_message(self, node: Node, now: float) -> None:
        account, _ = self._session()
        action = account.plan.meet(Event.MESSAGE)
        acknowledgement = messages.take(node, account, action, now)
        if acknowledgement is not None:
            self._say(acknowledgement, now)
        elif isinstance(action, Drop):
            self._end(action, now)

    # ---- the end

    def _end(self, action: Action, now: float, *, behind_answer: bool = False) -> None:
        """What `action` stands for. Nothing is answered any more; an answer that precedes it is read first."""
        if isinstance(action, Silence):
            self._enter(State.MUTE)
            return
        self._enter(State.CLOSING)
        if behind_answer:
            self._once_read(lambda then: self._last_word(action, then), now)
        else:
            self._last_word(action, now)

    def _last_word(self, action: Action, now: float) -> None:
        if isinstance(action, Drop):
            self._log("·", "dropped", now)
            self.close(abrupt=True)
            return
        if isinstance(action, Failure):
            attrs = {"reason": action.reason, "code": action.code, "expire": action.expire}
            self._say(element("failure", **{k: str(v) for k, v in attrs.items() if v is not None}), now)
        elif isinstance(action, StreamError):
            conflict = [element("conflict", type=action.conflict)] if action.conflict else []
            self._say(element("stream:error", *conflict, code="" if action.code is None else str(action.code)), now)
        moment = _RECONNECT if self._offer is not None else _A_MOMENT
        self._once_read(lambda _then: self.close(), now, moment)

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
        self._hub.emit(self, Ping())
        self._hub.at(now + _NO_PONG, give_up)

    # ---- output

    def _say(self, node: Node, now: float) -> None:
        self._log("→", str(node), now)
        self._hub.emit(self, Send(self._noise.send(encode(node))))

    def _flush_handshake(self) -> None:
        for reply in self._noise.replies:
            self._hub.emit(self, Send(reply))
        self._noise.replies.clear()

    def _log(self, kind: str, text: str, now: float) -> None:
        self._hub.journal.add(Line(now, self.number, self.device or "", kind, text))

    def _next_id(self) -> str:
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
    (State.PAIRING, "iq"): Stream.on_pairing_answer,
    (State.OPEN, "iq"): Stream.on_question,
    (State.OPEN, "message"): Stream.on_message,
}
