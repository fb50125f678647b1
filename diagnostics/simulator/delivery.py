"""Between people: messages, receipts and presences find their way to the devices that they are for.

A device is either a client's (its ciphertexts are handed on as they are) or a phone, which the server plays (`people`).
What a client's device has not acknowledged is kept, and given to it again at its next login, as WhatsApp does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnostics.simulator.accounts import Account, Companion, Receipt
from diagnostics.simulator.e2e import stanzas
from diagnostics.simulator.e2e.stanzas import Party
from diagnostics.simulator.iq import SERVER_JID
from diagnostics.simulator.people import Person, party_of, person
from diagnostics.simulator.stanza import Node, element

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub
    from diagnostics.simulator.stream import Stream

_KEPT = 10_000  # stanzas that wait for one device
_TO_PHONE = frozenset({"peer_msg", "hist_sync"})  # receipts of what the phone alone has to do with
_HANDED_ON = frozenset({"meta", "biz", "bot", "verified_name", "multicast"})


class Delivery:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    # ---- what clients hand over

    def message(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """A `<message>` that was acknowledged, from a client's device."""
        sender = party_of(account, companion.id)
        for recipient, number in self._recipients(node):
            if (recipient, number) == (account, companion.id) or account.lid_jid in recipient.blocked:
                continue
            if number == 0:
                answer = self._person(recipient).receive(node, sender, account, now)
                for receipt in answer:
                    self._to(account, companion.id, receipt, now)
            elif number in recipient.companions:
                party = party_of(recipient, number)
                encrypted = stanzas.ciphertexts(node, party)
                if encrypted:
                    self._to(recipient, number, self._handed_on(node, encrypted, account, sender, recipient, now), now)

    def to_phone(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """A `<message>` of a device to its own phone, which is none between people."""
        if self._hub.directory.find(node.get("to")) == (account, 0):
            self._person(account).asked_by_device(node, companion, now)

    def receipt(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """A `<receipt>` of a client's device, which acknowledges the message as well."""
        self.acknowledged(companion, "message", node.get("id"), node.get("to"))
        sender, to = party_of(account, companion.id), node.get("to")
        found = self._hub.directory.find(node.get("participant") or to)
        if found is None:
            return
        recipient, number = found
        if recipient is not account:
            listed = node.child("list")
            ids = (node.get("id"), *(item.get("id") for item in (listed.children if listed else ())))
            recipient.receipts.append(Receipt(ids, sender.jid, node.get("type"), now))
        if node.get("type") == "retry" and number == 0:
            for answer in self._person(recipient).asked_again(node, account, companion, now):
                self._to(account, companion.id, answer, now)
            return
        if node.get("type") in _TO_PHONE:
            return
        group = to if stanzas.is_group(to) else ""
        attrs = {
            "from": group or sender.lid,
            "participant": sender.lid if group else "",
            "id": node.get("id"),
            "type": node.get("type"),
            "t": str(int(now)),
        }
        handed_on = Node("receipt", {name: value for name, value in attrs.items() if value}, node.content)
        for device in [number] if node.get("type") == "retry" else list(recipient.companions):
            if (recipient, device) != (account, companion.id) and device in recipient.companions:
                self._to(recipient, device, handed_on, now)

    def presence(self, node: Node, account: Account, device: str, now: float) -> None:
        """A `<presence>`: somebody is there or not, or asks about somebody else."""
        if node.get("type") == "subscribe":
            found = self._hub.directory.find(node.get("to"))
            if found is not None:
                found[0].watchers[device] = node.get("to")
                self._tell_watcher(found[0], device, now)
            return
        account.name = node.get("name")[:100] or account.name
        self.available(account, available=node.get("type") != "unavailable", now=now)

    def chat_state(self, node: Node, account: Account, companion: Companion, now: float) -> None:
        """A `<chatstate>`: somebody writes, or does no more."""
        found = self._hub.directory.find(node.get("to"))
        if found is not None:
            self.told(found[0], Node("chatstate", {"from": party_of(account, companion.id).lid}, node.content), now)

    # ---- what people do

    def available(self, account: Account, *, available: bool, now: float) -> None:
        """They are there, or not; who has asked is told."""
        if account.available or available:
            account.last_seen = now
        account.available = available
        for device in tuple(account.watchers):
            self._tell_watcher(account, device, now)

    def told(self, account: Account, node: Node, now: float) -> None:
        """Something for now or never, for all devices of the account that are there."""
        for stream in self._hub.streams(account):
            stream.tell(node, now)

    def give(self, account: Account, number: int, node: Node, now: float) -> None:
        """Something for one device, now or at its next login."""
        self._to(account, number, node, now)

    # ---- devices that come back

    def ready(self, stream: Stream, companion: Companion, now: float) -> None:
        """A login is complete: the device is given what has waited for it."""
        waiting = list(companion.waiting.values())
        if not waiting:
            return
        count = str(len(waiting))
        tags = [node.tag for node in waiting]
        preview = {tag: str(tags.count(tag)) for tag in ("message", "receipt", "notification")}
        stream.tell(
            element("ib", element("offline_preview", count=count, appdata="0", **preview), from_=SERVER_JID), now
        )
        for number, node in enumerate(waiting):
            stream.tell(Node(node.tag, {**node.attrs, "offline": str(number)}, node.content), now)
        stream.tell(element("ib", element("offline", count=count), from_=SERVER_JID), now)

    @staticmethod
    def acknowledged(companion: Companion, tag: str, number: str, sender: str) -> None:
        """The device has got it."""
        companion.waiting.pop((tag, number, stanzas.plain(sender)), None)

    # ----

    def _to(self, account: Account, number: int, node: Node, now: float) -> None:
        companion = account.companions.get(number)
        if companion is None:
            return
        companion.waiting[node.tag, node.get("id"), stanzas.plain(node.get("from"))] = node
        while len(companion.waiting) > _KEPT:
            companion.waiting.popitem(last=False)
        stream = self._hub.stream_of(account, number)
        if stream is not None:
            stream.tell(node, now)

    def _recipients(self, node: Node) -> list[tuple[Account, int]]:
        """The devices that a message is for. To a group also those that need no key any more."""
        directory = self._hub.directory
        found = [found for jid in stanzas.recipients(node) if (found := directory.find(jid)) is not None]
        group = directory.group(node.get("to"))
        if group is not None:
            found = [one for one in found if one[0].lid in group.members]
        if group is not None and not node.get("participant"):
            members = group.members.values()
            found += [(member, number) for member in members for number in (0, *member.companions)]
        return list(dict.fromkeys(found))

    def _handed_on(
        self, node: Node, encrypted: tuple[Node, ...], account: Account, sender: Party, recipient: Account, now: float
    ) -> Node:
        to = node.get("to")
        identity = node.child("device-identity")
        chat = None
        if recipient is account and not stanzas.is_group(to):
            found = self._hub.directory.find(node.get("recipient") or to)
            chat = party_of(found[0], 0) if found else None
        return stanzas.deliver(
            encrypted,
            id=node.get("id"),
            sender=sender,
            now=now,
            kind=node.get("type") or "text",
            name=account.name,
            group=to if stanzas.is_group(to) else "",
            chat=chat,
            signed_identity=identity.data if identity else b"",
            edit=node.get("edit"),
            extra=tuple(child for child in node.children if child.tag in _HANDED_ON),
        )

    def _person(self, account: Account) -> Person:
        return person(account, self._hub)

    def _tell_watcher(self, account: Account, device: str, now: float) -> None:
        found = self._hub.directory.find(device)
        stream = self._hub.stream_of(*found) if found else None
        if stream is None:
            return
        attrs = {"from": account.watchers[device]}
        if not account.available:
            attrs |= {"type": "unavailable", "last": str(int(account.last_seen)) if account.last_seen else "deny"}
        stream.tell(Node("presence", attrs), now)
