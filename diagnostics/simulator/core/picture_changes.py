"""Changing profile pictures of accounts and groups, and telling devices about it.

Told are the account's own devices, or those of all members of the group. WhatsApp also tells contacts; nobody has
contacts here.
"""

from __future__ import annotations

from typing import Protocol

from diagnostics.simulator.core.device_delivery import DeviceDelivery
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.group import Group
from diagnostics.simulator.world.profile_pictures import ProfilePictures


class PictureContext(ServerContext, Protocol):
    """What changing pictures needs of the server."""

    devices: DeviceDelivery
    pictures: ProfilePictures


class PictureChanges:
    """Sets and removes pictures, for clients and for the phones that the server plays."""

    def __init__(self, context: PictureContext) -> None:
        self._context = context

    def set(self, owner: Account | Group, image: bytes, by: Account, now: float) -> str:
        """Replace the picture; returns its id. Raises IqError if `image` is not a JPEG of at most 1 MiB."""
        number = self._context.pictures.set(owner, image, by)
        self._tell(owner, Node("set", {"jid": owner.jid, "id": number, "author": by.lid_jid}), now)
        return number

    def remove(self, owner: Account | Group, by: Account, now: float) -> None:
        """Remove the picture."""
        self._context.pictures.remove(owner)
        self._tell(owner, Node("delete", {"jid": owner.jid, "author": by.lid_jid}), now)

    def _tell(self, owner: Account | Group, news: Node, now: float) -> None:
        attrs = {"from": owner.jid, "type": "picture", "id": self._context.random(6).hex(), "t": str(int(now))}
        node = Node("notification", attrs, (news,))
        for account in owner.members.values() if isinstance(owner, Group) else (owner,):
            self._context.devices.give_all(account, node, now)
