"""The connection of a client that is not linked yet: its codes, the phone that reads one, and the signed identity.

By QR code: the client shows a reference of the server and its own keys, and a phone scans them. By phone number: the
client asks for a reference for somebody's number and shows a code of eight characters, which a person types into that
phone. Either way the phone then signs the device's identity, the device signs it too, and the stream error 515 tells
the client to connect again and log in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from diagnostics.simulator.core.connection import Connection
from diagnostics.simulator.core.device_offer import DeviceOffer
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.faults.actions import BadHmac, Drop, Event, Silence, StreamError
from diagnostics.simulator.protocol.iq_stanzas import SERVER_JID, error, result
from diagnostics.simulator.protocol.qr_code import QrCode
from diagnostics.simulator.protocol.registration import Registration
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.simulator_errors import ProtocolError, ScanRefused
from diagnostics.simulator.world.account import Account

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.link_code import Hello, LinkCode

_STAGE = "link_code_companion_reg"


class LinkingContext(ServerContext, Protocol):
    """What linking needs of the server."""

    def new_references(self, linking: DeviceLinking, now: float) -> dict[str, float]:
        """New references for QR codes, with the time when each expires, unix seconds."""

    def devices_changed(self, account: Account, now: float) -> None:
        """Tell all clients that the account's list of devices has changed."""


class DeviceLinking:
    """The pairing of one client. `protocol.link_code` is imported when a client first asks for it.

    Attributes:
        references: the references of its QR codes, with the time when each expires, unix seconds.
        offer: the identity that a phone has signed, which the device has to sign too; None before.
    """

    def __init__(
        self, connection: Connection, context: LinkingContext, static: bytes, registration: Registration
    ) -> None:
        """`static` is the client's static Noise key."""
        self.references: dict[str, float] = {}
        self.offer: DeviceOffer | None = None
        self._hello: Hello | None = None
        self._code: tuple[LinkCode, Account] | None = None
        self._connection = connection
        self._context = context
        self._static = static
        self._registration = registration
        self._offer_id = ""

    @property
    def waits_for_code_of(self) -> str:
        """The number of the phone into which a person has to type the code, "" if the client asks for none."""
        return self._hello.phone if self._hello is not None and self._connection.pairing else ""

    def begin(self, now: float) -> None:
        """Send the client the references for its QR codes."""
        self.references = self._context.new_references(self, now)
        references = (leaf("ref", ref.encode()) for ref in self.references)
        self._set(element("pair-device", *references), now, xmlns="md")

    def expire(self, now: float) -> None:
        """The last QR code has expired: end the connection, unless a phone has read one."""
        if self._connection.pairing and self.offer is None:
            self._connection.out.log("·", "no QR code was scanned in time", now)
            self._connection.close(now)

    def scanned(self, code: QrCode, account: Account, now: float) -> None:
        """The phone of `account` has read `code`, whose reference belongs to this connection.

        Raises:
            ScanRefused: the code belongs to another client, has expired, or was scanned before.
        """
        self._check_not_scanned()
        if now >= self.references[code.ref]:
            raise ScanRefused("this QR code has expired; scan the one that the client shows now")
        if (code.noise, code.identity) != (self._static, self._registration.identity):
            raise ScanRefused("this QR code does not belong to the client that was given its reference")
        self._answer(account, code.adv_secret, now)

    def typed(self, text: str, account: Account, now: float) -> None:
        """A person has typed a pairing code into the phone of `account`, for which this client has asked.

        Whether it is the right code is known only when the client answers.

        Raises:
            ScanRefused: it is not a pairing code, or the client is being linked already.
            SimulatorError: the account has no room for another device.
        """
        from diagnostics.simulator.protocol.link_code import LinkCode, parse_code  # noqa: PLC0415 - often not needed

        self._check_not_scanned()
        account.check_room_for_device()
        if self._hello is None:
            raise ScanRefused("this client asks for no code")
        code = LinkCode(self._hello, parse_code(text), account.primary.identity, self._context.random)
        self._code = code, account
        notification = element(
            _STAGE,
            leaf("link_code_pairing_wrapped_primary_ephemeral_pub", code.wrapped_ephemeral),
            leaf("primary_identity_pub", account.primary.identity.public),
            leaf("link_code_pairing_ref", self._hello.ref),
            stage="primary_hello",
        )
        out = self._connection.out
        attrs = {"from": SERVER_JID, "type": _STAGE, "id": self._connection.next_id(), "t": out.clock(now)}
        out.say(Node("notification", attrs, (notification,)), now)

    def _check_not_scanned(self) -> None:
        if self.offer is not None or not self._connection.pairing:
            raise ScanRefused("this QR code was scanned before, or its client is gone")

    def _answer(self, account: Account, adv_secret: bytes, now: float) -> None:
        """Have the phone sign the device's identity, and send it to the client."""
        action = account.plan.meet(Event.SCAN, now)
        if isinstance(action, BadHmac):
            adv_secret = self._context.random(32)
        random = self._context.random
        self.offer = DeviceOffer.make(account, self._registration, adv_secret, self._static, now, random)
        if isinstance(action, Silence):
            return
        if isinstance(action, Drop):
            self._connection.end(action, now)
            return
        device = self.offer.companion.id
        success = element(
            "pair-success",
            leaf("device-identity", self.offer.container),
            element("device", jid=account.device_jid(device), lid=account.device_lid(device)),
            element("platform", name="android"),
        )
        self._offer_id = self._set(success, now, t=self._connection.out.clock(now))

    def heard(self, node: Node, now: float) -> None:
        """An `<iq>` from the client.

        Raises:
            ProtocolError: the device's signature of its identity is wrong.
        """
        out = self._connection.out
        if node.get("type") == "set":
            out.say(self._by_number(node, now), now)
            self._finish_code(node, now)
        elif node.get("type") == "get":
            # Only a keepalive is answered: without an answer the connection would look lost.
            out.say(result(node) if node.get("xmlns") == "w:p" else error(node, 401), now)
        elif self.offer is not None and node.get("id") == self._offer_id:
            self._signed(self.offer, node, now)
        # everything else acknowledges the references

    def _by_number(self, node: Node, now: float) -> Node:
        """The answer to a step of linking by phone number."""
        from diagnostics.simulator.protocol.link_code import Hello  # noqa: PLC0415 - often not needed

        request = node.child(_STAGE)
        if node.get("xmlns") != "md" or request is None:
            return error(node, 400)
        if request.get("stage") == "companion_finish":
            return error(node, 400) if self._code is None else result(node)
        account = self._context.directory.find(request.get("jid"))
        if account is None:
            return error(node, 404)
        hello = Hello.read(request, account[0].phone, self._context.random(16).hex().encode())
        if hello is None or hello.noise != self._static or request.get("stage") != "companion_hello":
            return error(node, 400)
        self._hello, self._code = hello, None
        self._log(f"the client asks for a code to be typed into the phone of {hello.phone}", now)
        return result(node, element(_STAGE, leaf("link_code_pairing_ref", hello.ref)))

    def _finish_code(self, node: Node, now: float) -> None:
        """The client has answered the phone, which shows whether the code was right."""
        finish = node.child(_STAGE)
        if finish is None or finish.get("stage") != "companion_finish" or self._code is None or self.offer is not None:
            return
        bundle, ref = finish.child("link_code_pairing_wrapped_key_bundle"), finish.child("link_code_pairing_ref")
        code, account = self._code
        self._code = None
        if bundle is None or ref is None or ref.data != code.hello.ref:
            self._log("the client's answer belongs to no code that was typed", now)
            return
        adv_secret = code.adv_secret(bundle.data, self._registration.identity)
        if adv_secret is None:
            self._log("the phone cannot read the answer: the code that was typed is wrong", now)
            return
        self._answer(account, adv_secret, now)

    def _signed(self, offer: DeviceOffer, node: Node, now: float) -> None:
        signed = node.child("pair-device-sign", "device-identity")
        if signed is None:
            self._log("the client refused the identity that the phone signed", now)
            return
        if not offer.accepted_by(signed.data):
            raise ProtocolError("the device's signature of its identity is wrong")
        offer.account.link(offer.companion)
        self._context.devices_changed(offer.account, now)
        self._connection.end(StreamError(515), now)

    def _set(self, child: Node, now: float, **attrs: str) -> str:
        """Send an `<iq type="set">`; returns its id."""
        number = self._connection.next_id()
        node = Node("iq", {"from": SERVER_JID, "type": "set", "id": number, **attrs}, (child,))
        self._connection.out.say(node, now)
        return number

    def _log(self, text: str, now: float) -> None:
        self._connection.out.log("·", text, now)
