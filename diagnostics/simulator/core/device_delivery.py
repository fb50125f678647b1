"""Delivery of stanzas to single devices, now or at their next login.

A stanza that a device has not acknowledged is kept, and sent to it again at its next login, as WhatsApp does.
"""

from __future__ import annotations

from diagnostics.simulator.core.server_context import Listener, ServerContext
from diagnostics.simulator.protocol.addresses import plain
from diagnostics.simulator.protocol.iq_stanzas import SERVER_JID
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion

_KEPT = 10_000  # stanzas that wait for one device


class DeviceDelivery:
    """Sends stanzas to linked devices of any account."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def give(self, account: Account, number: int, node: Node, now: float) -> None:
        """Send a stanza to one linked device, now or at its next login. Does nothing if there is no such device."""
        companion = account.companions.get(number)
        if companion is None:
            return
        companion.waiting[node.tag, node.get("id"), plain(node.get("from"))] = node
        while len(companion.waiting) > _KEPT:
            companion.waiting.popitem(last=False)
        stream = self._context.stream_of(account, number)
        if stream is not None:
            stream.tell(node, now)

    def give_all(self, account: Account, node: Node, now: float) -> None:
        """Send a stanza to all linked devices of the account, now or at their next login."""
        for number in account.companions:
            self.give(account, number, node, now)

    def tell_online(self, account: Account, node: Node, now: float) -> None:
        """Send a stanza to the devices of the account that are online. The others never get it."""
        for stream in self._context.streams(account):
            stream.tell(node, now)

    @staticmethod
    def send_waiting(stream: Listener, companion: Companion, now: float) -> None:
        """Send a device whose login is complete the stanzas that have waited for it."""
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
        """The device has acknowledged the stanza with that tag, id and sender."""
        companion.waiting.pop((tag, number, plain(sender)), None)
