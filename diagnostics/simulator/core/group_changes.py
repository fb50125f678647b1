"""Changes of groups, by a client's request or by a phone that the server plays. All members' devices are told.

    <notification type="w:gp2" from="GROUP" participant="who did it" …> with one of:
        <create type="new"><group …/></create>     a new group; without a type: a group to which the account was added
        <add|remove|promote|demote><participant jid phone_number/>…
        <subject subject s_t s_o/>

A member who leaves is "removed" by themselves. A member who is removed is told as well. The phones of the remaining
members use a fresh sender key from then on, as Signal's protocol demands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from diagnostics.simulator.core.device_delivery import DeviceDelivery
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.group import Change, Group
from diagnostics.simulator.world.profile_pictures import ProfilePictures

# What became of a change for one person: the JID that was asked for, its account, and 0 or the code of the refusal.
Outcome = tuple[str, Account | None, int]


class GroupContext(ServerContext, Protocol):
    """What changing groups needs of the server."""

    devices: DeviceDelivery
    pictures: ProfilePictures

    def renew_sender_keys(self, group: Group) -> None:
        """Have the phones of all members use a fresh sender key from now on."""


class GroupChanges:
    """Creates and changes groups."""

    def __init__(self, context: GroupContext) -> None:
        self._context = context

    def create(self, by: Account, subject: str, others: Iterable[Account], now: float) -> Group:
        """Create a group of all of them, regardless of tsuccessor privacy settings. Raises IqError."""
        group = self._context.directory.groups.create(subject, by, others, now)
        self._tell(group, group.members.values(), by, element("create", described(group), type="new"), now)
        return group

    def create_by_client(
        self, by: Account, subject: str, jids: Iterable[str], now: float
    ) -> tuple[Group, list[Outcome]]:
        """Create a group at a client's request, of those who can be added to it. Raises IqError."""
        group = self._context.directory.groups.create(subject, by, (), now)
        outcomes = self._apply(group, "add", (jid for jid in jids if not self._is(jid, by)))
        self._tell(group, group.members.values(), by, element("create", described(group), type="new"), now)
        return group, outcomes

    def change(self, group: Group, change: Change, by: Account, jids: Iterable[str], now: float) -> list[Outcome]:
        """Add or remove members, promote or demote them. Raises IqError if `by` may not."""
        group.permit(by, change)
        before = list(group.members.values())
        outcomes = self._apply(group, change, jids)
        changed = [account for _, account, code in outcomes if account is not None and not code]
        if not changed:
            return outcomes
        self._tell(group, before, by, element(change, *map(participant, changed)), now)
        if change == "add":
            self._tell(group, changed, by, element("create", described(group)), now)
        elif change == "remove":
            self._member_gone(group)
        return outcomes

    def leave(self, group: Group, account: Account, now: float) -> None:
        """Remove a member who leaves. Raises IqError if the account is not a member."""
        before = list(group.members.values())
        successor = group.leave(account)
        self._tell(group, before, account, element("remove", participant(account)), now)
        if successor is not None:
            self._tell(group, group.members.values(), account, element("promote", participant(successor)), now)
        self._member_gone(group)

    def rename(self, group: Group, subject: str, by: Account, now: float) -> None:
        """Change the subject. Raises IqError."""
        group.rename(subject, by, now)
        who = {"s_o": by.lid_jid, "s_o_pn": by.jid}
        news = Node("subject", {"subject": subject, "s_t": str(int(now)), **who})
        self._tell(group, group.members.values(), by, news, now)

    def _is(self, jid: str, account: Account) -> bool:
        found = self._context.directory.find(jid)
        return found is not None and found[0] is account

    def _apply(self, group: Group, change: Change, jids: Iterable[str]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for jid in dict.fromkeys(jids):
            found = self._context.directory.find(jid)
            account = found[0] if found else None
            outcomes.append((jid, account, group.apply(change, account) if account else 404))
        return outcomes

    def _member_gone(self, group: Group) -> None:
        """A member has left or was removed."""
        if not group.members:
            self._context.directory.groups.forget(group)
            self._context.pictures.remove(group)
        self._context.renew_sender_keys(group)

    def _tell(self, group: Group, people: Iterable[Account], by: Account, news: Node, now: float) -> None:
        attrs = {"from": group.jid, "type": "w:gp2", "id": self._context.random(6).hex(), "t": str(int(now))}
        attrs |= {"participant": by.lid_jid, "participant_pn": by.jid, "notify": by.name, "addressing_mode": "lid"}
        node = Node("notification", attrs, (news,))
        for account in people:
            self._context.devices.give_all(account, node, now)


def participant(account: Account) -> Node:
    """An account in a list of members."""
    return element("participant", jid=account.lid_jid, phone_number=account.jid)


def described(group: Group, others: Iterable[Outcome] = ()) -> Node:
    """The `<group>` element. `others` could not be added to it."""
    creator = group.creator
    members = [
        element(
            "participant",
            jid=member.lid_jid,
            phone_number=member.jid,
            lid=member.lid_jid,
            type="" if member.lid not in group.admins else "superadmin" if member is creator else "admin",
        )
        for member in group.members.values()
    ]
    return element(
        "group",
        *members,
        *(refused(outcome) for outcome in others if outcome[2]),
        id=group.jid.partition("@")[0],
        creator=creator.lid_jid,
        creator_pn=creator.jid,
        creation=str(int(group.created)),
        subject=group.subject,
        s_t=str(int(group.subject_at)),
        s_o=group.subject_by.lid_jid,
        s_o_pn=group.subject_by.jid,
        size=str(len(members)),
        addressing_mode="lid",
    )


def refused(outcome: Outcome) -> Node:
    """A person for whom the change was refused, with the code."""
    jid, account, code = outcome
    attrs = {"jid": account.lid_jid, "phone_number": account.jid} if account else {"jid": jid}
    return Node("participant", {**attrs, "error": str(code)})
