"""People on the simulated WhatsApp: their numbers, their phones, and the companion devices linked to them.

Everybody is an `Account`: the owner of a session under test as well as the contact that it writes to. The phone
(device 0) is played by the server, which therefore holds its private keys; a companion device belongs to a client,
which uploads public keys only.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from diagnostics.simulator.errors import SimulatorError
from diagnostics.simulator.faults import Plan
from diagnostics.simulator.groups import Group, Groups
from diagnostics.simulator.keys import DJB_TYPE, KeyPair, Random
from diagnostics.simulator.stanza import Node

# No number of this area code is in service.
CONTACT_PHONE = "15550009999"
_FIRST_PHONE = 15550000001
_FIRST_LID = 100_000_000_000_001
_MESSAGES_KEPT = 10_000
_COMPANIONS_MAX = 99
_KEYS_KEPT = 10_000  # one-time keys that a phone has given out and nobody has used
PRIVACY = ("readreceipts", "profile", "status", "online", "last", "groupadd", "calladd")
_DEVICE = re.compile(r"[0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class PreKey:
    """A public prekey: its number (24 bits), the key, and for the signed one the identity's signature."""

    id: int
    public: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What somebody needs to open an encrypted session with one device. `one_time` is None when none is left."""

    registration: int
    identity: bytes
    signed: PreKey
    one_time: PreKey | None


class Phone:
    """Device 0, with its private keys (`e2e.ratchet.Keys`). Keys are made when they are first asked for."""

    __slots__ = ("_made", "_one_time", "_random", "_signed", "identity", "registration")

    def __init__(self, random: Random) -> None:
        self._random = random
        self.identity = KeyPair.generate(random)
        self.registration = int.from_bytes(random(2), "big") & 0x3FFF
        self._signed: tuple[KeyPair, PreKey] | None = None
        self._one_time: dict[int, KeyPair] = {}
        self._made = 0

    def signed_prekey(self, number: int) -> KeyPair | None:
        return self._signed[0] if self._signed is not None and self._signed[1].id == number else None

    def one_time_prekey(self, number: int) -> KeyPair | None:
        return self._one_time.get(number)

    def forget_one_time_prekey(self, number: int) -> None:
        self._one_time.pop(number, None)

    def bundle(self, *, exhausted: bool = False) -> Bundle:
        """A bundle with a fresh one-time key, which is not given out again; `exhausted`: without one."""
        if self._signed is None:
            pair = KeyPair.generate(self._random)
            signature = self.identity.sign(DJB_TYPE + pair.public, self._random)
            self._signed = pair, PreKey(1, pair.public, signature)
        if exhausted:
            return Bundle(self.registration, self.identity.public, self._signed[1], None)
        self._made += 1  # numbers are not used again, nor is 0, which means none
        pair = self._one_time[self._made] = KeyPair.generate(self._random)
        self._one_time.pop(self._made - _KEYS_KEPT, None)
        return Bundle(self.registration, self.identity.public, self._signed[1], PreKey(self._made, pair.public))


@dataclass(slots=True)
class Companion:
    """A linked device, as its client described it.

    Attributes:
        id: 1 to 99; with the account's number it makes the device's JID.
        noise: the static key that the device proves at every login.
        prekeys: uploaded one-time keys that nobody has taken yet, by number.
        waiting: what it was sent and has not acknowledged yet, in order. See `delivery`.
        has_sync_key: it was given the key to the account's settings; `settings_asked`: the collections of them that
            it has asked for since; `has_history`: it was given the phone's chats.
    """

    id: int
    noise: bytes
    registration: int
    identity: bytes
    signed: PreKey
    prekeys: dict[int, PreKey] = field(default_factory=dict)
    waiting: OrderedDict[tuple[str, str, str], Node] = field(default_factory=OrderedDict)
    has_sync_key: bool = False
    settings_asked: set[str] = field(default_factory=set)
    has_history: bool = False

    def bundle(self, *, exhausted: bool = False) -> Bundle:
        """A bundle with a one-time key that is not given out again; `exhausted`, or when there is none: without."""
        number = None if exhausted else next(iter(self.prekeys), None)
        one_time = None if number is None else self.prekeys.pop(number)
        return Bundle(self.registration, self.identity, self.signed, one_time)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a client handed over.

    Attributes:
        id: the client's own.
        to: the JID it was addressed to, usually a LID.
        type: "text", "media", "reaction", …
        media: "image", "video", … for media, else "".
        acknowledged: the server acknowledged it, without an error.
        error: the code in the acknowledgement, None without one.
        at: unix seconds.
        recipient_exists: the address is somebody's on WhatsApp, or a group's. Otherwise the message is acknowledged
            and never delivered.
    """

    id: str
    to: str
    type: str
    media: str
    acknowledged: bool
    error: int | None
    at: float
    recipient_exists: bool = True


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A message as the phone of an account has read it, decrypted.

    Attributes:
        id: the sender's own.
        sender: JID of the device that sent it, "15550000001:1@s.whatsapp.net".
        chat: phone number of whom the chat is with, or JID of the group.
        text: its text or caption.
        kind: "text", "image", "video", "audio", "document", "sticker", "reaction", "poll".
        from_me: another device of the account has sent it.
        at: unix seconds.
        content: the protobuf `Message`.
    """

    id: str
    sender: str
    chat: str
    text: str
    kind: str
    from_me: bool
    at: float
    content: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Somebody has got or read a message of the account's.

    Attributes:
        ids: of the messages.
        sender: JID of the device that says so.
        type: "" delivered, "inactive" delivered to a client in the background, "read", "played", "retry", "sender" …
        at: unix seconds.
    """

    ids: tuple[str, ...]
    sender: str
    type: str
    at: float


class Account:
    """One person. `phone` and `lid` are digits, from which the JIDs derive.

    Attributes:
        plan: what goes wrong for them.
        inbox: what their phone has read; the last 10,000.
        receipts: what others have said about their messages; the last 10,000.
        about: the text on their profile.
        picture: id of the profile picture, "" without one.
        available: they say that they are there; `last_seen` is when they last did.
        blocked: LID JIDs of whom they have blocked.
        privacy: who may see what, by category.
        watchers: by JID of a device, the address by which it asked to be told whether this account is there.
        settings: what their devices share; see `app_state`.
        extra: what the modules that play them keep (`people.Person`); made when it is first needed.
    """

    __slots__ = (
        *(
            "_last_device",
            "_messages",
            "about",
            "available",
            "blocked",
            "companions",
            "extra",
            "inbox",
            "last_seen",
            "lid",
            "name",
        ),
        *("phone", "picture", "plan", "primary", "privacy", "receipts", "settings", "watchers"),
    )

    def __init__(self, phone: str, lid: str, name: str, random: Random) -> None:
        self.phone = phone
        self.lid = lid
        self.name = name
        self.primary = Phone(random)
        self.companions: dict[int, Companion] = {}
        self._last_device = 0
        self.plan = Plan()
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self.inbox: deque[PlainMessage] = deque(maxlen=_MESSAGES_KEPT)
        self.receipts: deque[Receipt] = deque(maxlen=_MESSAGES_KEPT)
        self.about = "Hey there! I am using WhatsApp."
        self.picture = ""
        self.available = False
        self.last_seen = 0.0
        self.blocked: dict[str, None] = {}
        self.privacy = dict.fromkeys(PRIVACY, "all")
        self.watchers: dict[str, str] = {}
        self.settings: Any = None
        self.extra: Any = None

    @property
    def jid(self) -> str:
        return f"{self.phone}@s.whatsapp.net"

    @property
    def lid_jid(self) -> str:
        return f"{self.lid}@lid"

    def device_jid(self, device: int) -> str:
        return f"{self.phone}:{device}@s.whatsapp.net"

    def device_lid(self, device: int) -> str:
        return f"{self.lid}:{device}@lid"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What its devices sent, oldest first; the last 10,000."""
        return tuple(self._messages.values())

    def record(self, message: Message) -> None:
        """Remember a message; one that is sent again (same id) replaces what was known of it."""
        self._messages[message.id] = message
        while len(self._messages) > _MESSAGES_KEPT:
            self._messages.popitem(last=False)

    def refuse_crowd(self) -> None:
        """Raise SimulatorError when the account has no room for a further companion."""
        if len(self.companions) >= _COMPANIONS_MAX:
            raise SimulatorError(f"account {self.phone} has {_COMPANIONS_MAX} linked devices already")

    def next_device_id(self) -> int:
        """A number for a further companion. As long as there are others none is given again: not while the device
        that it was given to has yet to sign back, nor when people still have sessions with one that is unlinked.

        Raises:
            SimulatorError: the account has as many companions as numbers.
        """
        self.refuse_crowd()
        while True:
            self._last_device = self._last_device % _COMPANIONS_MAX + 1
            if self._last_device not in self.companions:
                return self._last_device

    def link(self, companion: Companion) -> None:
        """The device is one of the account's from now on."""
        self.companions[companion.id] = companion

    def unlink(self, device: int) -> None:
        """The device is none of the account's any more.

        Raises:
            SimulatorError: it never was.
        """
        if self.companions.pop(device, None) is None:
            raise SimulatorError(f"the account {self.phone} has no linked device {device}")

    def bundle(self, device: int, *, exhausted: bool = False) -> Bundle | None:
        """The prekey bundle of a device, None where there is no such device."""
        if device == 0:
            return self.primary.bundle(exhausted=exhausted)
        companion = self.companions.get(device)
        return companion.bundle(exhausted=exhausted) if companion else None


class Directory:
    """Everybody on WhatsApp, by number and by LID, and the `groups`."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._by_phone: dict[str, Account] = {}
        self._by_lid: dict[str, Account] = {}
        self._next_phone = _FIRST_PHONE
        self.groups = Groups()

    def __iter__(self) -> Iterator[Account]:
        return iter(tuple(self._by_phone.values()))

    def add(self, phone: str | None = None, name: str = "") -> Account:
        """A new account; without a number it gets the next free one.

        Raises:
            SimulatorError: the number is none, or taken.
        """
        if phone is None:
            while str(self._next_phone) in self._by_phone:
                self._next_phone += 1
            phone = str(self._next_phone)
        if not (phone.isascii() and phone.isdigit() and 5 <= len(phone) <= 15 and phone[0] != "0"):
            raise SimulatorError(f'"{phone}" is no phone number: 5 to 15 digits with the country code, nothing else')
        if phone in self._by_phone:
            raise SimulatorError(f"there is an account with the number {phone} already")
        lid = str(_FIRST_LID + len(self._by_lid))
        account = Account(phone, lid, name or f"Account {phone[-4:]}", self._random)
        self._by_phone[phone] = self._by_lid[lid] = account
        return account

    def group(self, jid: str) -> Group | None:
        return self.groups.find(jid)

    def by_phone(self, phone: str) -> Account | None:
        return self._by_phone.get(phone)

    def find(self, jid: str) -> tuple[Account, int] | None:
        """The account and device number that a JID names, whichever of its two addresses it uses."""
        address, _, server = jid.partition("@")
        user, _, device = address.partition(":")
        account = (self._by_lid if server == "lid" else self._by_phone).get(user)
        if account is None or not _DEVICE.fullmatch(device):
            return None
        return account, int(device or "0")
