"""Questions about groups, and what clients do with them: namespace "w:g2"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnostics.simulator.group_life import described, participant, refused
from diagnostics.simulator.groups import CHANGES, MEMBERS_MAX, Group
from diagnostics.simulator.iq_error import IqError
from diagnostics.simulator.stanza import Node, element

if TYPE_CHECKING:
    from diagnostics.simulator.iq import Question


def ask(question: Question) -> tuple[Node, ...]:
    """Which groups the account is in, or about one of them."""
    directory, node = question.hub.directory, question.node
    if node.child("participating") is not None:
        return (element("groups", *map(described, directory.groups.of(question.account))),)
    group = _group(question, node.get("to"))
    if node.child("query") is None:
        raise IqError(501)
    group.permit(question.account)
    return (described(group),)


def change(question: Question) -> tuple[Node, ...]:
    """What the request's only child says."""
    life, account, now = question.hub.groups, question.account, question.now
    request = next(iter(question.node.children), None)
    if request is None or len(request.children) > MEMBERS_MAX + 16:  # and a few settings
        raise IqError(400)
    if request.tag == "create":
        group, outcomes = life.found(account, request.get("subject"), _people(request), now)
        return (described(group, outcomes),)
    if request.tag == "leave":
        left = [_group(question, part.get("id")) for part in request.children if part.tag == "group"]
        for group in left:
            life.leave(group, account, now)
        return (element("leave", *(element("group", id=group.jid) for group in left)),)
    group = _group(question, question.node.get("to"))
    if request.tag == "subject":
        life.rename(group, request.data.decode("utf-8", "replace"), account, now)
        return ()
    action = next((name for name in CHANGES if name == request.tag), None)
    if action is None:
        raise IqError(501)
    outcomes = life.change(group, action, account, _people(request), now)
    return (element(action, *(refused(one) if one[2] or not one[1] else participant(one[1]) for one in outcomes)),)


def _group(question: Question, jid: str) -> Group:
    group = question.hub.directory.group(jid)
    if group is None:
        raise IqError(404)
    return group


def _people(request: Node) -> list[str]:
    return [part.get("jid") for part in request.children if part.tag == "participant"]
