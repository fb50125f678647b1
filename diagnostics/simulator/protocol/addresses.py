"""Addresses (JIDs) as text: "15550000001:1@s.whatsapp.net" by phone number, "100000000000002:1@lid" by LID.

The number after the colon is the device. Device 0 is the phone, and is usually written without its number.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddressPair:
    """A device, or an account, by both of its addresses: `jid` by phone number, `lid` by LID.

    Device 0 is written without its number. `AddressPair.of` takes either spelling.
    """

    jid: str
    lid: str

    @classmethod
    def of(cls, jid: str, lid: str) -> AddressPair:
        return cls(plain(jid), plain(lid))

    @property
    def account(self) -> AddressPair:
        return AddressPair(account_of(self.jid), account_of(self.lid))


def plain(jid: str) -> str:
    """The JID with device 0 written without its number, so that equal devices compare equal."""
    return jid.replace(":0@", "@")


def account_of(jid: str) -> str:
    """The JID without the device."""
    address, _, server = jid.partition("@")
    return f"{address.partition(':')[0]}@{server}"


def is_group(jid: str) -> bool:
    """Whether the JID is a group's."""
    return jid.endswith("@g.us")
