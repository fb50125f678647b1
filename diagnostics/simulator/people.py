"""The phones that the server plays: they read what they are sent and write to others, encrypted end to end."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from diagnostics.simulator.accounts import Account, Companion, PlainMessage, Receipt
from diagnostics.simulator.e2e import media, payload, retry, stanzas
from diagnostics.simulator.e2e.device import Device
from diagnostics.simulator.e2e.errors import AlreadyReceived, Undecipherable, UnusableBundle
from diagnostics.simulator.e2e.stanzas import Party
from diagnostics.simulator.errors import ProtocolError, SimulatorError
from diagnostics.simulator.groups import Group
from diagnostics.simulator.media import Media
from diagnostics.simulator.stanza import Node, element
from diagnostics.simulator.wire import MEDIA_HOST

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub

_RETRIES_KEPT = 1_000  # messages that could not be read


def party_of(account: Account, number: int) -> Party:
    """A device of the account, by its two addresses."""
    return Party.of(account.device_jid(number), account.device_lid(number))


def person(account: Account, hub: Hub) -> Person:
    """Who plays the account's phone."""
    if account.extra is None:
        account.extra = Person(account, hub)
    found: Person = account.extra
    return found


class Person:
    """One phone, with its sessions and what it has sent.

    Attributes:
        written: what a person has written on it; the last 10,000 messages.
    """

    def __init__(self, account: Account, hub: Hub) -> None:
        self.account = account
        self.party = party_of(account, 0)
        self.device = Device(account.primary, hub.random)
        self._hub = hub
        self.written: deque[PlainMessage] = deque(maxlen=self.account.inbox.maxlen)
        self._sent = retry.Sent()
        self._retries: dict[str, int] = {}

    # ---- reading

    def receive(self, node: Node, sender: Party, account: Account, now: float) -> Iterator[Node]:
        """Read a message of a client's; the receipts that the sender gets for it."""
        try:
            received = stanzas.read(self.device, self.party, sender, node, account.primary.identity.public)
        except AlreadyReceived as problem:  # sent again because an acknowledgement was lost
            self._hub.note(f"the phone of {self.account.phone} drops {node.get('id')[:40]}: {problem}", now)
            return
        except Undecipherable as problem:
            count = self._retries[node.get("id")] = self._retries.pop(node.get("id"), 0) + 1
            while len(self._retries) > _RETRIES_KEPT:
                self._retries.pop(next(iter(self._retries)))
            self._hub.note(f"the phone of {self.account.phone} cannot read {node.get('id')[:40]}: {problem}", now)
            if count < retry.MAX_RETRIES:
                bundle = self.account.primary.bundle()
                yield retry.request(self.device, node, self.party, bundle, sender=sender, now=now, count=count)
            return
        self._keep(received.id, received.chat, sender.jid, received.message, now, from_me=received.own_copy)
        if not received.own_copy:
            group = received.chat if stanzas.is_group(received.chat) else ""
            yield self._receipt(received.id, group, now)

    def asked_again(self, node: Node, account: Account, companion: Companion, now: float) -> Iterator[Node]:
        """A device cannot read what this phone has sent it: the message again, in a fresh session."""
        try:
            asked = retry.Asked.read(node)
            sent = self._sent.find(asked.id)
            if sent is None or asked.count >= retry.MAX_RETRIES:
                return
            group = node.get("to") if stanzas.is_group(node.get("to")) else ""
            address = party_of(account, companion.id).lid
            enc = retry.answer(self.device, address, asked, sent, companion.bundle, self._hub.random, group)
        except (ProtocolError, UnusableBundle) as problem:
            device = account.device_jid(companion.id)
            self._hub.note(f"{device} asks for a message again in vain: {problem}", now)
            return
        yield self._stanza(asked.id, [enc], sent, now, group=group)

    def asked_by_device(self, node: Node, companion: Companion, now: float) -> None:
        """An own device wants something of the phone that concerns nobody else. It gets the key to the settings."""
        sender = party_of(self.account, companion.id)
        key = self.account.primary.identity.public
        try:
            content = stanzas.read(self.device, self.party, sender, node, key).message
        except (AlreadyReceived, Undecipherable) as problem:
            self._hub.note(f"{sender.jid} wants something of its phone that it cannot read: {problem}", now)
            return
        if self._hub.settings.share_settings and content.protocolMessage.HasField("appStateSyncKeyRequest"):
            self._hub.share_settings(self.account, companion, now)

    def read(self, message: PlainMessage, now: float) -> None:
        """Say that a person has read it."""
        found = self._hub.directory.find(message.sender)
        if found is None or message.from_me:
            raise SimulatorError("nobody wants to know whether this message was read")
        sender = found[0]
        group = message.chat if stanzas.is_group(message.chat) else ""
        sender.receipts.append(Receipt((message.id,), self.party.jid, "read", now))
        for number in sender.companions:
            self._hub.delivery.give(sender, number, self._receipt(message.id, group, now, "read"), now)

    # ---- writing

    def write(self, to: Account | Group, content: Any, now: float) -> str:
        """Send a `Message` to all devices of an account or a group, and copies to the own ones; its id."""
        number = "3A" + self._hub.random(9).hex().upper()
        self._sent.remember(number, content)
        group = to if isinstance(to, Group) else None
        if group is not None and self.account.lid not in group.members:
            raise SimulatorError(f"{self.account.phone} is no member of {group.jid}")
        for_all = stanzas.seal_for_group(self.device, group.jid, content, self._hub.random) if group else None
        others = list(group.members.values()) if group else [to] if isinstance(to, Account) else []
        chat = group.jid if group else ""
        where = chat or others[0].phone
        self.written.append(self._plain(number, where, self.party.jid, content, now, from_me=True))
        for account in others:
            if self.account.lid_jid in account.blocked:
                continue
            if account is not self.account:
                with_whom = chat or self.account.jid
                person(account, self._hub)._keep(number, with_whom, self.party.jid, content, now)  # noqa: SLF001
            for device in account.companions:
                inner = for_all.key if for_all else content
                encrypted = [*self._seal(account, device, inner), *([for_all.enc] if for_all else [])]
                self._hub.delivery.give(account, device, self._stanza(number, encrypted, content, now, group=chat), now)
        if not group and isinstance(to, Account) and to is not self.account:
            copy = payload.own_copy(content, to.lid_jid)
            for device in self.account.companions:
                node = self._stanza(number, self._seal(self.account, device, copy), content, now, chat=party_of(to, 0))
                self._hub.delivery.give(self.account, device, node, now)
        return number

    def tell_own_device(self, device: int, content: Any, now: float) -> None:
        """A message of the phone's to one of its own devices, which no person sees."""
        number = "3A" + self._hub.random(9).hex().upper()
        self._sent.remember(number, content)
        encrypted = self._seal(self.account, device, content)
        node = stanzas.deliver(encrypted, id=number, sender=self.party, now=now, category="peer")
        self._hub.delivery.give(self.account, device, node, now)

    def upload(self, attachment: media.Attachment, target: BinaryIO, mimetype: str, caption: str) -> Any:
        """Give an encrypted file to the media host; the `Message` that carries it."""
        kind = attachment.kind
        token = base64.urlsafe_b64encode(attachment.encrypted_sha256).decode()
        path = f"/v/t62.7118-24/{kind}/{token}?ccb=11-4&oh=01&oe=66"
        size = target.seek(0, 2)
        stored = Media(self.account.phone, kind, path, size, attachment.encrypted_sha256, target, self.account)
        self._hub.media.keep(stored)
        fields = {"caption": caption} if caption else {}
        return replace(attachment, path=path).message(f"https://{MEDIA_HOST}{path}", mimetype, **fields)

    def save(self, message: PlainMessage, target: BinaryIO) -> None:
        """Decrypt the file that a message carries."""
        attachment = media.Attachment.of(message.content)
        stored = None if attachment is None else self._hub.media.stored(attachment.path)
        if attachment is None or stored is None:
            raise SimulatorError("this message carries no file, or the file is not here any more")
        stored.file.seek(0)
        media.decrypt(stored.file, target, attachment)

    def typing(self, to: Account, now: float, *, typing: bool) -> None:
        """Write to somebody, or do no more."""
        state = element("composing" if typing else "paused")
        self._hub.delivery.told(to, Node("chatstate", {"from": self.party.lid}, (state,)), now)

    def forget(self) -> None:
        """Lose all sessions."""
        self.device = Device(self.account.primary, self._hub.random)

    # ----

    def _keep(self, number: str, chat: str, sender: str, content: Any, now: float, *, from_me: bool = False) -> None:
        found = self._hub.directory.find(chat)
        where = found[0].phone if found else chat
        if where == self.account.phone and not from_me:  # the chat is with the sender
            where = sender.partition("@")[0].partition(":")[0]
        self.account.inbox.append(self._plain(number, where, sender, content, now, from_me=from_me))

    @staticmethod
    def _plain(number: str, chat: str, sender: str, content: Any, now: float, *, from_me: bool) -> PlainMessage:
        attachment = payload.attachment_of(content)
        kind = attachment[0] if attachment else payload.kind_of(content)
        return PlainMessage(number, sender, chat, payload.text_of(content), kind, from_me, now, content)

    def _seal(self, account: Account, device: int, content: Any) -> list[Node]:
        address, companion = party_of(account, device).lid, account.companions[device]
        try:
            return [stanzas.seal(self.device, address, content, companion.bundle, self._hub.random)]
        except UnusableBundle:
            return []

    def _stanza(
        self, number: str, encrypted: list[Node], content: Any, now: float, group: str = "", chat: Party | None = None
    ) -> Node:
        return stanzas.deliver(
            encrypted,
            id=number,
            sender=self.party,
            now=now,
            kind=payload.kind_of(content),
            name=self.account.name,
            group=group,
            chat=chat,
        )

    def _receipt(self, number: str, group: str, now: float, kind: str = "") -> Node:
        participant = self.party.lid if group else ""
        attrs = {"from": group or self.party.lid, "participant": participant, "id": number, "type": kind}
        return element("receipt", **{f"{name}_": value for name, value in attrs.items()}, t=str(int(now)))
