"""A device cannot read a message, says so, and is sent it again.

    <receipt type="retry" id from|to participant?>
      <retry count id t v="1"/><registration/>
      <keys><type/><identity/><key/><skey/><device-identity?/></keys>      a bundle, for a fresh session
    </receipt>

There is: asking (`request`), reading such a receipt (`Asked.read`), and answering it (`answer`), which always starts
a fresh session, with the bundle in the receipt or else with one of the server's; and a memory of what was sent, in
which an answer finds the message. There is not: asking the own phone for a message instead of its sender.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostics.simulator.accounts import Bundle, PreKey
from diagnostics.simulator.e2e import stanzas
from diagnostics.simulator.e2e.device import Device
from diagnostics.simulator.e2e.proto import Message
from diagnostics.simulator.e2e.stanzas import Party
from diagnostics.simulator.errors import ProtocolError
from diagnostics.simulator.keys import DJB_TYPE, Random
from diagnostics.simulator.stanza import Node, element, leaf

MAX_RETRIES = 5  # of one message; WhatsApp's clients stop asking there
_REMEMBERED = 256  # messages of one device, as whatsmeow


class Sent:
    """What a device sent, for those that ask for it again; the last 256."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages: OrderedDict[str, Any] = OrderedDict()

    def remember(self, id: str, message: Any) -> None:  # noqa: A002 - the attribute's name
        self._messages[id] = message
        while len(self._messages) > _REMEMBERED:
            self._messages.popitem(last=False)

    def find(self, id: str) -> Any | None:  # noqa: A002 - the attribute's name
        return self._messages.get(id)


def request(
    device: Device, node: Node, recipient: Party, bundle: Bundle, *, sender: Party, now: float, count: int = 1
) -> Node:
    """The receipt with which `recipient` asks the client for the message in `node` again.

    Args:
        node: the stanza as the client handed it over.
        recipient: the device that could not read it.
        bundle: one of its own, with a one-time key that nobody else is given.
        sender: the device that sent it; in a chat between two people the receipt just goes there.
        count: how often it has been asked for, this time included.
    """
    group = node.get("to") if stanzas.is_group(node.get("to")) else ""
    keys = [
        leaf("type", DJB_TYPE),
        leaf("identity", bundle.identity),
        *([_key_node("key", bundle.one_time)] if bundle.one_time else []),
        _key_node("skey", bundle.signed),
    ]
    if device.signed_identity:
        keys.append(leaf("device-identity", device.signed_identity))
    own = recipient.account == sender.account
    return element(
        "receipt",
        element("retry", count=str(count), id=node.get("id"), t=str(int(now)), v="1"),
        leaf("registration", bundle.registration.to_bytes(4, "big")),
        element("keys", *keys),
        from_=group or recipient.lid,
        participant=recipient.lid if group else "",
        recipient=node.get("to") if own and not group else "",
        id=node.get("id"),
        type="retry",
        t=str(int(now)),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's retry receipt.

    Attributes:
        id: of the message that it wants again.
        count: how often it has asked, this time included.
        bundle: for a fresh session; None where the receipt has none.
    """

    id: str
    count: int
    bundle: Bundle | None

    @classmethod
    def read(cls, node: Node) -> Asked:
        """
        Raises:
            ProtocolError: it is no retry receipt.
        """
        retry, registration, keys = node.child("retry"), node.child("registration"), node.child("keys")
        count = retry.get("count") if retry else ""
        if retry is None or not (count.isascii() and count.isdigit() and len(count) <= 3):
            raise ProtocolError("a retry receipt does not say which retry it is")
        bundle = None
        if keys is not None:
            identity, signed = keys.child("identity"), keys.child("skey")
            if registration is None or len(registration.data) != 4 or identity is None or signed is None:
                raise ProtocolError("the keys in a retry receipt are not complete")
            one_time = keys.child("key")
            number = int.from_bytes(registration.data, "big")
            bundle = Bundle(number, identity.data, _prekey(signed), _prekey(one_time) if one_time else None)
        return cls(retry.get("id") or node.get("id"), int(count), bundle)


def answer(
    device: Device,
    address: str,
    asked: Asked,
    message: Any,
    fetch: Callable[[], Bundle | None],
    random: Random,
    group: str = "",
) -> Node:
    """The `<enc>` with the message again, for the device that asked, in a fresh session; for `stanzas.deliver`.

    Args:
        fetch: gives a bundle of that device where the receipt has none.
        group: JID of the group, for a message to one. The answer is for the one device, and has the sender key.

    Raises:
        UnusableBundle: there is no bundle, or a wrong one.
    """
    if group:
        again = Message()
        again.CopyFrom(message)
        again.MergeFrom(stanzas.sender_key_message(device, group))
        message = again
    device.start(address, asked.bundle or fetch())
    return stanzas.seal(device, address, message, lambda: None, random, asked.count)


def _key_node(tag: str, key: PreKey) -> Node:
    signature = [leaf("signature", key.signature)] if key.signature else []
    return element(tag, leaf("id", key.id.to_bytes(3, "big")), leaf("value", key.public), *signature)


def _prekey(node: Node) -> PreKey:
    number, value, signature = node.child("id"), node.child("value"), node.child("signature")
    if number is None or value is None or len(number.data) != 3 or len(value.data) != 32:
        raise ProtocolError("a prekey in a retry receipt is malformed")
    return PreKey(int.from_bytes(number.data, "big"), value.data, signature.data if signature else b"")
