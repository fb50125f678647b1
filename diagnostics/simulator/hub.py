"""The whole server without I/O: everybody's accounts, all connections, the journal, and what is due later.

The shell hands in bytes and the time, and carries out what `take` gives it. Nothing here waits, reads a clock or
makes a random number of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from diagnostics.simulator.accounts import CONTACT_PHONE, Account, Companion, Directory
from diagnostics.simulator.errors import ProtocolError, ScanRefused, SimulatorError
from diagnostics.simulator.faults import Fault, Plan, refuse_misplaced
from diagnostics.simulator.group_life import GroupLife
from diagnostics.simulator.groups import Change, Group
from diagnostics.simulator.identity import NoiseIdentity
from diagnostics.simulator.iq_error import IqError
from diagnostics.simulator.journal import Journal, Line
from diagnostics.simulator.keys import Random
from diagnostics.simulator.media import MediaService
from diagnostics.simulator.outbox import Effect
from diagnostics.simulator.pairing import parse_qr
from diagnostics.simulator.pictures import Pictures
from diagnostics.simulator.settings import Settings
from diagnostics.simulator.stanza import Node, element
from diagnostics.simulator.stream import State, Stream

if TYPE_CHECKING:
    from diagnostics.simulator.app_state import Settings as SharedSettings
    from diagnostics.simulator.delivery import Delivery
    from diagnostics.simulator.people import Person

# Every reference is one QR code; clients show the first for 60 s and the others for 20 s.
REFERENCES = 6


class Hub:
    def __init__(
        self, now: float, random: Random, open_file: Callable[[], BinaryIO] = BytesIO, settings: Settings | None = None
    ) -> None:
        """`open_file` gives an empty file for an upload; it is closed when the upload is forgotten."""
        self.random = random
        self.settings = settings or Settings()
        self.identity = NoiseIdentity.create(now, random)
        self.directory = Directory(random)
        self.groups = GroupLife(self)
        self.contact = self.directory.add(CONTACT_PHONE, "Contact")
        self.journal = Journal()
        self.media = MediaService(random, open_file)
        self.pictures = Pictures(self)
        self.plan = Plan()  # of what is nobody's yet
        self._delivery: Delivery | None = None
        self._opened = 0
        self._references: dict[str, Stream] = {}
        self._online: dict[str, Stream] = {}  # by the device's JID
        self._effects: list[tuple[int, Effect]] = []
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._timers_set = 0

    # ---- connections

    def open(self) -> Stream:
        """A client has connected."""
        self._opened += 1
        return Stream(self._opened, self)

    def receive(self, stream: Stream, data: bytes, now: float) -> None:
        """Bytes from a client. Malformed ones end its connection, with a line in the journal."""
        if stream.state is State.CLOSED:
            return
        try:
            stream.receive(data, now)
        except ProtocolError as error:
            self.journal.add(Line(now, stream.number, "", "·", f"protocol error: {error}"))
            stream.close(now)

    def pong(self, stream: Stream, now: float) -> None:
        """A client has answered a Ping."""
        stream.pong(now)

    def lost(self, stream: Stream, now: float) -> None:
        """A connection is gone."""
        stream.lost(now)
        for ref in stream.linking.references if stream.linking else ():
            del self._references[ref]
        if stream.device is not None and self._online.get(stream.device) is stream:
            del self._online[stream.device]
            if stream.account is not None and stream.account.available and not self.streams(stream.account):
                self.delivery.available(stream.account, available=False, now=now)

    def take(self) -> list[tuple[int, Effect]]:
        """What is to be done now, in order: connection numbers and effects."""
        effects, self._effects = self._effects, []
        return effects

    # ---- time

    @property
    def next_timer(self) -> float | None:
        """When `wake` is due next, unix seconds."""
        return self._timers[0][0] if self._timers else None

    def wake(self, now: float) -> None:
        """Do what has become due."""
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

    def at(self, when: float, action: Callable[[float], None]) -> None:
        """Do it then; `action` gets the time at which it runs."""
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, action))

    # ---- what people do

    def scan(self, text: str | bytes, account: Account, now: float) -> None:
        """The phone of `account` scans a QR code.

        Raises:
            ScanRefused: the code is none, unknown, expired, or somebody else's.
            SimulatorError: the account is not of this server, or has no room for a further device.
        """
        self._check(account)
        code = parse_qr(text)
        stream = self._references.get(code.ref)
        if stream is None or stream.linking is None:
            raise ScanRefused("this QR code is unknown here: it has expired, or another server gave it out")
        stream.linking.scanned(code, account, now)

    def type_code(self, text: str, account: Account, now: float) -> None:
        """A person types a pairing code into the phone of `account`.

        Raises:
            ScanRefused: it is no such code, or no client waits for one to be typed into this phone.
            SimulatorError: the account is not of this server, or has no room for a further device.
        """
        self._check(account)
        waiting = [
            stream.linking
            for stream in self._references.values()
            if stream.pairing and stream.linking is not None and stream.linking.hello is not None
        ]
        asking = next((linking for linking in waiting if linking.hello and linking.hello.phone == account.phone), None)
        if asking is None:
            raise ScanRefused(f"no client waits for a code to be typed into the phone of {account.phone}")
        asking.typed(text, account, now)

    def unlink(self, account: Account, device: int, now: float) -> None:
        """The device is linked no more, whoever has decided it. Its next login is refused.

        Raises:
            SimulatorError: the account is not of this server, or has no such device.
        """
        self._check(account)
        account.unlink(device)
        stream = self._online.get(account.device_jid(device))
        if stream is not None:
            stream.removed(now)
        self.devices_changed(account, now)

    def devices_changed(self, account: Account, now: float) -> None:
        """An account has another list of devices than before: clients that may have cached it are told."""
        number = self.random(6).hex()
        attrs = {"from": account.jid, "lid": account.lid_jid, "type": "devices", "id": number, "t": str(int(now))}
        for stream in tuple(self._online.values()):
            stream.tell(Node("notification", attrs, (element("update", hash=number),)), now)

    def settings_of(self, account: Account, now: float) -> SharedSettings:
        """What the account's devices share; made when it is first needed."""
        if account.settings is None:
            from diagnostics.simulator.app_state import Settings as SharedSettings  # noqa: PLC0415 - often not needed

            account.settings = SharedSettings.create(account.name, now, self.random)
        settings: SharedSettings = account.settings
        return settings

    def settings_changed(self, account: Account, by: Companion, collection: str, now: float) -> None:
        """A device has changed what they share: the others are told."""
        for number in account.companions:
            stream = self.stream_of(account, number)
            if stream is not None and number != by.id:
                self.tell_settings_changed(stream, account, (collection,), now)

    def tell_settings_changed(self, stream: Stream, account: Account, collections: Iterable[str], now: float) -> None:
        """Have the device ask for what is new."""
        patches = self.settings_of(account, now).patches
        attrs = {"from": account.jid, "type": "server_sync", "id": self.random(6).hex(), "t": str(int(now))}
        changed = (element("collection", name=name, version=str(len(patches[name]))) for name in collections)
        stream.tell(Node("notification", attrs, tuple(changed)), now)

    def ready(self, stream: Stream, account: Account, companion: Companion, now: float) -> None:
        """A device has logged in: it gets what has waited for it, and at its first login what its phone shares."""
        if companion.waiting:
            self.delivery.ready(stream, companion, now)
        if self.settings.share_settings and not companion.has_sync_key:
            self.share_settings(account, companion, now)
        elif self.settings.share_settings and (missing := self.missing_settings(companion)):
            # It was stopped before it had asked for all. One that has lost the key on the way asks for it then.
            self.tell_settings_changed(stream, account, missing, now)
        if self.settings.share_history and not companion.has_history:
            self.share_history(account, companion, now)

    def share_history(self, account: Account, companion: Companion, now: float) -> None:
        """The phone gives the device the chats that it has."""
        from diagnostics.simulator.history import share  # noqa: PLC0415 - encryption, often not needed

        companion.has_history = True
        share(self.known(account), companion, self, now)

    @staticmethod
    def missing_settings(companion: Companion) -> tuple[str, ...]:
        """What the device has not yet asked for of what the account's devices share."""
        from diagnostics.simulator.app_state import COLLECTIONS  # noqa: PLC0415 - often not needed

        return tuple(name for name in COLLECTIONS if name not in companion.settings_asked)

    def share_settings(self, account: Account, companion: Companion, now: float) -> None:
        """The phone gives the device the key to what they share; the device then asks for all of it."""
        companion.has_sync_key = True
        self.person(account).tell_own_device(companion.id, self.settings_of(account, now).share(now), now)

    def person(self, account: Account) -> Person:
        """Who plays the account's phone."""
        from diagnostics.simulator.people import person  # noqa: PLC0415 - encryption, not needed to log in

        self._check(account)
        return person(account, self)

    @property
    def delivery(self) -> Delivery:
        if self._delivery is None:
            from diagnostics.simulator.delivery import Delivery  # noqa: PLC0415 - encryption, not needed to log in

            self._delivery = Delivery(self)
        return self._delivery

    def add_group(self, subject: str, members: Iterable[Account], now: float) -> Group:
        """A new group, which the first member has created. Raises SimulatorError."""
        people = list(map(self.known, members))
        if not people:
            raise SimulatorError("a group has members")
        try:
            return self.groups.create(people[0], subject, people[1:], now)
        except IqError as refused:
            raise SimulatorError(f"WhatsApp makes no such group: {refused}") from None

    def change_group(self, jid: str, change: Change, by: Account, people: Iterable[Account], now: float) -> None:
        """A phone adds people to a group, removes them, … Raises SimulatorError, also when it works with some only."""
        jids = [self.known(account).jid for account in people]
        try:
            outcomes = self.groups.change(self.group(jid), change, self.known(by), jids, now)
        except IqError as refused:
            raise SimulatorError(f"{by.phone} may not: {refused}") from None
        codes = {jid: code for jid, _, code in outcomes if code}
        if codes:
            raise SimulatorError(f"WhatsApp says no to {change} {codes}")

    def leave_group(self, jid: str, account: Account, now: float) -> None:
        """Raises SimulatorError."""
        try:
            self.groups.leave(self.group(jid), self.known(account), now)
        except IqError:
            raise SimulatorError(f"{account.phone} is no member of {jid}") from None

    def rename_group(self, jid: str, subject: str, by: Account, now: float) -> None:
        """Raises SimulatorError."""
        try:
            self.groups.rename(self.group(jid), subject, self.known(by), now)
        except IqError as refused:
            raise SimulatorError(f"{by.phone} cannot rename {jid}: {refused}") from None

    def set_picture(self, account: Account, jpeg: bytes | None, now: float) -> None:
        """The phone changes the profile picture. Raises SimulatorError for what is none."""
        self._check(account)
        if jpeg is None:
            self.pictures.remove(account, account, now)
            return
        try:
            self.pictures.set(account, jpeg, account, now)
        except IqError:
            raise SimulatorError("a profile picture is a JPEG of at most 1 MiB") from None

    def picture(self, account: Account) -> bytes | None:
        """The profile picture that the account shows."""
        media = self.pictures.shown(account)
        return None if media is None else b"".join(media.read(0, media.size, media.size))

    def group(self, jid: str) -> Group:
        """The group with that JID. Raises SimulatorError where there is none."""
        group = self.directory.group(jid)
        if group is None:
            raise SimulatorError(f"there is no group {jid}")
        return group

    def known(self, account: Account) -> Account:
        """The account. Raises SimulatorError when it is another server's."""
        self._check(account)
        return account

    def note(self, text: str, now: float) -> None:
        """Something for the journal that belongs to no connection."""
        self.journal.add(Line(now, 0, "", "·", text))

    def stream_of(self, account: Account, device: int) -> Stream | None:
        """The connection of a linked device, None while it has none."""
        return self._online.get(account.device_jid(device))

    def apply(self, account: Account | None, faults: Iterable[Fault], now: float) -> None:
        """From now on exactly these faults hold for the account (None: for all), and are counted anew.

        Raises:
            SimulatorError: the account is not of this server, or a fault cannot be of an account, or of all.
        """
        faults = tuple(faults)
        refuse_misplaced(faults, of_an_account=account is not None)
        plan = Plan(faults, now)
        if account is None:
            self.plan = plan
            return
        self._check(account)
        account.plan = plan
        for stream in self.streams(account):
            stream.out.plan = plan
        for when, number in plan.timers():
            self.at(when, self._alarm(account, plan, number))

    def _alarm(self, account: Account, plan: Plan, number: int) -> Callable[[float], None]:
        def ring(now: float) -> None:
            if account.plan is not plan:
                return
            action, again = plan.ring(number, now)
            if again is not None:
                self.at(again, ring)
            if action is not None:
                for stream in self.streams(account):
                    stream.strike(action, now)

        return ring

    def streams(self, account: Account) -> list[Stream]:
        """The connections of the account's linked devices."""
        jids = (account.device_jid(number) for number in account.companions)
        return [self._online[jid] for jid in jids if jid in self._online]

    def _check(self, account: Account) -> None:
        if self.directory.by_phone(account.phone) is not account:
            raise SimulatorError(f"the account {account.phone} belongs to another server")

    # ---- for streams

    def emit(self, number: int, effect: Effect) -> None:
        """Have the shell do it, on the connection of that number."""
        self._effects.append((number, effect))

    def new_references(self, stream: Stream, now: float) -> dict[str, float]:
        """Fresh QR references for a client, and when each expires."""
        references: dict[str, float] = {}
        expires = now + self.settings.first_qr
        for _ in range(REFERENCES):
            ref = "2@" + self.random(24).hex()
            self._references[ref] = stream
            references[ref] = expires
            expires += self.settings.next_qr
        self.at(expires - self.settings.next_qr, stream.expire)
        return references

    def logged_in(self, stream: Stream, device: str, now: float) -> None:
        """A device has logged in; the connection that it had before is told so and ended."""
        before = self._online.get(device)
        if before is not None:
            before.replaced(now)
        self._online[device] = stream
