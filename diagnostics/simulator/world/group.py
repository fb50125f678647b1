"""Groups: their members and admins, who may change what, and which requests WhatsApp refuses.

Nobody is told of a change here; see `core.group_changes`. The error codes are WhatsApp's own. A person cannot be added
with 403 (their privacy), 404 (not on WhatsApp), 409 (a member already) or 419 (the group is full). A request is refused
with 403 (not a member, or not an admin) or 406 (the subject is too long).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from diagnostics.simulator.protocol.iq_stanzas import IqError
from diagnostics.simulator.world.account import Account

MEMBERS_MAX = 1_024
SUBJECT_MAX = 100  # characters
_CREATED_MAX = 1_000  # groups by one account
_FIRST_GROUP = 120363000000000001

Change = Literal["add", "remove", "promote", "demote"]
CHANGES: tuple[Change, ...] = ("add", "remove", "promote", "demote")
_BY_ADMINS = frozenset(("remove", "promote", "demote"))


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group at one moment.

    Attributes:
        members, admins: phone numbers, in the order in which they joined.
    """

    jid: str
    subject: str
    members: tuple[str, ...]
    admins: tuple[str, ...]


@dataclass(slots=True)
class Group:
    """A chat of several accounts.

    Attributes:
        members: the accounts by their LID, in the order in which they joined.
        admins: LIDs.
        created, subject_at: unix seconds.
        picture: id of the group's picture, "" without one.
    """

    jid: str
    subject: str
    creator: Account
    created: float
    members: dict[str, Account] = field(default_factory=dict)
    admins: set[str] = field(default_factory=set)
    subject_by: Account = field(init=False)
    subject_at: float = field(init=False)
    picture: str = ""

    def __post_init__(self) -> None:
        self.subject_by, self.subject_at = self.creator, self.created
        self.members[self.creator.lid] = self.creator
        self.admins.add(self.creator.lid)

    @property
    def info(self) -> GroupInfo:
        admins = tuple(member.phone for member in self.members.values() if member.lid in self.admins)
        return GroupInfo(self.jid, self.subject, tuple(member.phone for member in self.members.values()), admins)

    def permit(self, by: Account, change: Change | None = None) -> None:
        """Raise IqError if `by` is not a member, or is not an admin and the change is for admins only."""
        if by.lid not in self.members or (change in _BY_ADMINS and by.lid not in self.admins):
            raise IqError(403)

    def apply(self, change: Change, account: Account) -> int:
        """Change the membership of one account; returns 0, or the error code if it is refused."""
        if change == "add":
            return self._add(account)
        if account.lid not in self.members:
            return 404
        if change == "promote":
            self.admins.add(account.lid)
            return 0
        if account is self.creator:
            return 405  # the creator stays an admin
        self.admins.discard(account.lid)
        if change == "remove":
            del self.members[account.lid]
        return 0

    def leave(self, account: Account) -> Account | None:
        """Remove a member who leaves.

        Returns:
            The member who became admin, because no admin was left; else None.

        Raises:
            IqError: the account is not a member.
        """
        self.permit(account)
        del self.members[account.lid]
        self.admins.discard(account.lid)
        if self.admins or not self.members:
            return None
        successor = next(iter(self.members.values()))
        self.admins.add(successor.lid)
        return successor

    def rename(self, subject: str, by: Account, now: float) -> None:
        """Change the subject. Raises IqError if `by` is not a member, or the subject is too long."""
        self.permit(by)
        self.subject = checked_subject(subject)
        self.subject_by, self.subject_at = by, now

    def _add(self, account: Account) -> int:
        if account.lid in self.members:
            return 409
        if account.privacy["groupadd"] != "all":  # nobody has contacts here, so every other value excludes all
            return 403
        if len(self.members) >= MEMBERS_MAX:
            return 419
        self.members[account.lid] = account
        return 0


def checked_subject(subject: str) -> str:
    """The subject itself. Raises IqError if it is too long."""
    if len(subject) > SUBJECT_MAX:
        raise IqError(406)
    return subject


class Groups:
    """All groups, by JID."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._made = 0

    def create(self, subject: str, creator: Account, others: Iterable[Account], now: float) -> Group:
        """Create a group. Raises IqError if the subject is too long, or `creator` has created too many groups."""
        if sum(group.creator is creator for group in self._groups.values()) >= _CREATED_MAX:
            raise IqError(429)
        group = Group(f"{_FIRST_GROUP + self._made}@g.us", checked_subject(subject), creator, now)
        group.members |= {account.lid: account for account in others}
        self._made += 1
        self._groups[group.jid] = group
        return group

    def find(self, jid: str) -> Group | None:
        """The group with that JID."""
        return self._groups.get(jid)

    def of(self, account: Account) -> list[Group]:
        """The groups of which the account is a member."""
        return [group for group in self._groups.values() if account.lid in group.members]

    def forget(self, group: Group) -> None:
        """Delete a group that has no members any more."""
        self._groups.pop(group.jid, None)
