"""Presence: which accounts are online, and which devices have asked to be told."""

from __future__ import annotations

from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.world.account import Account


class Presence:
    """The presence of all accounts of one server."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def heard(self, node: Node, account: Account, device: str, now: float) -> None:
        """A `<presence>` of the device with that JID: it goes online, or offline, or subscribes to somebody."""
        if node.get("type") == "subscribe":
            found = self._context.directory.find(node.get("to"))
            if found is not None:
                found[0].watchers[device] = node.get("to")
                self._tell(found[0], device, now)
            return
        account.name = node.get("name")[:100] or account.name
        self.change(account, available=node.get("type") != "unavailable", now=now)

    def change(self, account: Account, *, available: bool, now: float) -> None:
        """The account goes online or offline; the devices that subscribed to it are told."""
        if account.available or available:
            account.last_seen = now
        account.available = available
        for device in tuple(account.watchers):
            self._tell(account, device, now)

    def _tell(self, account: Account, device: str, now: float) -> None:
        found = self._context.directory.find(device)
        stream = self._context.stream_of(*found) if found else None
        if stream is None:
            return
        attrs = {"from": account.watchers[device]}
        if not account.available:
            attrs |= {"type": "unavailable", "last": str(int(account.last_seen)) if account.last_seen else "deny"}
        stream.tell(Node("presence", attrs), now)
