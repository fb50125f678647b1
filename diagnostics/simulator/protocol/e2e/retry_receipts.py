"""Retry receipts: a device cannot decrypt a message, says so, and is sent it again.

    <receipt type="retry" id from|to participant?>
      <retry count id t v="1"/><registration/>
      <keys><type/><identity/><key/><skey/><device-identity?/></keys>      a bundle, for a fresh session
    </receipt>

`request` builds such a receipt, `RetryRequest.read` parses one, and `answer` encrypts the message again. An answer
always starts a fresh session, with the bundle in the receipt or else with one that the server holds. `SentMessages`
remembers what was sent, so that it can be sent again. Asking the own phone for a message instead of its sender is not
implemented.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostics.simulator.protocol.addresses import AddressPair, is_group
from diagnostics.simulator.protocol.e2e import encrypted_messages
from diagnostics.simulator.protocol.e2e.device import Device
from diagnostics.simulator.protocol.keys import DJB_TYPE, Random
from diagnostics.simulator.protocol.prekeys import Bundle, PreKey, prekey_node, read_prekey
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.protocol.wire import Message
from diagnostics.simulator.simulator_errors import ProtocolError

MAX_RETRIES = 5  # of one message; WhatsApp's clients stop asking there
_REMEMBERED = 256  # messages of one device, as whatsmeow


class SentMessages:
    """The last 256 messages that a device has sent, by their id."""

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
    device: Device,
    node: Node,
    recipient: AddressPair,
    bundle: Bundle,
    *,
    sender: AddressPair,
    now: float,
    count: int = 1,
) -> Node:
    """The receipt with which `recipient` asks the sender for the message in `node` again.

    Args:
        device: the keys of the device that could not decrypt it.
        node: the stanza as the client sent it.
        recipient: the device that could not decrypt it.
        bundle: a bundle of that device, whose one-time prekey is not given to anybody else.
        sender: the device that sent the message.
        now: unix seconds.
        count: number of this request, 1 for the first one.
    """
    group = node.get("to") if is_group(node.get("to")) else ""
    keys = [
        leaf("type", DJB_TYPE),
        leaf("identity", bundle.identity),
        *([prekey_node("key", bundle.one_time)] if bundle.one_time else []),
        prekey_node("skey", bundle.signed),
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
class RetryRequest:
    """A client's retry receipt.

    Attributes:
        id: of the message that the client wants again.
        count: number of this request, 1 for the first one.
        bundle: for a fresh session; None if the receipt has none.
    """

    id: str
    count: int
    bundle: Bundle | None

    @classmethod
    def read(cls, node: Node) -> RetryRequest:
        """Parse a `<receipt type="retry">`.

        Raises:
            ProtocolError: it is not a retry receipt, or its keys are incomplete or malformed.
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
    asked: RetryRequest,
    message: Any,
    fetch: Callable[[], Bundle | None],
    random: Random,
    group: str = "",
) -> Node:
    """Encrypt a message again for the device that asked for it, in a fresh session.

    Args:
        device: the device that sent the message.
        address: of the device that asked.
        asked: its request.
        message: the `Message`.
        fetch: returns a bundle of the device that asked, if the request has none.
        group: JID of the group to which the message was sent, "" if to a person. The answer then carries the sender
            key, and is for the one device.

    Returns:
        The `<enc>` node, for `encrypted_messages.deliver`.

    Raises:
        UnusableBundle: there is no bundle, or it is wrong.
    """
    if group:
        again = Message()
        again.CopyFrom(message)
        again.MergeFrom(encrypted_messages.sender_key_message(device, group))
        message = again
    device.start(address, asked.bundle or fetch())
    return encrypted_messages.seal(device, address, message, lambda: None, random, asked.count)


def _prekey(node: Node) -> PreKey:
    key = read_prekey(node)
    if key is None:
        raise ProtocolError("a prekey in a retry receipt is malformed")
    return key
