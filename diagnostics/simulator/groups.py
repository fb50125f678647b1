"""Groups: who is in them, who may do what, and when WhatsApp says no. No stanzas; see `group_life` for who is told.

The codes are WhatsApp's own: of a person that cannot be added 403 (their privacy), 404 (not on WhatsApp), 409 (in it
already) and 419 (full); of a request 403 (no member, or no admin) and 406 (the subject is too long).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from diagnostics.simulator.iq_error import IqError

if TYPE_CHECKING:
    from diagnostics.simulator.accounts import Account

MEMBERS_MAX = 1_024
SUBJECT_MAX = 100  # characters
_CREATED_MAX = 1_000  # groups by one account
_FIRST_GROUP = 120363000000000001

Change = Literal["add", "remove", "promote", "demote"]
CHANGES: tuple[Change, ...] = ("add", "remove", "promote", "demote")
_BY_ADMINS = frozenset(("remove", "promote", "demote"))


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group as it stands.

    Attributes:
        members, admins: phone numbers, in the order in which they joined.
    """

    jid: str
    subject: str
    members: tuple[str, ...]
    admins: tuple[str, ...]


@dataclass(slots=True)
class Group:
    """Several people's chat.

    Attributes:
        members: by their LID, in the order in which they joined.
        admins: LIDs.
        created: unix seconds, as `subject_at`.
        picture: see `pictures`.
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
        """Raises IqError when `by` is no member, or this change is for admins."""
        if by.lid not in self.members or (change in _BY_ADMINS and by.lid not in self.admins):
            raise IqError(403)

    def apply(self, change: Change, account: Account) -> int:
        """Make the change; 0, or the code of why it cannot be."""
        if change == "add":
            return self._add(account)
        if account.lid not in self.members:
            return 404
        if change == "promote":
            self.admins.add(account.lid)
            return 0
        if account is self.creator:
            return 405  # whoever has created it stays its admin
        self.admins.discard(account.lid)
        if change == "remove":
            del self.members[account.lid]
        return 0

    def leave(self, account: Account) -> Account | None:
        """A member goes; who has become admin by that, because there was none left.

        Raises:
            IqError: it is no member.
        """
        self.permit(account)
        del self.members[account.lid]
        self.admins.discard(account.lid)
        if self.admins or not self.members:
            return None
        heir = next(iter(self.members.values()))
        self.admins.add(heir.lid)
        return heir

    def rename(self, subject: str, by: Account, now: float) -> None:
        """Raises IqError."""
        self.permit(by)
        self.subject = checked_subject(subject)
        self.subject_by, self.subject_at = by, now

    def _add(self, account: Account) -> int:
        if account.lid in self.members:
            return 409
        if account.privacy["groupadd"] != "all":  # nobody has contacts here, who could be the exception
            return 403
        if len(self.members) >= MEMBERS_MAX:
            return 419
        self.members[account.lid] = account
        return 0


def checked_subject(subject: str) -> str:
    """The subject. Raises IqError when it is too long."""
    if len(subject) > SUBJECT_MAX:
        raise IqError(406)
    return subject


class Groups:
    """All groups, by JID."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._made = 0

    def create(self, subject: str, creator: Account, others: Iterable[Account], now: float) -> Group:
        """A new group of all of them. Raises IqError when the subject is too long, or the creator has made too many."""
        if sum(group.creator is creator for group in self._groups.values()) >= _CREATED_MAX:
            raise IqError(429)
        group = Group(f"{_FIRST_GROUP + self._made}@g.us", checked_subject(subject), creator, now)
        group.members |= {account.lid: account for account in others}
        self._made += 1
        self._groups[group.jid] = group
        return group

    def find(self, jid: str) -> Group | None:
        return self._groups.get(jid)

    def of(self, account: Account) -> list[Group]:
        """Those that the account is in."""
        return [group for group in self._groups.values() if account.lid in group.members]

    def forget(self, group: Group) -> None:
        """Nobody is in it any more."""
        self._groups.pop(group.jid, None)
