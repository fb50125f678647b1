"""Questions about prekeys: namespace "encrypt". A device uploads its own, and fetches bundles of other devices."""

from __future__ import annotations

import hashlib

from diagnostics.simulator.core.iq_question import Question
from diagnostics.simulator.faults.actions import Event, Exhausted, Refusal
from diagnostics.simulator.protocol.iq_stanzas import IqError, error_text
from diagnostics.simulator.protocol.keys import DJB_TYPE, signed_by
from diagnostics.simulator.protocol.prekeys import Bundle, PreKey, prekey_node, read_prekey
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.world.account_devices import Companion

_USERS_MAX = 2_000  # in one question; a group has 1,024 members
_PREKEYS_MAX = 10_000  # of one device


def ask_keys(question: Question) -> tuple[Node, ...]:
    """How many prekeys the server holds of the asking device, a digest of them, or bundles of other devices."""
    if question.node.child("count") is not None:
        count = max(question.context.settings.prekey_floor, len(question.companion.prekeys))
        return (element("count", value=str(count)),)
    if question.node.child("digest") is not None:
        return (_digest(question.companion),)
    key = question.node.child("key")
    if key is None or len(key.children) > _USERS_MAX:
        raise IqError(400)
    return (element("list", *(_bundle_of(user.get("jid"), question) for user in key.children)),)


def upload_keys(question: Question) -> tuple[Node, ...]:
    """Store a new signed prekey, or further one-time prekeys, of the asking device."""
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


def _bundle_of(jid: str, question: Question) -> Node:
    found = question.context.directory.find(jid)
    action = found[0].plan.meet(Event.BUNDLE, question.now) if found else None
    code = action.error if isinstance(action, Refusal) else 404
    bundle = found[0].bundle(found[1], exhausted=isinstance(action, Exhausted)) if found else None
    if bundle is None or isinstance(action, Refusal):
        return element("user", element("error", code=str(code), text=error_text(code)), jid=jid)
    return element("user", *_bundle_nodes(bundle), jid=jid)


def _bundle_nodes(bundle: Bundle) -> tuple[Node, ...]:
    nodes = (
        leaf("registration", bundle.registration.to_bytes(4, "big")),
        leaf("type", DJB_TYPE),
        leaf("identity", bundle.identity),
        prekey_node("skey", bundle.signed),
    )
    return nodes if bundle.one_time is None else (*nodes, prekey_node("key", bundle.one_time))


def _digest(companion: Companion) -> Node:
    """The keys that the server holds of a device, for the device to compare: their numbers, and a hash over them."""
    signed, prekeys = companion.signed, companion.prekeys.values()
    keys = companion.identity + signed.public + signed.signature + b"".join(key.public for key in prekeys)
    return element(
        "digest",
        *_bundle_nodes(Bundle(companion.registration, companion.identity, signed, None)),
        element("list", *(leaf("id", key.id.to_bytes(3, "big")) for key in prekeys)),
        leaf("hash", hashlib.sha1(keys, usedforsecurity=False).digest()),
    )


def _signed_prekey(node: Node, companion: Companion) -> PreKey:
    signed = _prekey(node)
    if not signed_by(companion.identity, DJB_TYPE + signed.public, signed.signature):
        raise IqError(406)
    return signed


def _prekey(node: Node) -> PreKey:
    key = read_prekey(node)
    if key is None:
        raise IqError(400)
    return key
