"""Questions of a logged-in client (`<iq>`) and their answers, by namespace.

A handler takes a `Question` and gives the children of the `<iq type="result">`, or raises `IqError`. A question that
nobody handles is answered as WhatsApp does: error 501, "feature-not-implemented".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostics.simulator import iq_groups, iq_people, pictures
from diagnostics.simulator.accounts import Account, Bundle, Companion, PreKey
from diagnostics.simulator.faults import Event, Exhausted, Refusal
from diagnostics.simulator.iq_error import IqError, text_of
from diagnostics.simulator.keys import DJB_TYPE, signed_by
from diagnostics.simulator.stanza import Node, element, leaf
from diagnostics.simulator.wire import MEDIA_HOST

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub

SERVER_JID = "@s.whatsapp.net"  # a JID with an empty user: clients compare for exactly that
_MEDIA_TTL = 3_600  # seconds
_USERS_MAX = 2_000  # in one question; a group has 1,024 members
_PREKEYS_MAX = 10_000  # of one device


@dataclass(frozen=True, slots=True)
class Question:
    """One `<iq>` and who asks.

    Attributes:
        hub: where everybody is.
        now: unix seconds.
    """

    node: Node
    account: Account
    companion: Companion
    hub: Hub
    now: float


def answer(question: Question) -> Node:
    """The `<iq>` that answers; also for what cannot be answered."""
    node = question.node
    handler = _HANDLERS.get((node.get("xmlns"), node.get("type")), _unknown)
    try:
        return result(node, *handler(question))
    except IqError as refused:
        return error(node, refused.code)


def result(node: Node, *children: Node) -> Node:
    """The `<iq type="result">` to a question."""
    return Node("iq", {"from": SERVER_JID, "type": "result", "id": node.get("id")}, children or None)


def error(node: Node, code: int) -> Node:
    """The `<iq type="error">` to a question."""
    child = element("error", code=str(code), text=text_of(code))
    return Node("iq", {"from": SERVER_JID, "type": "error", "id": node.get("id")}, (child,))


def unlinked(node: Node) -> Node:
    """The `<iq>` that answers a client that is not linked yet: its business is only whether somebody is there."""
    return result(node) if node.get("xmlns") == "w:p" else error(node, 401)


def is_ready(node: Node) -> bool:
    """Whether this question is the last of a login: "from now on send me everything"."""
    return node.get("xmlns") == "passive" and node.child("active") is not None


def is_farewell(node: Node) -> bool:
    """Whether the device asks to be unlinked."""
    return node.get("xmlns") == "md" and node.child("remove-companion-device") is not None


def _unknown(_question: Question) -> tuple[Node, ...]:
    raise IqError(501)


def _nothing(_question: Question) -> tuple[Node, ...]:
    return ()


# ---- encrypt: prekeys


def _encrypt_get(question: Question) -> tuple[Node, ...]:
    if question.node.child("count") is not None:
        count = max(question.hub.settings.prekey_floor, len(question.companion.prekeys))
        return (element("count", value=str(count)),)
    if question.node.child("digest") is not None:
        return (_digest(question.companion),)
    key = question.node.child("key")
    if key is None or len(key.children) > _USERS_MAX:
        raise IqError(400)
    return (element("list", *(_bundle_of(user.get("jid"), question) for user in key.children)),)


def _bundle_of(jid: str, question: Question) -> Node:
    found = question.hub.directory.find(jid)
    action = found[0].plan.meet(Event.BUNDLE, question.now) if found else None
    code = action.error if isinstance(action, Refusal) else 404
    bundle = found[0].bundle(found[1], exhausted=isinstance(action, Exhausted)) if found else None
    if bundle is None or isinstance(action, Refusal):
        return element("user", element("error", code=str(code), text=text_of(code)), jid=jid)
    return element("user", *_bundle_nodes(bundle), jid=jid)


def _bundle_nodes(bundle: Bundle) -> tuple[Node, ...]:
    nodes = (
        leaf("registration", bundle.registration.to_bytes(4, "big")),
        leaf("type", DJB_TYPE),
        leaf("identity", bundle.identity),
        _prekey_node("skey", bundle.signed),
    )
    return nodes if bundle.one_time is None else (*nodes, _prekey_node("key", bundle.one_time))


def _prekey_node(tag: str, key: PreKey) -> Node:
    parts = (leaf("id", key.id.to_bytes(3, "big")), leaf("value", key.public))
    return element(tag, *parts, leaf("signature", key.signature)) if key.signature else element(tag, *parts)


def _digest(companion: Companion) -> Node:
    """What the server holds of a device's keys, for the device to compare: the numbers, and a hash over the keys."""
    signed, prekeys = companion.signed, companion.prekeys.values()
    keys = companion.identity + signed.public + signed.signature + b"".join(key.public for key in prekeys)
    return element(
        "digest",
        *_bundle_nodes(Bundle(companion.registration, companion.identity, signed, None)),
        element("list", *(leaf("id", key.id.to_bytes(3, "big")) for key in prekeys)),
        leaf("hash", hashlib.sha1(keys, usedforsecurity=False).digest()),
    )


def _encrypt_set(question: Question) -> tuple[Node, ...]:
    node, companion = question.node, question.companion
    rotated = node.child("rotate", "skey")
    if rotated is not None:
        companion.signed = _signed_prekey(rotated, companion)
        return ()
    uploaded, signed_node, identity = node.child("list"), node.child("skey"), node.child("identity")
    if uploaded is None or signed_node is None or identity is None:
        raise IqError(400)
    if identity.data != companion.identity:
        raise IqError(406)
    signed = _signed_prekey(signed_node, companion)
    prekeys = {key.id: key for key in map(_prekey, uploaded.children)}
    if len(prekeys.keys() | companion.prekeys.keys()) > _PREKEYS_MAX:
        raise IqError(406)
    companion.signed = signed
    companion.prekeys |= prekeys
    return ()


def _signed_prekey(node: Node, companion: Companion) -> PreKey:
    signed = _prekey(node)
    if not signed_by(companion.identity, DJB_TYPE + signed.public, signed.signature):
        raise IqError(406)
    return signed


def _prekey(node: Node) -> PreKey:
    number, value, signature = node.child("id"), node.child("value"), node.child("signature")
    if number is None or value is None or len(number.data) != 3 or len(value.data) != 32:
        raise IqError(400)
    return PreKey(int.from_bytes(number.data, "big"), value.data, signature.data if signature else b"")


# ---- the rest


def _media_conn(question: Question) -> tuple[Node, ...]:
    if question.node.child("media_conn") is None:
        raise IqError(400)
    return (
        element(
            "media_conn",
            element("host", hostname=MEDIA_HOST),
            auth=question.hub.media.credential(question.account),
            ttl=str(_MEDIA_TTL),
            auth_ttl=str(_MEDIA_TTL),
            max_buckets="12",
        ),
    )


def _experiments(question: Question) -> tuple[Node, ...]:
    """Which of WhatsApp's experiments the client takes part in: none."""
    if question.node.child("props") is None:
        raise IqError(400)
    attrs = {"protocol": "1", "hash": "none", "refresh": "86400", "refresh_id": "1", "delta_update": "false"}
    return (element("props", **attrs),)


def _farewell(question: Question) -> tuple[Node, ...]:
    """A device may unlink itself only; the stream does it, behind the answer."""
    request = question.node.child("remove-companion-device")
    if request is None:
        raise IqError(501)
    if question.hub.directory.find(request.get("jid")) != (question.account, question.companion.id):
        raise IqError(403)
    return ()


_HANDLERS: dict[tuple[str, str], Callable[[Question], tuple[Node, ...]]] = {
    ("abt", "get"): _experiments,
    ("blocklist", "get"): iq_people.blocklist,
    ("blocklist", "set"): iq_people.block,
    ("encrypt", "get"): _encrypt_get,
    ("encrypt", "set"): _encrypt_set,
    ("md", "set"): _farewell,
    ("passive", "set"): _nothing,
    ("privacy", "get"): iq_people.privacy,
    ("privacy", "set"): iq_people.set_privacy,
    ("status", "set"): iq_people.set_status,
    ("urn:xmpp:whatsapp:dirty", "set"): _nothing,
    ("usync", "get"): iq_people.usync,
    ("w:g2", "get"): iq_groups.ask,
    ("w:g2", "set"): iq_groups.change,
    ("w:m", "set"): _media_conn,
    ("w:p", "get"): _nothing,  # the keepalive
    ("w:profile:picture", "get"): pictures.ask,
    ("w:profile:picture", "set"): pictures.change,
    ("w:stats", "set"): _nothing,  # what WhatsApp wants to know about its clients
    ("w:sync:app:state", "set"): iq_people.sync_settings,
}
