"""Encrypted messages as stanzas: decrypting what a client sends, and building what a client is sent.

A client encrypts a message for each device and sends all ciphertexts in one stanza:

    <message id to type phash?>
      <participants><to jid><enc v=2 type="pkmsg|msg" mediatype?/></to>…</participants>
      <enc v=2 type="skmsg"/>                     to a group: the message itself, the copies above have its sender key
      <device-identity/>                          with a first message ("pkmsg") of a companion
    </message>

or, for one device, `<enc>` alone. The server sends each device its part:

    <message id from participant? type t notify …><enc/>…<device-identity/></message>
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from diagnostics.simulator.protocol.addresses import AddressPair, account_of, is_group, plain
from diagnostics.simulator.protocol.device_identity import identity_problem
from diagnostics.simulator.protocol.e2e import payload
from diagnostics.simulator.protocol.e2e.device import Device
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.e2e.formats import PreKeyMessage
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.protocol.wire import Message
from diagnostics.simulator.simulator_errors import ProtocolError

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.prekeys import Bundle

_VERSION = "2"  # of the payload: padded, and a Message


@dataclass(frozen=True, slots=True)
class Received:
    """A message after one device has decrypted it.

    Attributes:
        id: chosen by the sender.
        chat: JID of the group, or of the account that the client addressed, as the client spelled it.
        sender: the sending device.
        message: the decrypted `Message`; if it is a copy from an own device, the message inside.
        own_copy: the sender is another device of the same account.
    """

    id: str
    chat: str
    sender: AddressPair
    message: Any
    own_copy: bool

    @property
    def text(self) -> str:
        """Its text or caption."""
        return payload.text_of(self.message)


def participant_hash(devices: Iterable[str]) -> str:
    """The `phash` over all devices of a chat, including the sender's: with it client and server compare their lists.

    Version 2: the first 6 bytes of the SHA-256 of the sorted JIDs in the form "user.0:device@server".
    """
    spelled = []
    for jid in devices:
        address, _, server = jid.partition("@")
        user, _, number = address.partition(":")
        spelled.append(f"{user}.0:{number or 0}@{server}")
    digest = hashlib.sha256("".join(sorted(spelled)).encode()).digest()
    return "2:" + base64.b64encode(digest[:6]).decode().rstrip("=")


def recipients(node: Node) -> tuple[str, ...]:
    """JIDs of the devices for which the stanza has a ciphertext of their own.

    A stanza without a list is for the device that it is addressed to; to a group, for all members with its sender key.
    """
    listed = node.child("participants")
    if listed is not None:
        return tuple(plain(to.get("jid")) for to in listed.children if to.tag == "to")
    only = _only(node)
    return (only,) if only else ()


def ciphertexts(node: Node, recipient: AddressPair) -> tuple[Node, ...]:
    """The `<enc>` nodes for this device: its own first, then the one for the whole group."""
    mine = {plain(recipient.jid), plain(recipient.lid)}
    listed = node.child("participants")
    own = (to.children for to in (listed.children if listed else ()) if plain(to.get("jid")) in mine)
    shared = node.children if _only(node) in {None, *mine} else ()
    return tuple(child for part in (*own, shared) for child in part if child.tag == "enc")


def _only(node: Node) -> str | None:
    """The device for which the stanza's own `<enc>` is, None if it is for a whole group."""
    to = node.get("to")
    if not is_group(to):
        return plain(to)
    return plain(node.get("participant")) or None  # a message that is sent to one member again


def read(
    device: Device, recipient: AddressPair, sender: AddressPair, node: Node, account_key: bytes | None = None
) -> Received:
    """Decrypt the stanza `node` of `sender` for `recipient`, whose keys are in `device`.

    Args:
        account_key: identity key of the sender's account. If given, the first message of a companion must prove that
            the companion is linked to this account, as WhatsApp's own apps demand.

    Raises:
        AlreadyReceived: this device has decrypted the message before.
        Undecipherable: the stanza has no ciphertext for this device, or none that it can decrypt.
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
            _check_identity(node, account_key, PreKeyMessage.read(enc.data).identity)
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


def _check_identity(node: Node, account_key: bytes, device_key: bytes) -> None:
    """Raise Undecipherable if the stanza does not prove that the sending companion belongs to that account."""
    identity = node.child("device-identity")
    try:
        problem = identity_problem(identity.data if identity else b"", account_key, device_key)
    except ProtocolError as error:
        problem = str(error)
    if problem:
        raise Undecipherable(problem)


def seal(
    device: Device, address: str, message: Any, bundle: Callable[[], Bundle | None], random: Random, count: int = 0
) -> Node:
    """Encrypt a message from `device` to the device with that address.

    Args:
        bundle: returns the bundle of that device; called if there is no session yet.
        count: number of the retry, 0 for the first attempt.

    Returns:
        The `<enc>` node.

    Raises:
        UnusableBundle: there is no bundle, or it is wrong.
    """
    kind, ciphertext = device.encrypt(address, payload.pad(message, random), bundle)
    return _enc(kind, ciphertext, payload.media_of(message), count)


@dataclass(frozen=True, slots=True)
class SealedForGroup:
    """A message to a group.

    Attributes:
        key: the `Message` with the sender key, to be encrypted with `seal` for each device that may not have it yet.
        enc: the `<enc>` for all members, which comes after it in the stanza.
    """

    key: Any
    enc: Node


def seal_for_group(device: Device, group: str, message: Any, random: Random) -> SealedForGroup:
    """Encrypt a message from `device` to the group with that JID."""
    key = sender_key_message(device, group)
    ciphertext = device.encrypt_for_group(group, payload.pad(message, random))
    return SealedForGroup(key, _enc("skmsg", ciphertext, payload.media_of(message), 0))


def sender_key_message(device: Device, group: str) -> Any:
    """The `Message` with the sender key, with which others can read what `device` writes to the group from now on."""
    key = {"groupId": group, "axolotlSenderKeyDistributionMessage": device.distribution(group)}
    return Message(senderKeyDistributionMessage=key)


def _enc(kind: str, ciphertext: bytes, media: str, count: int) -> Node:
    return leaf("enc", ciphertext, v=_VERSION, type=kind, mediatype=media, count=str(count) if count else "")


def deliver(
    encrypted: Iterable[Node],
    *,
    id: str,  # noqa: A002 - the attribute's name
    sender: AddressPair,
    now: float,
    kind: str = "text",
    name: str = "",
    group: str = "",
    chat: AddressPair | None = None,
    addressing: Literal["lid", "pn"] = "lid",
    signed_identity: bytes = b"",
    extra: Iterable[Node] = (),
    **attrs: str,
) -> Node:
    """Build the `<message>` that one device is sent.

    Args:
        encrypted: its `<enc>` nodes, from `seal`, or from `ciphertexts` of another client's stanza.
        sender: the sending device.
        now: when the server accepted the message, unix seconds.
        kind: the `type` of the stanza, see `payload.kind_of`.
        name: the sender's push name.
        group: JID of the group, "" for a message between two people.
        chat: for a copy of what an own device has sent, the account that it was sent to; else None.
        addressing: which of its two addresses the sender uses in this chat; the other one is a further attribute.
        signed_identity: of the sending companion; added to the stanza if a ciphertext is a "pkmsg".
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
