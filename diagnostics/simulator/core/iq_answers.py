"""Answers to the questions (`<iq>`) of a logged-in client, by namespace.

A handler takes a `Question` and returns the children of the `<iq type="result">`, or raises `IqError`. A question
without a handler is answered as WhatsApp does: with error 501, "feature-not-implemented".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diagnostics.simulator.core import iq_groups, iq_people, iq_pictures, iq_prekeys
from diagnostics.simulator.core.iq_question import Question
from diagnostics.simulator.protocol.iq_stanzas import IqError, error, result
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.protocol.wire import MEDIA_HOST

_MEDIA_TTL = 3_600  # seconds


def answer(question: Question) -> Node:
    """The `<iq>` that answers: a result, or an error if the question cannot be answered."""
    node = question.node
    handler = _HANDLERS.get((node.get("xmlns"), node.get("type")), _unknown)
    try:
        return result(node, *handler(question))
    except IqError as refused:
        return error(node, refused.code)


def emptied(answer: Node) -> Node:
    """The same answer, whose elements have lost their children: a `<media_conn>` without hosts."""
    return replace(answer, content=tuple(replace(element, content=None) for element in answer.children))


def is_ready(node: Node) -> bool:
    """Whether this question ends a login: the client asks to be sent everything from now on."""
    return node.get("xmlns") == "passive" and node.child("active") is not None


def is_logout(node: Node) -> bool:
    """Whether the device asks to be unlinked."""
    return node.get("xmlns") == "md" and node.child("remove-companion-device") is not None


def _unknown(_question: Question) -> tuple[Node, ...]:
    raise IqError(501)


def _nothing(_question: Question) -> tuple[Node, ...]:
    return ()


def _media_conn(question: Question) -> tuple[Node, ...]:
    """Where to upload media, and with which credential."""
    if question.node.child("media_conn") is None:
        raise IqError(400)
    return (
        element(
            "media_conn",
            element("host", hostname=MEDIA_HOST),
            auth=question.context.media.credential(question.account),
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


def _logout(question: Question) -> tuple[Node, ...]:
    """A device may unlink only itself. `logged_in` does it after the answer."""
    request = question.node.child("remove-companion-device")
    if request is None:
        raise IqError(501)
    if question.context.directory.find(request.get("jid")) != (question.account, question.companion.id):
        raise IqError(403)
    return ()


_HANDLERS: dict[tuple[str, str], Callable[[Question], tuple[Node, ...]]] = {
    ("abt", "get"): _experiments,
    ("blocklist", "get"): iq_people.blocklist,
    ("blocklist", "set"): iq_people.block,
    ("encrypt", "get"): iq_prekeys.ask_keys,
    ("encrypt", "set"): iq_prekeys.upload_keys,
    ("md", "set"): _logout,
    ("passive", "set"): _nothing,
    ("privacy", "get"): iq_people.privacy,
    ("privacy", "set"): iq_people.set_privacy,
    ("status", "set"): iq_people.set_status,
    ("urn:xmpp:whatsapp:dirty", "set"): _nothing,
    ("usync", "get"): iq_people.usync,
    ("w:g2", "get"): iq_groups.ask_groups,
    ("w:g2", "set"): iq_groups.change_groups,
    ("w:m", "set"): _media_conn,
    ("w:p", "get"): _nothing,  # the keepalive
    ("w:profile:picture", "get"): iq_pictures.ask_picture,
    ("w:profile:picture", "set"): iq_pictures.change_picture,
    ("w:stats", "set"): _nothing,  # statistics of the client
    ("w:sync:app:state", "set"): iq_people.sync_settings,
}
