"""`Account`: one person on the simulated WhatsApp, with a phone number, a phone and linked devices.

The owner of a session under test and the contact that it writes to are accounts alike.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from diagnostics.simulator.faults.fault_plan import Plan
from diagnostics.simulator.protocol.addresses import AddressPair
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.prekeys import Bundle
from diagnostics.simulator.simulator_errors import SimulatorError
from diagnostics.simulator.world.account_devices import Companion, PhoneKeys
from diagnostics.simulator.world.message_records import Message, PlainMessage, Receipt

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.app_state import SharedSettings

PRIVACY = ("readreceipts", "profile", "status", "online", "last", "groupadd", "calladd")
_MESSAGES_KEPT = 10_000
_COMPANIONS_MAX = 99


class Account:
    """One person. The JIDs derive from `phone` and `lid`, which are digits.

    Attributes:
        name: the push name, which others see.
        primary: the keys of the phone.
        companions: the linked devices, by number.
        plan: the faults of this account.
        inbox: the last 10,000 messages that the phone has decrypted.
        receipts: the last 10,000 receipts that others have sent.
        about: the text on the profile.
        picture: id of the profile picture, "" without one.
        available: the account has said that it is online; `last_seen` is when it last was, unix seconds.
        blocked: LID JIDs of the accounts that it has blocked.
        privacy: who may see what, by category.
        watchers: by JID of a device that subscribed to this account's presence, the address that it used for it.
        settings: the shared settings of its devices, None until they are first needed.
    """

    __slots__ = (
        *("_last_device", "_messages", "about", "available", "blocked", "companions", "inbox", "last_seen", "lid"),
        *("name", "phone", "picture", "plan", "primary", "privacy", "receipts", "settings", "watchers"),
    )

    def __init__(self, phone: str, lid: str, name: str, random: Random) -> None:
        self.phone = phone
        self.lid = lid
        self.name = name
        self.primary = PhoneKeys(random)
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
        self.settings: SharedSettings | None = None

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

    def device_addresses(self, device: int) -> AddressPair:
        """Both addresses of one device."""
        return AddressPair.of(self.device_jid(device), self.device_lid(device))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The last 10,000 messages that its linked devices sent, oldest first."""
        return tuple(self._messages.values())

    def record(self, message: Message) -> None:
        """Store a message. One that is sent again (with the same id) replaces the earlier record."""
        self._messages[message.id] = message
        while len(self._messages) > _MESSAGES_KEPT:
            self._messages.popitem(last=False)

    def check_room_for_device(self) -> None:
        """Raise SimulatorError if the account has as many companions as it can have."""
        if len(self.companions) >= _COMPANIONS_MAX:
            raise SimulatorError(f"account {self.phone} has {_COMPANIONS_MAX} linked devices already")

    def next_device_id(self) -> int:
        """A number for a new companion.

        Numbers are not used again while there are others: a device that was offered a number may not have signed back
        yet, and other people still have sessions with a device that was unlinked.

        Raises:
            SimulatorError: the account has as many companions as there are numbers.
        """
        self.check_room_for_device()
        while True:
            self._last_device = self._last_device % _COMPANIONS_MAX + 1
            if self._last_device not in self.companions:
                return self._last_device

    def link(self, companion: Companion) -> None:
        """Add a companion."""
        self.companions[companion.id] = companion

    def unlink(self, device: int) -> None:
        """Remove a companion.

        Raises:
            SimulatorError: the account has no such companion.
        """
        if self.companions.pop(device, None) is None:
            raise SimulatorError(f"the account {self.phone} has no linked device {device}")

    def bundle(self, device: int, *, exhausted: bool = False) -> Bundle | None:
        """The prekey bundle of a device, None if there is no such device. `exhausted`: without a one-time prekey."""
        if device == 0:
            return self.primary.bundle(exhausted=exhausted)
        companion = self.companions.get(device)
        return companion.bundle(exhausted=exhausted) if companion else None
