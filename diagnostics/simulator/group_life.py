"""What happens in groups, whoever does it: a client by its question, or a phone. All members' devices are told.

    <notification type="w:gp2" from="GROUP" participant="who did it" …> one of:
        <create type="new"><group …/></create>     a new group, or without a type a group that one was added to
        <add|remove|promote|demote><participant jid phone_number/>…
        <subject subject s_t s_o/>

Who leaves is "removed" by themselves. Who is removed is told as well. The phones that stay write with a fresh sender
key from then on, as Signal's protocol wants it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from diagnostics.simulator.accounts import Account
from diagnostics.simulator.groups import Change, Group
from diagnostics.simulator.stanza import Node, element

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub

Outcome = tuple[str, Account | None, int]
"""Of one person: the JID that was asked for, whose it is, and 0 or the code of why not."""


class GroupLife:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def create(self, by: Account, subject: str, others: Iterable[Account], now: float) -> Group:
        """A group of all of them, with the privacy of nobody in the way. Raises IqError."""
        group = self._hub.directory.groups.create(subject, by, others, now)
        self._tell(group, group.members.values(), by, element("create", described(group), type="new"), now)
        return group

    def found(self, by: Account, subject: str, jids: Iterable[str], now: float) -> tuple[Group, list[Outcome]]:
        """A client creates a group of those who can be added to it. Raises IqError."""
        group = self._hub.directory.groups.create(subject, by, (), now)
        outcomes = self._apply(group, "add", (jid for jid in jids if not self._is(jid, by)))
        self._tell(group, group.members.values(), by, element("create", described(group), type="new"), now)
        return group, outcomes

    def change(self, group: Group, change: Change, by: Account, jids: Iterable[str], now: float) -> list[Outcome]:
        """Add people, remove them, make them admins or take that from them. Raises IqError."""
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
            self._gone(group)
        return outcomes

    def leave(self, group: Group, account: Account, now: float) -> None:
        """Raises IqError."""
        before = list(group.members.values())
        heir = group.leave(account)
        self._tell(group, before, account, element("remove", participant(account)), now)
        if heir is not None:
            self._tell(group, group.members.values(), account, element("promote", participant(heir)), now)
        self._gone(group)

    def rename(self, group: Group, subject: str, by: Account, now: float) -> None:
        """Raises IqError."""
        group.rename(subject, by, now)
        who = {"s_o": by.lid_jid, "s_o_pn": by.jid}
        news = Node("subject", {"subject": subject, "s_t": str(int(now)), **who})
        self._tell(group, group.members.values(), by, news, now)

    # ----

    def _is(self, jid: str, account: Account) -> bool:
        found = self._hub.directory.find(jid)
        return found is not None and found[0] is account

    def _apply(self, group: Group, change: Change, jids: Iterable[str]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for jid in dict.fromkeys(jids):
            found = self._hub.directory.find(jid)
            account = found[0] if found else None
            outcomes.append((jid, account, group.apply(change, account) if account else 404))
        return outcomes

    def _gone(self, group: Group) -> None:
        """Somebody is in it no more."""
        if not group.members:
            self._hub.directory.groups.forget(group)
            self._hub.pictures.forget(group)
        for member in group.members.values():
            if member.extra is not None:
                member.extra.device.renew(group.jid)

    def _tell(self, group: Group, people: Iterable[Account], by: Account, news: Node, now: float) -> None:
        attrs = {"from": group.jid, "type": "w:gp2", "id": self._hub.random(6).hex(), "t": str(int(now))}
        attrs |= {"participant": by.lid_jid, "participant_pn": by.jid, "notify": by.name, "addressing_mode": "lid"}
        node = Node("notification", attrs, (news,))
        for account in people:
            for number in account.companions:
                self._hub.delivery.give(account, number, node, now)


def participant(account: Account) -> Node:
    """Somebody in a list of people."""
    return element("participant", jid=account.lid_jid, phone_number=account.jid)


def described(group: Group, others: Iterable[Outcome] = ()) -> Node:
    """The `<group>`; `others` could not be added to it."""
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
    """Somebody with whom it did not work, and why."""
    jid, account, code = outcome
    attrs = {"jid": account.lid_jid, "phone_number": account.jid} if account else {"jid": jid}
    return Node("participant", {**attrs, "error": str(code)})
