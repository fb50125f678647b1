"""Profile pictures of people and groups: who may see which, and where it can be fetched. Namespace "w:profile:picture".

A picture is a JPEG, unencrypted on the media host. WhatsApp makes a small one of each ("preview"); here both are the
same file. Where there is none the answer is 404, where somebody may not see it 401, and for what is no JPEG 406.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from diagnostics.simulator.accounts import Account
from diagnostics.simulator.groups import Group
from diagnostics.simulator.iq_error import IqError
from diagnostics.simulator.media import Media
from diagnostics.simulator.stanza import Node, element
from diagnostics.simulator.wire import MEDIA_HOST

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub
    from diagnostics.simulator.iq import Question

SIZE_MAX = 1 << 20  # bytes
_JPEG = b"\xff\xd8\xff"
_FIRST = 1_700_000_001  # numbers of pictures look like this


class Pictures:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: dict[str, Media] = {}
        self._made = 0

    def set(self, owner: Account | Group, image: bytes, by: Account, now: float) -> str:
        """Show this picture from now on; its id. Raises IqError for what is no JPEG of at most 1 MiB."""
        if not image.startswith(_JPEG) or len(image) > SIZE_MAX:
            raise IqError(406)
        self.forget(owner)
        number = str(_FIRST + self._made)
        self._made += 1
        file = self._hub.media.open_file()
        file.write(image)
        path = f"/v/t61.24694-24/{number}_n.jpg?ccb=11-4&oh=01&oe=66"
        media = Media(by.phone, "picture", path, len(image), hashlib.sha256(image).digest(), file, by)
        self._hub.media.publish(media)
        self._shown[number] = media
        owner.picture = number
        self._tell(owner, Node("set", {"jid": owner.jid, "id": number, "author": by.lid_jid}), now)
        return number

    def remove(self, owner: Account | Group, by: Account, now: float) -> None:
        """Show none."""
        self.forget(owner)
        self._tell(owner, Node("delete", {"jid": owner.jid, "author": by.lid_jid}), now)

    def shown(self, owner: Account | Group) -> Media | None:
        """The picture as it can be fetched."""
        return self._shown.get(owner.picture)

    def owner(self, jid: str) -> Account | Group | None:
        """Whose picture is meant."""
        found = self._hub.directory.find(jid)
        return found[0] if found else self._hub.directory.group(jid)

    def forget(self, owner: Account | Group) -> None:
        """Show none, and tell nobody."""
        media = self._shown.pop(owner.picture, None)
        owner.picture = ""
        if media is not None:
            self._hub.media.withdraw(media)

    def _tell(self, owner: Account | Group, news: Node, now: float) -> None:
        """WhatsApp tells contacts, too; nobody has any here. Those who are told are the own devices, or all members."""
        attrs = {"from": owner.jid, "type": "picture", "id": self._hub.random(6).hex(), "t": str(int(now))}
        node = Node("notification", attrs, (news,))
        for account in owner.members.values() if isinstance(owner, Group) else (owner,):
            for device in account.companions:
                self._hub.delivery.give(account, device, node, now)


def ask(question: Question) -> tuple[Node, ...]:
    asked, pictures = question.node.child("picture"), question.hub.pictures
    if asked is None:
        raise IqError(400)
    owner = pictures.owner(question.node.get("target") or question.account.jid)
    if owner is None:
        raise IqError(404)
    if not may_see(owner, question.account):
        raise IqError(401)
    media = pictures.shown(owner)
    if media is None:
        raise IqError(404)
    if asked.get("id") == owner.picture:
        return (element("picture", status="304"),)
    url = f"https://{MEDIA_HOST}{media.path}"
    kind = "preview" if asked.get("type") == "preview" else "image"
    return (element("picture", id=owner.picture, type=kind, url=url, direct_path=media.path),)


def change(question: Question) -> tuple[Node, ...]:
    """Set the own picture or a group's; without one in the request: remove it."""
    pictures, account, now = question.hub.pictures, question.account, question.now
    owner = pictures.owner(question.node.get("target") or account.jid)
    if isinstance(owner, Group):
        owner.permit(account)
    elif owner is not account:
        raise IqError(403)
    sent = [part for part in question.node.children if part.tag == "picture"]
    if not sent:
        pictures.remove(owner, account, now)
        return ()
    full = next((part for part in sent if part.get("type") == "image"), sent[0])
    return (element("picture", id=pictures.set(owner, full.data, account, now)),)


def may_see(owner: Account | Group, account: Account) -> bool:
    """Whether the account is shown the picture, if there is one."""
    if isinstance(owner, Group):
        return account.lid in owner.members
    if owner is account:
        return True
    return owner.privacy["profile"] == "all" and account.lid_jid not in owner.blocked  # nobody has contacts here
