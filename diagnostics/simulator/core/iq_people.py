"""Questions about people and settings: who is on WhatsApp, block list, privacy, profile text, shared settings."""

from __future__ import annotations

import hashlib

from diagnostics.simulator.core.iq_question import Question
from diagnostics.simulator.protocol.iq_stanzas import IqError
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.world.account import PRIVACY, Account
from diagnostics.simulator.world.profile_pictures import may_see

_USERS_MAX = 2_000  # in one question; a group has 1,024 members
_BLOCKED_MAX = 5_000
_VALUES = frozenset({"all", "contacts", "contact_blacklist", "contacts_blacklist", "match_last_seen", "known", "none"})


def usync(question: Question) -> tuple[Node, ...]:
    """Which of these people are on WhatsApp, and what the client asks about each: devices, LID, profile text …"""
    asked = question.node.child("usync")
    query, users = (asked.child("query"), asked.child("list")) if asked else (None, None)
    if asked is None or query is None or users is None or len(users.children) > _USERS_MAX:
        raise IqError(400)
    answers = tuple(_usync_user(user, query, question) for user in users.children)
    same = {name: value for name, value in asked.attrs.items() if name in ("sid", "index", "last", "mode", "context")}
    return (Node("usync", same, (element("result"), element("list", *answers))),)


def _usync_user(user: Node, query: Node, question: Question) -> Node:
    """The answer about one person, whom the client names by JID, or by a phone number in `<contact>`."""
    contact = user.child("contact")
    body = contact.data if contact else b""
    phone = body.decode("ascii", "replace").removeprefix("+").partition("@")[0]
    asked = user.get("jid")
    found = question.context.directory.find(asked or f"{phone}@s.whatsapp.net")
    if found is None:
        jid = asked or (f"{phone}@s.whatsapp.net" if phone.isdigit() else "")
        return element("user", *([leaf("contact", body, type="out")] if query.child("contact") else []), jid=jid)
    account, _ = found
    asks = {part.tag: part for part in query.children}
    parts: list[Node] = []
    if "contact" in asks:
        parts.append(leaf("contact", body, type="in"))
    if "devices" in asks:
        parts.append(_devices(account))
    if "lid" in asks:
        parts.append(element("lid", val=account.lid_jid))
    if "status" in asks:
        parts.append(leaf("status", account.about.encode(), t="1700000000"))
    if "picture" in asks and account.picture and may_see(account, question.account):
        parts.append(element("picture", id=account.picture))
    if asked:
        return element("user", *parts, jid=asked)
    if "contact" in asks and asks["contact"].get("addressing_mode") == "lid":
        return element("user", *parts, jid=account.lid_jid, pn_jid=account.jid)
    return element("user", *parts, jid=account.jid)


def _devices(account: Account) -> Node:
    # Some clients skip a companion without its key index.
    companions = (Node("device", {"id": str(number), "key-index": str(number)}) for number in account.companions)
    return element("devices", element("device-list", element("device", id="0"), *companions))


def blocklist(question: Question) -> tuple[Node, ...]:
    """Whom the account has blocked."""
    blocked = question.account.blocked
    dhash = hashlib.sha256(",".join(blocked).encode()).hexdigest()[:12] if blocked else "0"
    return (element("list", *(element("item", jid=jid) for jid in blocked), dhash=dhash),)


def block(question: Question) -> tuple[Node, ...]:
    """Block or unblock somebody; the answer is the new list."""
    item = question.node.child("item")
    found = question.context.directory.find(item.get("jid")) if item else None
    if item is None or found is None or item.get("action") not in ("block", "unblock"):
        raise IqError(400)
    blocked, jid = question.account.blocked, found[0].lid_jid
    if item.get("action") == "unblock":
        blocked.pop(jid, None)
    elif len(blocked) < _BLOCKED_MAX:
        blocked[jid] = None
    return blocklist(question)


def privacy(question: Question) -> tuple[Node, ...]:
    """The account's privacy settings."""
    categories = question.account.privacy.items()
    return (element("privacy", *(element("category", name=name, value=value) for name, value in categories)),)


def set_privacy(question: Question) -> tuple[Node, ...]:
    """Change privacy settings, or store a token for somebody to whom the client wrote, which is ignored."""
    asked = question.node.child("privacy")
    if asked is None:
        return ()
    for category in asked.children:
        if category.get("name") not in PRIVACY or category.get("value") not in _VALUES:
            raise IqError(400)
        question.account.privacy[category.get("name")] = category.get("value")
    return privacy(question)


def set_status(question: Question) -> tuple[Node, ...]:
    """Change the text on the account's profile."""
    status = question.node.child("status")
    if status is None:
        raise IqError(400)
    question.account.about = status.data.decode("utf-8", "replace")[:500]
    return ()


def sync_settings(question: Question) -> tuple[Node, ...]:
    """Exchange patches of shared settings: store the device's own, and return the ones that it does not have."""
    asked = question.node.child("sync")
    if asked is None or len(asked.children) > _USERS_MAX:
        raise IqError(400)
    return (element("sync", *(_collection(collection, question) for collection in asked.children)),)


def _collection(asked: Node, question: Question) -> Node:
    settings = question.context.shared_settings.of(question.account, question.now)
    name, version = asked.get("name"), asked.get("version") or "0"
    if name not in settings.patches or not (version.isascii() and version.isdigit() and len(version) < 9):
        raise IqError(400)
    question.companion.settings_asked.add(name)
    patch, conflict = asked.child("patch"), False
    if patch is not None:
        conflict = not settings.add(name, int(version), patch.data)
        if not conflict:
            question.context.shared_settings.changed(question.account, question.companion, name, question.now)
            return element("collection", name=name, version=str(len(settings.patches[name])))
    patches = [leaf("patch", data) for data in settings.since(name, int(version))]
    children = [element("patches", *patches)] if patches else []
    if conflict:
        children.insert(0, element("error", code="409", text="conflict"))
    current = str(len(settings.patches[name]))
    return element("collection", *children, name=name, version=current, type="error" if conflict else "")
