"""The phones that the server plays: they decrypt what they are sent, and write to others, encrypted end to end.

Every account has one `PlayedPhone`, which is created when it is first needed. What a phone decrypts goes to the
`inbox` of its account; what it writes is encrypted for every device of the recipients and given to `device_delivery`.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, Protocol

from diagnostics.simulator.core.device_delivery import DeviceDelivery
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.core.settings_sync import SettingsSync
from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.addresses import AddressPair, is_group
from diagnostics.simulator.protocol.e2e import encrypted_files, encrypted_messages, payload, retry_receipts
from diagnostics.simulator.protocol.e2e.device import Device
from diagnostics.simulator.protocol.e2e.encryption_errors import AlreadyReceived, Undecipherable, UnusableBundle
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.simulator_errors import ProtocolError, SimulatorError
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion
from diagnostics.simulator.world.chat_history import history_files
from diagnostics.simulator.world.group import Group
from diagnostics.simulator.world.media_store import Media, direct_path
from diagnostics.simulator.world.message_records import PlainMessage, Receipt

_RETRIES_KEPT = 1_000  # messages that could not be decrypted
_HISTORY = "md-msg-hist"


class PhoneContext(ServerContext, Protocol):
    """What a phone needs of the server."""

    devices: DeviceDelivery
    shared_settings: SettingsSync


class PlayedPhone:
    """One phone, with its sessions and what it has sent.

    Attributes:
        account: whose phone it is.
        addresses: of the phone.
        device: its sessions and sender keys.
        written: the last 10,000 messages that were written on it.
    """

    def __init__(self, account: Account, context: PhoneContext) -> None:
        self.account = account
        self.addresses = account.device_addresses(0)
        self.device = Device(account.primary, context.random)
        self._context = context
        self.written: deque[PlainMessage] = deque(maxlen=self.account.inbox.maxlen)
        self._sent = retry_receipts.SentMessages()
        self._retries: dict[str, int] = {}

    def receive(self, node: Node, sender: AddressPair, account: Account, now: float) -> Iterator[Node]:
        """Decrypt a client's `<message>` and put it into the inbox.

        Args:
            node: the message.
            sender: the client's device.
            account: the client's account.
            now: unix seconds.

        Yields:
            The receipts for the sender.
        """
        try:
            identity = account.primary.identity.public
            received = encrypted_messages.read(self.device, self.addresses, sender, node, identity)
        except AlreadyReceived as problem:  # sent again because an acknowledgement was lost
            self._context.note(f"the phone of {self.account.phone} drops {node.get('id')[:40]}: {problem}", now)
            return
        except Undecipherable as problem:
            count = self._retries[node.get("id")] = self._retries.pop(node.get("id"), 0) + 1
            while len(self._retries) > _RETRIES_KEPT:
                self._retries.pop(next(iter(self._retries)))
            self._context.note(f"the phone of {self.account.phone} cannot read {node.get('id')[:40]}: {problem}", now)
            if count < retry_receipts.MAX_RETRIES:
                bundle = self.account.primary.bundle()
                yield retry_receipts.request(
                    self.device, node, self.addresses, bundle, sender=sender, now=now, count=count
                )
            return
        message = _plain(received.id, received.chat, sender.jid, received.message, now, from_me=received.own_copy)
        self._put_into_inbox(self.account, message)
        if not received.own_copy:
            group = received.chat if is_group(received.chat) else ""
            yield self._receipt(received.id, group, now)

    def asked_again(self, node: Node, account: Account, companion: Companion, now: float) -> Iterator[Node]:
        """A device of `account` could not decrypt a message of this phone: yield the message again, if it is known."""
        try:
            asked = retry_receipts.RetryRequest.read(node)
            sent = self._sent.find(asked.id)
            if sent is None or asked.count >= retry_receipts.MAX_RETRIES:
                return
            group = node.get("to") if is_group(node.get("to")) else ""
            address = account.device_addresses(companion.id).lid
            enc = retry_receipts.answer(
                self.device, address, asked, sent, companion.bundle, self._context.random, group
            )
        except (ProtocolError, UnusableBundle) as problem:
            device = account.device_jid(companion.id)
            self._context.note(f"{device} asks for a message again, and cannot be answered: {problem}", now)
            return
        yield self._stanza(asked.id, [enc], sent, now, group=group)

    def asked_by_device(self, node: Node, companion: Companion, now: float) -> None:
        """An own device has sent this phone a message that is not for people, such as a request for the sync key."""
        sender = self.account.device_addresses(companion.id)
        key = self.account.primary.identity.public
        try:
            content = encrypted_messages.read(self.device, self.addresses, sender, node, key).message
        except (AlreadyReceived, Undecipherable) as problem:
            self._context.note(f"{sender.jid} asks its phone for something that the phone cannot read: {problem}", now)
            return
        if self._context.settings.share_settings and content.protocolMessage.HasField("appStateSyncKeyRequest"):
            self.share_settings(companion, now)

    def share_settings(self, companion: Companion, now: float) -> None:
        """Send an own device the key to the account's shared settings. The device then asks for all collections."""
        companion.has_sync_key = True
        key = self._context.shared_settings.of(self.account, now).share(now)
        self._tell_own_device(companion.id, key, now)

    def share_history(self, companion: Companion, now: float) -> None:
        """Send an own device the chats of this phone."""
        companion.has_history = True
        for data, described in history_files(self.account, self.written, self._context.directory):
            target = self._context.media.open_file()
            attachment = encrypted_files.encrypt(BytesIO(data), target, "history", self._context.random)
            stored = self._store(attachment, target, _HISTORY)
            notification = {
                "fileSha256": attachment.sha256,
                "fileLength": attachment.size,
                "mediaKey": attachment.key,
                "fileEncSha256": attachment.encrypted_sha256,
                "directPath": stored.path,
                **described,
            }
            kind = wire.Message.ProtocolMessage.Type.Value("HISTORY_SYNC_NOTIFICATION")
            content = wire.Message(protocolMessage={"type": kind, "historySyncNotification": notification})
            self._tell_own_device(companion.id, content, now)

    def mark_read(self, message: PlainMessage, now: float) -> None:
        """A person reads a message of the inbox: send the sender a receipt.

        Raises:
            SimulatorError: the sender is the account itself, or is not on this server.
        """
        found = self._context.directory.find(message.sender)
        if found is None or message.from_me:
            raise SimulatorError("nobody wants to know whether this message was read")
        sender = found[0]
        group = message.chat if is_group(message.chat) else ""
        sender.receipts.append(Receipt((message.id,), self.addresses.jid, "read", now))
        for number in sender.companions:
            self._context.devices.give(sender, number, self._receipt(message.id, group, now, "read"), now)

    def write(self, to: Account | Group, content: Any, now: float) -> str:
        """Send a `Message` to all devices of an account or a group, and copies to the account's own devices.

        Returns:
            The id of the message.

        Raises:
            SimulatorError: the account is not a member of the group.
        """
        number = self._new_id(content)
        group = to if isinstance(to, Group) else None
        if group is not None and self.account.lid not in group.members:
            raise SimulatorError(f"{self.account.phone} is not a member of {group.jid}")
        random = self._context.random
        for_all = encrypted_messages.seal_for_group(self.device, group.jid, content, random) if group else None
        others = list(group.members.values()) if group else [to] if isinstance(to, Account) else []
        chat = group.jid if group else ""
        sender = self.addresses.jid
        self.written.append(_plain(number, chat or others[0].phone, sender, content, now, from_me=True))
        for account in others:
            if self.account.lid_jid in account.blocked:
                continue
            if account is not self.account:
                self._put_into_inbox(account, _plain(number, chat or self.account.jid, sender, content, now))
            for device in account.companions:
                inner = for_all.key if for_all else content
                encrypted = [*self._seal(account, device, inner), *([for_all.enc] if for_all else [])]
                self._context.devices.give(
                    account, device, self._stanza(number, encrypted, content, now, group=chat), now
                )
        if not group and isinstance(to, Account) and to is not self.account:
            copy, with_whom = payload.own_copy(content, to.lid_jid), to.device_addresses(0)
            for device in self.account.companions:
                node = self._stanza(number, self._seal(self.account, device, copy), content, now, chat=with_whom)
                self._context.devices.give(self.account, device, node, now)
        return number

    def upload(self, attachment: encrypted_files.Attachment, target: BinaryIO, mimetype: str, caption: str) -> Any:
        """Store an encrypted file on the media host.

        Args:
            attachment: the description of the file.
            target: the encrypted file.
            mimetype: of the plain file.
            caption: "" for none.

        Returns:
            The `Message` that carries the file.
        """
        path = self._store(attachment, target, attachment.kind).path
        fields = {"caption": caption} if caption else {}
        return replace(attachment, path=path).message(f"https://{wire.MEDIA_HOST}{path}", mimetype, **fields)

    def save(self, message: PlainMessage, target: BinaryIO) -> None:
        """Decrypt the file of a message of the inbox and write it to `target`.

        Raises:
            SimulatorError: the message has no file, or the file was deleted.
            Undecipherable: the file is not the one that the message describes.
        """
        attachment = encrypted_files.Attachment.of(message.content)
        stored = None if attachment is None else self._context.media.stored(attachment.path)
        if attachment is None or stored is None:
            raise SimulatorError("this message carries no file, or the file is not here any more")
        stored.file.seek(0)
        encrypted_files.decrypt(stored.file, target, attachment)

    def typing(self, to: Account, now: float, *, typing: bool) -> None:
        """Tell somebody that the account is typing, or has stopped."""
        state = element("composing" if typing else "paused")
        self._context.devices.tell_online(to, Node("chatstate", {"from": self.addresses.lid}, (state,)), now)

    def forget_sessions(self) -> None:
        """Delete all sessions and sender keys, as reinstalling the app does."""
        self.device = Device(self.account.primary, self._context.random)

    def _new_id(self, content: Any) -> str:
        """An id for a message, which is remembered for devices that ask for it again."""
        number = "3A" + self._context.random(9).hex().upper()
        self._sent.remember(number, content)
        return number

    def _tell_own_device(self, device: int, content: Any, now: float) -> None:
        """Send a `Message` that is not for people to an own device."""
        number = self._new_id(content)
        encrypted = self._seal(self.account, device, content)
        node = encrypted_messages.deliver(encrypted, id=number, sender=self.addresses, now=now, category="peer")
        self._context.devices.give(self.account, device, node, now)

    def _store(self, attachment: encrypted_files.Attachment, target: BinaryIO, kind: str) -> Media:
        """Store an encrypted file on the media host under the account's name."""
        token = base64.urlsafe_b64encode(attachment.encrypted_sha256).decode()
        path = direct_path(kind, token)
        media = Media(
            account=self.account.phone,
            kind=kind,
            path=path,
            size=target.seek(0, 2),
            sha256=attachment.encrypted_sha256,
            file=target,
            owner=self.account,
        )
        self._context.media.keep(media)
        return media

    def _put_into_inbox(self, account: Account, message: PlainMessage) -> None:
        """Add a message to an inbox, with the phone number or group JID of its chat as this account sees it."""
        found = self._context.directory.find(message.chat)
        chat = found[0].phone if found else message.chat
        if chat == account.phone and not message.from_me:  # the chat is with the sender
            chat = message.sender.partition("@")[0].partition(":")[0]
        account.inbox.append(replace(message, chat=chat))

    def _seal(self, account: Account, device: int, content: Any) -> list[Node]:
        address, companion = account.device_addresses(device).lid, account.companions[device]
        try:
            return [encrypted_messages.seal(self.device, address, content, companion.bundle, self._context.random)]
        except UnusableBundle:
            return []

    def _stanza(
        self,
        number: str,
        encrypted: list[Node],
        content: Any,
        now: float,
        group: str = "",
        chat: AddressPair | None = None,
    ) -> Node:
        return encrypted_messages.deliver(
            encrypted,
            id=number,
            sender=self.addresses,
            now=now,
            kind=payload.kind_of(content),
            name=self.account.name,
            group=group,
            chat=chat,
        )

    def _receipt(self, number: str, group: str, now: float, kind: str = "") -> Node:
        participant = self.addresses.lid if group else ""
        attrs = {"from": group or self.addresses.lid, "participant": participant, "id": number, "type": kind}
        return element("receipt", **{f"{name}_": value for name, value in attrs.items()}, t=str(int(now)))


def _plain(number: str, chat: str, sender: str, content: Any, now: float, *, from_me: bool = False) -> PlainMessage:
    attachment = payload.attachment_of(content)
    kind = attachment[0] if attachment else payload.kind_of(content)
    return PlainMessage(
        id=number,
        sender=sender,
        chat=chat,
        text=payload.text_of(content),
        kind=kind,
        from_me=from_me,
        at=now,
        content=content,
    )


class PlayedPhones:
    """The phones of all accounts of one server."""

    def __init__(self, context: PhoneContext) -> None:
        self._context = context
        self._phones: dict[str, PlayedPhone] = {}

    def of(self, account: Account) -> PlayedPhone:
        """The phone of the account; created when it is first needed."""
        phone = self._phones.get(account.phone)
        if phone is None:
            phone = self._phones[account.phone] = PlayedPhone(account, self._context)
        return phone

    def renew_sender_keys(self, group: Group) -> None:
        """Have the phones of all members use a fresh sender key from now on."""
        for member in group.members.values():
            phone = self._phones.get(member.phone)
            if phone is not None:
                phone.device.renew(group.jid)
