"""A small WhatsApp client of the tests' own: speaks to a `Hub` without a socket, and can misbehave."""

from __future__ import annotations

import base64
import hmac
import random
from collections.abc import Callable
from weakref import WeakKeyDictionary

from diagnostics.simulator.core.effects import Close, Effect, Freeze, Ping, Send
from diagnostics.simulator.core.hub import Hub
from diagnostics.simulator.core.stream import State
from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import DJB_TYPE, KeyPair, signed_by
from diagnostics.simulator.protocol.noise import HEADER
from diagnostics.simulator.protocol.stanza import Node, decode, element, encode, leaf
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.world.account import Account
from tests.simulator.noise_client import NoiseClient

NOW = 1_800_000_000.0


def seeded(seed: int = 0) -> Callable[[int], bytes]:
    """Randomness that is the same in every run."""
    return random.Random(seed).randbytes  # noqa: S311 - of a test


def new_hub(settings: Settings | None = None) -> Hub:
    return Hub(NOW, seeded(), settings=settings)


# What a client has taken from its hub that is for another client: without it, that one's cipher would be out of step.
_UNREAD: WeakKeyDictionary[Hub, list[tuple[int, Effect]]] = WeakKeyDictionary()


class LightClient:
    """One client. What it was sent is in `received`; `closed` is how the server ended the connection, if it did."""

    def __init__(self, hub: Hub, seed: int = 1) -> None:
        self.hub = hub
        self.now = NOW
        self.random = seeded(seed)
        self.noise = KeyPair.generate(self.random)
        self.identity = KeyPair.generate(self.random)
        self.signed = KeyPair.generate(self.random)
        self.adv_secret = self.random(32)
        self.account: Account | None = None
        self.device = 0
        self.reconnect()

    # Connection

    def reconnect(self) -> None:
        """A new connection, with the handshake still to come."""
        self.stream = self.hub.open()
        self.received: list[Node] = []
        self.raw: list[bytes] = []
        self.pings = 0
        self.closed: Close | None = None
        self.frozen = False
        self._channel: NoiseClient | None = None

    @property
    def open(self) -> bool:
        return self.stream.state not in (State.CLOSING, State.CLOSED)

    def give(self, data: bytes) -> None:
        """Bytes to the server, and what it does about them."""
        self.hub.receive(self.stream, data, self.now)
        self.collect()

    def collect(self) -> None:
        """Take what the server has for this client, and leave what is for others."""
        unread = _UNREAD.setdefault(self.hub, [])
        unread += self.hub.take()
        mine = [effect for number, effect in unread if number == self.stream.number]
        unread[:] = [(number, effect) for number, effect in unread if number != self.stream.number]
        for effect in mine:
            if isinstance(effect, Ping):
                self.pings += 1
            elif isinstance(effect, Freeze):
                self.frozen = True
            elif isinstance(effect, Close):
                self.closed = effect
            elif isinstance(effect, Send) and effect.cut:
                self.closed = Close(abrupt=True, reset=True)
            elif isinstance(effect, Send) and self._channel is not None:
                self.received.append(decode(self._channel.open(effect.data)))
            elif isinstance(effect, Send):
                self.raw.append(effect.data)

    def pong(self) -> None:
        """Say that everything was read."""
        self.hub.pong(self.stream, self.now)
        self.collect()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.hub.wake(self.now)
        self.collect()

    def handshake(self, payload: bytes, *, header: bytes = HEADER) -> None:
        """The client's side of Noise, with `payload` in its last message."""
        noise = NoiseClient(self.noise, self.random)
        self.give(noise.hello(header))
        finish = noise.finish(self.raw.pop(), payload)
        self.chain, self._channel = noise.chain, noise
        self.give(finish)

    def plain(self, plaintext: bytes) -> None:
        """A frame with any plaintext."""
        assert self._channel is not None
        self.give(self._channel.seal(plaintext))

    def say(self, node: Node) -> list[Node]:
        """A stanza; what the server said at once."""
        before = len(self.received)
        self.plain(encode(node))
        return self.received[before:]

    # What a client does

    def registration_payload(self) -> bytes:
        data = wire.ClientPayload.DevicePairingRegistrationData(
            eRegid=b"\0\0\x12\x34",
            eKeytype=DJB_TYPE,
            eIdent=self.identity.public,
            eSkeyId=b"\0\0\1",
            eSkeyVal=self.signed.public,
            eSkeySig=self.identity.sign(DJB_TYPE + self.signed.public, self.random),
        )
        payload: bytes = wire.ClientPayload(devicePairingData=data).SerializeToString()
        return payload

    def show_qr(self) -> list[str]:
        """Connect without an account; the QR codes to show, in order."""
        self.handshake(self.registration_payload())
        offer = self.received[-1]
        self.say(element("iq", to="@s.whatsapp.net", id=offer.get("id"), type="result"))
        pair_device = offer.child("pair-device")
        assert pair_device is not None
        keys = (self.noise.public, self.identity.public, self.adv_secret)
        tail = ",".join(base64.b64encode(key).decode() for key in keys)
        prefix = "https://wa.me/settings/linked_devices#"
        return [f"{prefix}{ref.data.decode()},{tail},6" for ref in pair_device.children]

    def sign_back(self, signer: KeyPair | None = None) -> Node:
        """Check what the phone signed, as a client must; the answer with our own signature."""
        success = self.received[-1]
        container_node = success.child("pair-success", "device-identity")
        device_node = success.child("pair-success", "device")
        assert container_node is not None
        assert device_node is not None
        container = wire.SignedDeviceIdentityHMAC.FromString(container_node.data)
        assert hmac.digest(self.adv_secret, container.details, "sha256") == container.hmac
        signed = wire.SignedDeviceIdentity.FromString(container.details)
        key = signed.accountSignatureKey
        assert signed_by(key, b"\6\0" + signed.details + self.identity.public, signed.accountSignature)
        self.device = int(device_node.get("jid").partition(":")[2].partition("@")[0])
        signed.deviceSignature = (signer or self.identity).sign(
            b"\6\1" + signed.details + self.identity.public + key, self.random
        )
        signed.ClearField("accountSignatureKey")
        identity = leaf("device-identity", signed.SerializeToString())
        return Node(
            "iq",
            {"to": "@s.whatsapp.net", "type": "result", "id": success.get("id")},
            (element("pair-device-sign", identity),),
        )

    def pair(self, account: Account) -> None:
        """All of a pairing, up to the 515 that ends it."""
        self.account = account
        code = self.show_qr()[0]
        self.hub.scan(code, account, self.now)
        self.collect()
        self.say(self.sign_back())

    def login_payload(self) -> bytes:
        assert self.account is not None
        payload: bytes = wire.ClientPayload(username=int(self.account.phone), device=self.device).SerializeToString()
        return payload

    def login(self) -> None:
        """A new connection, logged in as the paired device."""
        self.reconnect()
        self.handshake(self.login_payload())

    def ask(self, xmlns: str, kind: str, *children: Node) -> Node:
        """A question and its answer."""
        attrs = {"to": "@s.whatsapp.net", "xmlns": xmlns, "type": kind, "id": "1.2-3"}
        answers = self.say(Node("iq", attrs, children or None))
        assert len(answers) == 1
        return answers[0]

    def get_ready(self) -> None:
        """The last step of a login."""
        self.ask("passive", "set", element("active"))


def paired_client(hub: Hub, account: Account | None = None, seed: int = 1) -> LightClient:
    """A client that is paired with `account` (or a new one) and not connected."""
    client = LightClient(hub, seed)
    client.pair(account or hub.directory.add())
    hub.lost(client.stream, client.now)
    return client


def message(number: int = 1) -> Node:
    """A text to the contact."""
    return element("message", element("enc", type="pkmsg"), id=f"3EB{number}", to="100000000000001@lid", type="text")
