"""Profile pictures of accounts and groups: who shows which, and who may see it.

A picture is a JPEG file, unencrypted on the media host. WhatsApp makes a small one of each ("preview"); here both are
the same file.
"""

from __future__ import annotations

import hashlib

from diagnostics.simulator.protocol.iq_stanzas import IqError
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.group import Group
from diagnostics.simulator.world.media_store import Media, MediaStore

SIZE_MAX = 1 << 20  # bytes
_JPEG = b"\xff\xd8\xff"
_FIRST = 1_700_000_001  # WhatsApp's picture ids are of this size


class ProfilePictures:
    """All profile pictures, by id. Nobody is told of a change; see `core.picture_changes`."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media
        self._shown: dict[str, Media] = {}
        self._made = 0

    def set(self, owner: Account | Group, image: bytes, by: Account) -> str:
        """Replace the picture of `owner`; returns the id of the new one.

        Raises:
            IqError: `image` is not a JPEG of at most 1 MiB.
        """
        if not image.startswith(_JPEG) or len(image) > SIZE_MAX:
            raise IqError(406)
        self.remove(owner)
        number = str(_FIRST + self._made)
        self._made += 1
        file = self._media.open_file()
        file.write(image)
        path = f"/v/t61.24694-24/{number}_n.jpg?ccb=11-4&oh=01&oe=66"
        media = Media(
            account=by.phone,
            kind="picture",
            path=path,
            size=len(image),
            sha256=hashlib.sha256(image).digest(),
            file=file,
            owner=by,
        )
        self._media.publish(media)
        self._shown[number] = media
        owner.picture = number
        return number

    def remove(self, owner: Account | Group) -> None:
        """Remove the picture of `owner`, if there is one."""
        media = self._shown.pop(owner.picture, None)
        owner.picture = ""
        if media is not None:
            self._media.withdraw(media)

    def of(self, owner: Account | Group) -> Media | None:
        """The picture of `owner`, None without one."""
        return self._shown.get(owner.picture)


def may_see(owner: Account | Group, account: Account) -> bool:
    """Whether the account may see the picture of `owner`."""
    if isinstance(owner, Group):
        return account.lid in owner.members
    if owner is account:
        return True
    # Nobody has contacts here, so "contacts" is the same as "none".
    return owner.privacy["profile"] == "all" and account.lid_jid not in owner.blocked
