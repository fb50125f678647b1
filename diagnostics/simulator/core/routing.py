"""Routing between people: what a client sends finds its way to the devices that it is for.

A recipient's device belongs either to a client, which is sent the client's ciphertexts as they are, or is a phone that
the server plays (`played_phone`).
"""

from __future__ import annotations

from typing import Protocol

from diagnostics.simulator.core.device_delivery import DeviceDelivery
from diagnostics.simulator.core.played_phone import PlayedPhones
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.protocol.addresses import AddressPair, is_group
from diagnostics.simulator.protocol.e2e import encrypted_messages
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion
from diagnostics.simulator.world.message_records import Receipt

_TO_PHONE = frozenset({"peer_msg", "hist_sync"})  # types of receipts that are only for the own phone
_PASSED_ON = frozenset({"meta", "biz", "bot", "verified_name", "multicast"})


class RoutingContext(ServerContext, Protocol):
    """What routing needs of the server."""

    devices: DeviceDelivery

    @property
    def phones(self) -> PlayedPhones:
        """The phones that the server plays."""


class Routing:
    """Takes stanzas of clients that are meant for other people or for the own phone."""

    def __init__(self, context: RoutingContext) -> None:
        self._context = context

    def message(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """Deliver a `<message>` that was acknowledged to all its recipients."""
        sender = account.device_addresses(companion.id)
        give = self._context.devices.give
        for recipient, number in self._recipients(node):
            if (recipient, number) == (account, companion.id) or account.lid_jid in recipient.blocked:
                continue
            if number == 0:
                for receipt in self._context.phones.of(recipient).receive(node, sender, account, now):
                    give(account, companion.id, receipt, now)
            elif number in recipient.companions:
                encrypted = encrypted_messages.ciphertexts(node, recipient.device_addresses(number))
                if encrypted:
                    give(recipient, number, self._passed_on(node, encrypted, account, sender, recipient, now), now)

    def to_phone(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """Deliver a `<message>` of a device to its own phone that is not meant for people."""
        if self._context.directory.find(node.get("to")) == (account, 0):
            self._context.phones.of(account).asked_by_device(node, companion, now)

    def receipt(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """Deliver a `<receipt>`, which also acknowledges the message to the server."""
        devices = self._context.devices
        devices.acknowledged(companion, "message", node.get("id"), node.get("to"))
        sender, to = account.device_addresses(companion.id), node.get("to")
        found = self._context.directory.find(node.get("participant") or to)
        if found is None:
            return
        recipient, number = found
        if recipient is not account:
            listed = node.child("list")
            ids = (node.get("id"), *(item.get("id") for item in (listed.children if listed else ())))
            recipient.receipts.append(Receipt(ids, sender.jid, node.get("type"), now))
        if node.get("type") == "retry" and number == 0:
            for answer in self._context.phones.of(recipient).asked_again(node, account, companion, now):
                devices.give(account, companion.id, answer, now)
            return
        if node.get("type") in _TO_PHONE:
            return
        group = to if is_group(to) else ""
        attrs = {
            "from": group or sender.lid,
            "participant": sender.lid if group else "",
            "id": node.get("id"),
            "type": node.get("type"),
            "t": str(int(now)),
        }
        passed_on = Node("receipt", {name: value for name, value in attrs.items() if value}, node.content)
        for device in [number] if node.get("type") == "retry" else list(recipient.companions):
            if (recipient, device) != (account, companion.id) and device in recipient.companions:
                devices.give(recipient, device, passed_on, now)

    def chat_state(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """Pass on a `<chatstate>`: somebody is typing, or has stopped."""
        found = self._context.directory.find(node.get("to"))
        if found is not None:
            state = Node("chatstate", {"from": account.device_addresses(companion.id).lid}, node.content)
            self._context.devices.tell_online(found[0], state, now)

    def _recipients(self, node: Node) -> list[tuple[Account, int]]:
        """The devices that a message is for. To a group these include devices that have its sender key already."""
        directory = self._context.directory
        found = [found for jid in encrypted_messages.recipients(node) if (found := directory.find(jid)) is not None]
        group = directory.group(node.get("to"))
        if group is not None:
            found = [one for one in found if one[0].lid in group.members]
        if group is not None and not node.get("participant"):
            members = group.members.values()
            found += [(member, number) for member in members for number in (0, *member.companions)]
        return list(dict.fromkeys(found))

    def _passed_on(
        self,
        node: Node,
        encrypted: tuple[Node, ...],
        account: Account,
        sender: AddressPair,
        recipient: Account,
        now: float,
    ) -> Node:
        """The `<message>` for one device of `recipient`."""
        to = node.get("to")
        identity = node.child("device-identity")
        chat = None
        if recipient is account and not is_group(to):
            found = self._context.directory.find(node.get("recipient") or to)
            chat = found[0].device_addresses(0) if found else None
        return encrypted_messages.deliver(
            encrypted,
            id=node.get("id"),
            sender=sender,
            now=now,
            kind=node.get("type") or "text",
            name=account.name,
            group=to if is_group(to) else "",
            chat=chat,
            signed_identity=identity.data if identity else b"",
            edit=node.get("edit"),
            extra=tuple(child for child in node.children if child.tag in _PASSED_ON),
        )
