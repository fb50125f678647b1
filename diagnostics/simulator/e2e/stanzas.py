"""Messages as stanzas: what a client hands over, read with a device's keys; and what a client is given.

A client encrypts a message for each device and hands all ciphertexts over in one stanza:

    <message id to type phash?>
      <participants><to jid><enc v=2 type="pkmsg|msg" mediatype?/></to>…</participants>
      <enc v=2 type="skmsg"/>                     to a group: the message itself, the copies above have its sender key
      <device-identity/>                          with a first message ("pkmsg") of a companion
    </message>

or, for one device, `<enc>` alone. Each device is given what is for it:

    <message id from participant? type t notify …><enc/>…<device-identity/></message>
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from diagnostics.simulator.e2e import linked, payload
from diagnostics.simulator.e2e.device import Device
from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.e2e.formats import PreKeyMessage
from diagnostics.simulator.e2e.proto import Message
from diagnostics.simulator.keys import Random
from diagnostics.simulator.stanza import Node, element, leaf

if TYPE_CHECKING:
    from diagnostics.simulator.accounts import Bundle

_VERSION = "2"  # of the payload: padded, and a Message


@dataclass(frozen=True, slots=True)
class Party:
    """A device, or an account, by its two addresses: "15550000001:1@s.whatsapp.net", "100000000000002:1@lid".

    Device 0 is written without its number. `Party.of` takes either spelling.
    """

    jid: str
    lid: str

    @classmethod
    def of(cls, jid: str, lid: str) -> Party:
        return cls(plain(jid), plain(lid))

    @property
    def account(self) -> Party:
        return Party(account_of(self.jid), account_of(self.lid))


@dataclass(frozen=True, slots=True)
class Received:
    """A message as one device reads it.

    Attributes:
        id: the sender's own.
        chat: JID of the group, or of the account to which the client sent it, of its two addresses the one it used.
        sender: the sending device.
        message: the plain `Message`; of an own device's copy the message that it holds.
        own_copy: the sender is another device of the same account.
    """

    id: str
    chat: str
    sender: Party
    message: Any
    own_copy: bool

    @property
    def text(self) -> str:
        """What a person reads: text or caption."""
        return payload.text_of(self.message)


# ---- addresses


def plain(jid: str) -> str:
    """A JID in its one spelling: device 0 without its number."""
    return jid.replace(":0@", "@")


def account_of(jid: str) -> str:
    """The JID without the device."""
    address, _, server = jid.partition("@")
    return f"{address.partition(':')[0]}@{server}"


def is_group(jid: str) -> bool:
    return jid.endswith("@g.us")


def participant_hash(devices: Iterable[str]) -> str:
    """The `phash` over all devices of a chat, the sender's own among them: both sides see whether they agree.

    Version 2: the beginning of the SHA-256 of the sorted JIDs in the form "user.0:device@server".
    """
    spelled = []
    for jid in devices:
        address, _, server = jid.partition("@")
        user, _, number = address.partition(":")
        spelled.append(f"{user}.0:{number or 0}@{server}")
    digest = hashlib.sha256("".join(sorted(spelled)).encode()).digest()
    return "2:" + base64.b64encode(digest[:6]).decode().rstrip("=")


# ---- what a client hands over


def recipients(node: Node) -> tuple[str, ...]:
    """JIDs of the devices for which the stanza has a ciphertext of their own.

    A stanza without a list is for the one device that it is addressed to, or, to a group, for all who have its key.
    """
    listed = node.child("participants")
    if listed is not None:
        return tuple(plain(to.get("jid")) for to in listed.children if to.tag == "to")
    only = _only(node)
    return (only,) if only else ()


def ciphertexts(node: Node, recipient: Party) -> tuple[Node, ...]:
    """The `<enc>` for this device: its own first, then the one for the whole group."""
    mine = {plain(recipient.jid), plain(recipient.lid)}
    listed = node.child("participants")
    own = (to.children for to in (listed.children if listed else ()) if plain(to.get("jid")) in mine)
    shared = node.children if _only(node) in {None, *mine} else ()
    return tuple(child for part in (*own, shared) for child in part if child.tag == "enc")


def _only(node: Node) -> str | None:
    """The one device that the stanza's own `<enc>` is for, None where it is for a whole group."""
    to = node.get("to")
    if not is_group(to):
        return plain(to)
    return plain(node.get("participant")) or None  # a message that one member was sent again


def read(device: Device, recipient: Party, sender: Party, node: Node, account_key: bytes | None = None) -> Received:
    """The message in a stanza that `sender` handed over, as `recipient` reads it with the keys in `device`.

    Args:
        account_key: identity key of the sender's account; then a companion's first message must prove that the
            companion is linked to it, as WhatsApp's own apps demand.

    Raises:
        AlreadyReceived: this device has read it before.
        Undecipherable: nothing is in it for this device, or nothing that it can read.
    """
    to, address = node.get("to"), sender.lid
    encrypted = ciphertexts(node, recipient)
    if not encrypted:
        raise Undecipherable(f"the message {node.get('id')[:40]} has nothing for the device {recipient.lid}")
    message: Any = None
    for enc in encrypted:
        if enc.get("v") != _VERSION:
            raise Undecipherable(f'a ciphertext is of version "{enc.get("v")[:20]}", not {_VERSION}')
        if enc.get("type") == "skmsg":
            message = payload.unpad(device.decrypt_from_group(to, address, enc.data))
            continue
        if account_key is not None and enc.get("type") == "pkmsg" and ":" in sender.lid:
            identity = node.child("device-identity")
            linked.check(identity.data if identity else b"", account_key, PreKeyMessage.read(enc.data).identity)
        message = payload.unpad(device.decrypt(address, enc.get("type"), enc.data))
        if is_group(to) and message.HasField("senderKeyDistributionMessage"):
            key = message.senderKeyDistributionMessage
            device.learn(to, address, key.axolotlSenderKeyDistributionMessage)
    own = recipient.account == sender.account
    message, destination = payload.original(message)
    if destination and not own:
        raise Undecipherable("a copy for the sender's own devices came from somebody else")
    chat = account_of(destination or node.get("recipient") or to)
    return Received(node.get("id"), chat, sender, message, own)


# ---- what a client is given


def seal(
    device: Device, address: str, message: Any, bundle: Callable[[], Bundle | None], random: Random, count: int = 0
) -> Node:
    """The `<enc>` in which `device` sends the message to the device with that address.

    Args:
        bundle: gives the bundle of that device; called where there is no session yet.
        count: number of the retry, 0 for none.

    Raises:
        UnusableBundle: it gave none, or one that is wrong.
    """
    kind, ciphertext = device.encrypt(address, payload.pad(message, random), bundle)
    return _enc(kind, ciphertext, payload.media_of(message), count)


@dataclass(frozen=True, slots=True)
class SealedForGroup:
    """A message to a group.

    Attributes:
        key: the `Message` with the sender key, to be sealed for each device that does not have it yet; sent to one
            that has it, it does no harm.
        enc: the `<enc>` for all, which goes behind it.
    """

    key: Any
    enc: Node


def seal_for_group(device: Device, group: str, message: Any, random: Random) -> SealedForGroup:
    key = sender_key_message(device, group)
    ciphertext = device.encrypt_for_group(group, payload.pad(message, random))
    return SealedForGroup(key, _enc("skmsg", ciphertext, payload.media_of(message), 0))


def sender_key_message(device: Device, group: str) -> Any:
    """The `Message` by which others can read what `device` writes to the group from now on."""
    key = {"groupId": group, "axolotlSenderKeyDistributionMessage": device.distribution(group)}
    return Message(senderKeyDistributionMessage=key)


def _enc(kind: str, ciphertext: bytes, media: str, count: int) -> Node:
    return leaf("enc", ciphertext, v=_VERSION, type=kind, mediatype=media, count=str(count) if count else "")


def deliver(
    encrypted: Iterable[Node],
    *,
    id: str,  # noqa: A002 - the attribute's name
    sender: Party,
    now: float,
    kind: str = "text",
    name: str = "",
    group: str = "",
    chat: Party | None = None,
    addressing: Literal["lid", "pn"] = "lid",
    signed_identity: bytes = b"",
    extra: Iterable[Node] = (),
    **attrs: str,
) -> Node:
    """The `<message>` that a device is given.

    Args:
        encrypted: its `<enc>` nodes, see `seal`, or `ciphertexts` of a stanza that another client handed over.
        sender: the sending device.
        now: unix seconds, when the server took the message.
        kind: the stanza's type, see `payload.kind_of`.
        name: the sender's push name.
        group: JID of the group, "" for a message between two people.
        chat: whom an own device has written to, for a copy; else None.
        addressing: which of its two addresses the sender has in this chat; the other one goes along.
        signed_identity: of the sending companion; part of the stanza where a ciphertext is a "pkmsg".
        extra: further children, such as `<meta>`.
        attrs: further attributes, such as edit="1" or offline="0"; those that are "" are left out.
    """
    encrypted = tuple(encrypted)
    main, other, suffix = (sender.lid, sender.jid, "pn") if addressing == "lid" else (sender.jid, sender.lid, "lid")
    addresses = {"from": main, f"sender_{suffix}": other}
    if group:
        addresses = {"from": group, "participant": main, f"participant_{suffix}": other, "addressing_mode": addressing}
    elif chat is not None:
        peer, peer_other = (chat.lid, chat.jid) if addressing == "lid" else (chat.jid, chat.lid)
        addresses = {"from": main, "recipient": peer, f"peer_recipient_{suffix}": peer_other}
    children = list(encrypted)
    if signed_identity and any(enc.get("type") == "pkmsg" for enc in encrypted):
        children.append(leaf("device-identity", signed_identity))
    attrs = {**addresses, "id": id, "type": kind, "t": str(int(now)), "notify": name, **attrs}
    return element("message", *children, *extra, **attrs)
