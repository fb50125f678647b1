"""Questions about groups, and requests to change them: namespace "w:g2"."""

from __future__ import annotations

from diagnostics.simulator.core.group_changes import described, participant, refused
from diagnostics.simulator.core.iq_question import Question
from diagnostics.simulator.protocol.iq_stanzas import IqError
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.world.group import CHANGES, MEMBERS_MAX, Group


def ask_groups(question: Question) -> tuple[Node, ...]:
    """The groups of which the account is a member, or one of them."""
    directory, node = question.context.directory, question.node
    if node.child("participating") is not None:
        return (element("groups", *map(described, directory.groups.of(question.account))),)
    group = _group(question, node.get("to"))
    if node.child("query") is None:
        raise IqError(501)
    group.permit(question.account)
    return (described(group),)


def change_groups(question: Question) -> tuple[Node, ...]:
    """Create, leave, rename a group or change its members, as the only child of the request says."""
    groups, account, now = question.context.groups, question.account, question.now
    request = next(iter(question.node.children), None)
    if request is None or len(request.children) > MEMBERS_MAX + 16:  # and a few settings
        raise IqError(400)
    if request.tag == "create":
        group, outcomes = groups.create_by_client(account, request.get("subject"), _people(request), now)
        return (described(group, outcomes),)
    if request.tag == "leave":
        left = [_group(question, part.get("id")) for part in request.children if part.tag == "group"]
        for group in left:
            groups.leave(group, account, now)
        return (element("leave", *(element("group", id=group.jid) for group in left)),)
    group = _group(question, question.node.get("to"))
    if request.tag == "subject":
        groups.rename(group, request.data.decode("utf-8", "replace"), account, now)
        return ()
    action = next((name for name in CHANGES if name == request.tag), None)
    if action is None:
        raise IqError(501)
    outcomes = groups.change(group, action, account, _people(request), now)
    return (element(action, *(refused(one) if one[2] or not one[1] else participant(one[1]) for one in outcomes)),)


def _group(question: Question, jid: str) -> Group:
    group = question.context.directory.group(jid)
    if group is None:
        raise IqError(404)
    return group


def _people(request: Node) -> list[str]:
    return [part.get("jid") for part in request.children if part.tag == "participant"]
