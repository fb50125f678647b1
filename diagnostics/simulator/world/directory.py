"""`Directory`: all accounts and groups of a simulated WhatsApp, and which of them an address names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.simulator_errors import SimulatorError
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.group import Group, Groups

# No number of this area code is in service.
CONTACT_PHONE = "15550009999"
_FIRST_PHONE = 15550000001
_FIRST_LID = 100_000_000_000_001
_DEVICE = re.compile(r"[0-9]{0,3}")


class Directory:
    """All accounts, by phone number and by LID, and the `groups`."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._by_phone: dict[str, Account] = {}
        self._by_lid: dict[str, Account] = {}
        self._next_phone = _FIRST_PHONE
        self.groups = Groups()

    def __iter__(self) -> Iterator[Account]:
        return iter(tuple(self._by_phone.values()))

    def add(self, phone: str | None = None, name: str = "") -> Account:
        """Create an account.

        Args:
            phone: its number, digits with the country code; None for the next free number.
            name: its push name, by default "Account" and the last digits of the number.

        Raises:
            SimulatorError: `phone` is not a phone number, or is taken.
        """
        if phone is None:
            while str(self._next_phone) in self._by_phone:
                self._next_phone += 1
            phone = str(self._next_phone)
        if not (phone.isascii() and phone.isdigit() and 5 <= len(phone) <= 15 and phone[0] != "0"):
            raise SimulatorError(f'"{phone}" is not a phone number: 5 to 15 digits with the country code, nothing else')
        if phone in self._by_phone:
            raise SimulatorError(f"there is an account with the number {phone} already")
        lid = str(_FIRST_LID + len(self._by_lid))
        account = Account(phone, lid, name or f"Account {phone[-4:]}", self._random)
        self._by_phone[phone] = self._by_lid[lid] = account
        return account

    def group(self, jid: str) -> Group | None:
        """The group with that JID."""
        return self.groups.find(jid)

    def by_phone(self, phone: str) -> Account | None:
        """The account with that number."""
        return self._by_phone.get(phone)

    def find(self, jid: str) -> tuple[Account, int] | None:
        """The account and device number that a JID names, by phone number or by LID; None if there is no account."""
        address, _, server = jid.partition("@")
        user, _, device = address.partition(":")
        account = (self._by_lid if server == "lid" else self._by_phone).get(user)
        if account is None or not _DEVICE.fullmatch(device):
            return None
        return account, int(device or "0")
