"""The connection of a client that is not linked yet: its codes, the phone that reads one, and the signed identity.

By QR code: the client shows a reference of ours and its keys; a phone scans it. By number: the client asks for a
reference for somebody's number and shows a code of eight characters, which a person types into that phone.
Either way the phone's signature follows, the device signs back, and 515 sends it to log in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnostics.simulator import iq
from diagnostics.simulator.accounts import Account
from diagnostics.simulator.errors import ProtocolError, ScanRefused
from diagnostics.simulator.faults import BadHmac, Drop, Event, Silence, StreamError
from diagnostics.simulator.link_code import Hello, LinkCode, parse_code
from diagnostics.simulator.pairing import Offer, QrCode, Registration
from diagnostics.simulator.stanza import Node, element, leaf

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub
    from diagnostics.simulator.stream import Stream

_STAGE = "link_code_companion_reg"


class Linking:
    """See the module.

    Attributes:
        references: the QR codes that were offered, with the time when each expires.
        offer: the phone has answered: what the device has to sign.
        hello: the client has asked to be linked by number, and waits for the code to be typed.
    """

    def __init__(self, stream: Stream, hub: Hub, static: bytes, registration: Registration) -> None:
        self.references: dict[str, float] = {}
        self.offer: Offer | None = None
        self.hello: Hello | None = None
        self._code: LinkCode | None = None
        self._stream = stream
        self._hub = hub
        self._static = static
        self._registration = registration
        self._offer_id = ""

    def begin(self, now: float) -> None:
        """Give the client the references for its QR codes."""
        self.references = self._hub.new_references(self._stream, now)
        references = (leaf("ref", ref.encode()) for ref in self.references)
        self._set(element("pair-device", *references), now, xmlns="md")

    # ---- the phone's side

    def scanned(self, code: QrCode, account: Account, now: float) -> None:
        """The phone of `account` has read `code`, whose reference is one of this connection's.

        Raises:
            ScanRefused: the code is not this client's, has expired, or was scanned before.
        """
        self._expect_nothing_yet()
        if now >= self.references[code.ref]:
            raise ScanRefused("this QR code has expired; scan the one that the client shows now")
        if (code.noise, code.identity) != (self._static, self._registration.identity):
            raise ScanRefused("this QR code does not belong to the client that was given its reference")
        self._answer(account, code.adv_secret, now)

    def typed(self, code: str, account: Account, now: float) -> None:
        """A person has typed `code` into the phone of `account`, for which this client has asked.

        Whether it is the right code shows only when the client answers.

        Raises:
            ScanRefused: it is no such code, or the client is being linked already.
            SimulatorError: the account has no room for a further device.
        """
        self._expect_nothing_yet()
        account.refuse_crowd()
        if self.hello is None:
            raise ScanRefused("this client asks for no code")
        self._code = LinkCode(self.hello, parse_code(code), account, self._hub.random)
        notification = element(
            _STAGE,
            leaf("link_code_pairing_wrapped_primary_ephemeral_pub", self._code.wrapped_ephemeral),
            leaf("primary_identity_pub", account.primary.identity.public),
            leaf("link_code_pairing_ref", self.hello.ref),
            stage="primary_hello",
        )
        out = self._stream.out
        attrs = {"from": iq.SERVER_JID, "type": _STAGE, "id": self._stream.next_id(), "t": out.clock(now)}
        out.say(Node("notification", attrs, (notification,)), now)

    def _expect_nothing_yet(self) -> None:
        if self.offer is not None or not self._stream.pairing:
            raise ScanRefused("this QR code was scanned before, or its client is gone")

    def _answer(self, account: Account, adv_secret: bytes, now: float) -> None:
        """The phone signs the device's identity."""
        action = account.plan.meet(Event.SCAN, now)
        if isinstance(action, BadHmac):
            adv_secret = self._hub.random(32)
        self.offer = Offer.make(account, self._registration, adv_secret, self._static, now, self._hub.random)
        if isinstance(action, Silence):
            return
        if isinstance(action, Drop):
            self._stream.end(action, now)
            return
        device = self.offer.companion.id
        success = element(
            "pair-success",
            leaf("device-identity", self.offer.container),
            element("device", jid=account.device_jid(device), lid=account.device_lid(device)),
            element("platform", name="android"),
        )
        self._offer_id = self._set(success, now, t=self._stream.out.clock(now))

    # ---- the client's side

    def heard(self, node: Node, now: float) -> None:
        """An `<iq>` of the client's."""
        if node.get("type") == "set":
            self._stream.out.say(self._by_number(node, now), now)
            self._finish_code(node, now)
        elif node.get("type") == "get":
            self._stream.out.say(iq.unlinked(node), now)  # a keepalive; silence would look like a lost connection
        elif self.offer is not None and node.get("id") == self._offer_id:
            self._signed(self.offer, node, now)
        # anything else acknowledges the references

    def _by_number(self, node: Node, now: float) -> Node:
        """The answer to a step of linking by number."""
        request = node.child(_STAGE)
        if node.get("xmlns") != "md" or request is None:
            return iq.error(node, 400)
        if request.get("stage") == "companion_finish":
            return iq.error(node, 400) if self._code is None else iq.result(node)
        account = self._hub.directory.find(request.get("jid"))
        if account is None:
            return iq.error(node, 404)
        hello = Hello.read(request, account[0].phone, self._hub.random(16).hex().encode())
        if hello is None or hello.noise != self._static or request.get("stage") != "companion_hello":
            return iq.error(node, 400)
        self.hello, self._code = hello, None
        self._stream.out.log("·", f"the client asks for a code to be typed into the phone of {hello.phone}", now)
        return iq.result(node, element(_STAGE, leaf("link_code_pairing_ref", hello.ref)))

    def _finish_code(self, node: Node, now: float) -> None:
        """The client has answered the phone: now it shows whether the code was right."""
        finish, code = node.child(_STAGE), self._code
        if finish is None or code is None or finish.get("stage") != "companion_finish" or self.offer is not None:
            return
        bundle, ref = finish.child("link_code_pairing_wrapped_key_bundle"), finish.child("link_code_pairing_ref")
        self._code = None
        if bundle is None or ref is None or ref.data != code.hello.ref:
            self._stream.out.log("·", "the client's answer belongs to no code that was typed", now)
            return
        adv_secret = code.adv_secret(bundle.data, self._registration.identity)
        if adv_secret is None:
            self._stream.out.log("·", "the phone cannot read the answer: the code that was typed is wrong", now)
            return
        self._answer(code.account, adv_secret, now)

    def _signed(self, offer: Offer, node: Node, now: float) -> None:
        signed = node.child("pair-device-sign", "device-identity")
        if signed is None:
            self._stream.out.log("·", "the client refused the identity that the phone signed", now)
            return
        if not offer.accepted_by(signed.data):
            raise ProtocolError("the device's signature of its identity is wrong")
        offer.account.link(offer.companion)
        self._hub.devices_changed(offer.account, now)
        self._stream.end(StreamError(515), now)

    def _set(self, child: Node, now: float, **attrs: str) -> str:
        """Send an `<iq type="set">`; its id."""
        number = self._stream.next_id()
        node = Node("iq", {"from": iq.SERVER_JID, "type": "set", "id": number, **attrs}, (child,))
        self._stream.out.say(node, now)
        return number
