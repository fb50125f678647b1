"""Questions about profile pictures: namespace "w:profile:picture".

Without a picture the answer is 404, if the client may not see it 401, and to an image that is not a JPEG 406.
"""

from __future__ import annotations

from diagnostics.simulator.core.iq_question import Question
from diagnostics.simulator.protocol.iq_stanzas import IqError
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.protocol.wire import MEDIA_HOST
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.group import Group
from diagnostics.simulator.world.profile_pictures import may_see


def ask_picture(question: Question) -> tuple[Node, ...]:
    """Where the picture of an account or a group can be downloaded."""
    asked = question.node.child("picture")
    if asked is None:
        raise IqError(400)
    owner = _owner(question)
    if owner is None:
        raise IqError(404)
    if not may_see(owner, question.account):
        raise IqError(401)
    media = question.context.pictures.of(owner)
    if media is None:
        raise IqError(404)
    if asked.get("id") == owner.picture:
        return (element("picture", status="304"),)
    url = f"https://{MEDIA_HOST}{media.path}"
    kind = "preview" if asked.get("type") == "preview" else "image"
    return (element("picture", id=owner.picture, type=kind, url=url, direct_path=media.path),)


def change_picture(question: Question) -> tuple[Node, ...]:
    """Set the own picture or a group's; remove it if the request contains none."""
    changes, account, now = question.context.picture_changes, question.account, question.now
    owner = _owner(question)
    if isinstance(owner, Group):
        owner.permit(account)
    elif owner is not account:
        raise IqError(403)
    sent = [part for part in question.node.children if part.tag == "picture"]
    if not sent:
        changes.remove(owner, account, now)
        return ()
    full = next((part for part in sent if part.get("type") == "image"), sent[0])
    return (element("picture", id=changes.set(owner, full.data, account, now)),)


def _owner(question: Question) -> Account | Group | None:
    """The account or group that the question is about; without a target the account itself."""
    jid, directory = question.node.get("target") or question.account.jid, question.context.directory
    found = directory.find(jid)
    return found[0] if found else directory.group(jid)
