"""The whole server without I/O: all accounts, all connections, the journal, and what is due later.

The I/O layer passes in bytes and the time, and carries out the effects that `take` returns. The hub never waits, and
does not read a clock or make random numbers itself.

The hub implements the Protocols with which the other modules of the core state what they need, such as `ServerContext`.
To make the start of a server fast, modules are imported when they are first used: `stream` and what it needs by the
first connection, modules that need end-to-end encryption by the first message.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from diagnostics.simulator.core.device_delivery import DeviceDelivery
from diagnostics.simulator.core.effects import Effect
from diagnostics.simulator.core.group_changes import GroupChanges
from diagnostics.simulator.core.journal import Journal, Line
from diagnostics.simulator.core.picture_changes import PictureChanges
from diagnostics.simulator.core.presence import Presence
from diagnostics.simulator.core.qr_references import QrReferences
from diagnostics.simulator.core.settings_sync import SettingsSync
from diagnostics.simulator.faults.fault_plan import Fault, Plan, refuse_misplaced
from diagnostics.simulator.protocol.iq_stanzas import IqError
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.noise_identity import NoiseIdentity
from diagnostics.simulator.protocol.qr_code import parse_qr
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.simulator_errors import ProtocolError, ScanRefused, SimulatorError
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion
from diagnostics.simulator.world.directory import CONTACT_PHONE, Directory
from diagnostics.simulator.world.group import Change, Group
from diagnostics.simulator.world.media_store import MediaStore
from diagnostics.simulator.world.profile_pictures import ProfilePictures

if TYPE_CHECKING:
    from diagnostics.simulator.core.device_linking import DeviceLinking
    from diagnostics.simulator.core.played_phone import PlayedPhone, PlayedPhones
    from diagnostics.simulator.core.routing import Routing
    from diagnostics.simulator.core.stream import Stream


class Hub:
    """One server. Implements `StreamContext` and the other contexts of the core."""

    def __init__(
        self, now: float, random: Random, open_file: Callable[[], BinaryIO] = BytesIO, settings: Settings | None = None
    ) -> None:
        """Create a server without connections.

        Args:
            now: unix seconds.
            random: the source of random bytes.
            open_file: returns an empty file for an upload, which is closed when the upload is deleted.
            settings: None for the defaults.
        """
        self.random = random
        self.settings = settings or Settings()
        self.identity = NoiseIdentity.create(now, random)
        self.directory = Directory(random)
        self.contact = self.directory.add(CONTACT_PHONE, "Contact")
        self.journal = Journal()
        self.media = MediaStore(random, open_file)
        self.pictures = ProfilePictures(self.media)
        self.plan = Plan()  # faults of connections whose account is not known yet
        self.devices = DeviceDelivery(self)
        self.groups = GroupChanges(self)
        self.picture_changes = PictureChanges(self)
        self.presence = Presence(self)
        self.shared_settings = SettingsSync(self)
        self._references = QrReferences(random, self.settings, self.at)
        self._phones: PlayedPhones | None = None
        self._routing: Routing | None = None
        self._opened = 0
        self._online: dict[str, Stream] = {}  # by the device's JID
        self._effects: list[tuple[int, Effect]] = []
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._timers_set = 0

    # Connections, for the I/O layer

    def open(self) -> Stream:
        """A client has connected."""
        from diagnostics.simulator.core.stream import Stream  # noqa: PLC0415 - see the module

        self._opened += 1
        return Stream(self._opened, self)

    def receive(self, stream: Stream, data: bytes, now: float) -> None:
        """Take bytes of a client. Malformed ones end its connection, with a line in the journal."""
        if stream.closed:
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
        """A connection was ended by either side."""
        stream.lost(now)
        if stream.linking is not None:
            self._references.forget(stream.linking)
        session = stream.session
        if session is not None and self._online.get(session.jid) is stream:
            del self._online[session.jid]
            if session.account.available and not self.streams(session.account):
                self.presence.change(session.account, available=False, now=now)

    def take(self) -> list[tuple[int, Effect]]:
        """The effects to carry out now, in order, with the number of the connection of each."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def next_timer(self) -> float | None:
        """When `wake` has to be called next, unix seconds; None for never."""
        return self._timers[0][0] if self._timers else None

    def wake(self, now: float) -> None:
        """Do what has become due."""
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2](now)

    # What tests and the console do

    def scan(self, text: str | bytes, account: Account, now: float) -> None:
        """Have the phone of `account` scan a QR code.

        Raises:
            ScanRefused: it is not a QR code, it is unknown or expired, or belongs to another client.
            SimulatorError: the account is another server's, or has no room for another device.
        """
        self.known(account)
        code = parse_qr(text)
        linking = self._references.owner(code.ref)
        if linking is None:
            raise ScanRefused("this QR code is unknown here: it has expired, or another server gave it out")
        linking.scanned(code, account, now)

    def type_code(self, text: str, account: Account, now: float) -> None:
        """Have a person type a pairing code into the phone of `account`.

        Raises:
            ScanRefused: it is not a pairing code, or no client waits for one to be typed into this phone.
            SimulatorError: the account is another server's, or has no room for another device.
        """
        self.known(account)
        linking = self._references.waiting_for(account.phone)
        if linking is None:
            raise ScanRefused(f"no client waits for a code to be typed into the phone of {account.phone}")
        linking.typed(text, account, now)

    def unlink(self, account: Account, device: int, now: float) -> None:
        """Unlink a device, by its own request or by its phone. Its next login is refused.

        Raises:
            SimulatorError: the account is another server's, or has no such device.
        """
        self.known(account)
        account.unlink(device)
        stream = self._online.get(account.device_jid(device))
        if stream is not None:
            stream.removed(now)
        self.devices_changed(account, now)

    def add_group(self, subject: str, members: Iterable[Account], now: float) -> Group:
        """Create a group whose creator is the first member. Raises SimulatorError."""
        people = list(map(self.known, members))
        if not people:
            raise SimulatorError("a group has members")
        try:
            return self.groups.create(people[0], subject, people[1:], now)
        except IqError as refused:
            raise SimulatorError(f"WhatsApp refuses to create this group: {refused}") from None

    def change_group(self, jid: str, change: Change, by: Account, people: Iterable[Account], now: float) -> None:
        """Have a phone add or remove members, or promote or demote them.

        Raises:
            SimulatorError: the change was refused for at least one of the people, or there is no such group.
        """
        jids = [self.known(account).jid for account in people]
        try:
            outcomes = self.groups.change(self.group(jid), change, self.known(by), jids, now)
        except IqError as refused:
            raise SimulatorError(f"{by.phone} may not: {refused}") from None
        codes = {jid: code for jid, _, code in outcomes if code}
        if codes:
            raise SimulatorError(f"WhatsApp refuses to {change}: {codes}")

    def leave_group(self, jid: str, account: Account, now: float) -> None:
        """Have a phone leave a group. Raises SimulatorError if the account is not a member."""
        try:
            self.groups.leave(self.group(jid), self.known(account), now)
        except IqError:
            raise SimulatorError(f"{account.phone} is not a member of {jid}") from None

    def rename_group(self, jid: str, subject: str, by: Account, now: float) -> None:
        """Have a phone change the subject of a group. Raises SimulatorError if it may not."""
        try:
            self.groups.rename(self.group(jid), subject, self.known(by), now)
        except IqError as refused:
            raise SimulatorError(f"{by.phone} cannot rename {jid}: {refused}") from None

    def set_picture(self, account: Account, jpeg: bytes | None, now: float) -> None:
        """Have a phone set the profile picture, or remove it (None). Raises SimulatorError for anything but a JPEG."""
        self.known(account)
        if jpeg is None:
            self.picture_changes.remove(account, account, now)
            return
        try:
            self.picture_changes.set(account, jpeg, account, now)
        except IqError:
            raise SimulatorError("a profile picture is a JPEG of at most 1 MiB") from None

    def picture(self, account: Account) -> bytes | None:
        """The profile picture of the account, None without one."""
        media = self.pictures.of(account)
        return None if media is None else b"".join(media.read(0, media.size, media.size))

    def group(self, jid: str) -> Group:
        """The group with that JID. Raises SimulatorError if there is none."""
        group = self.directory.group(jid)
        if group is None:
            raise SimulatorError(f"there is no group {jid}")
        return group

    def known(self, account: Account) -> Account:
        """The account itself. Raises SimulatorError if it is another server's."""
        if self.directory.by_phone(account.phone) is not account:
            raise SimulatorError(f"the account {account.phone} belongs to another server")
        return account

    def phone(self, account: Account) -> PlayedPhone:
        """The phone of the account. Raises SimulatorError if the account is another server's."""
        return self.phones.of(self.known(account))

    def apply(self, account: Account | None, faults: Iterable[Fault], now: float) -> None:
        """Replace the faults of the account (None: of all clients). Events and seconds count from `now`.

        Raises:
            SimulatorError: the account is another server's, or a fault cannot belong to an account, or to all clients.
        """
        faults = tuple(faults)
        refuse_misplaced(faults, of_an_account=account is not None)
        plan = Plan(faults, now)
        if account is None:
            self.plan = plan
            return
        self.known(account).plan = plan
        for stream in self.streams(account):
            stream.out.plan = plan
        for when, number in plan.timers():
            self.at(when, self._alarm(account, plan, number))

    def _alarm(self, account: Account, plan: Plan, number: int) -> Callable[[float], None]:
        """The action of a timer for a fault of TIME."""

        def ring(now: float) -> None:
            if account.plan is not plan:
                return
            action, again = plan.due(number, now)
            if again is not None:
                self.at(again, ring)
            if action is not None:
                for stream in self.streams(account):
                    stream.strike(action, now)

        return ring

    # What the other modules of the core need; see their contexts

    def at(self, when: float, action: Callable[[float], None]) -> None:
        """Call `action` at `when` (unix seconds) with the time at which it runs."""
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, action))

    def emit(self, connection: int, effect: Effect) -> None:
        """Have the I/O layer carry out the effect on the connection with that number."""
        self._effects.append((connection, effect))

    def note(self, text: str, now: float) -> None:
        """Log a sentence that belongs to no connection."""
        self.journal.add(Line(now, 0, "", "·", text))

    def streams(self, account: Account) -> list[Stream]:
        """The connections of the account's linked devices."""
        jids = (account.device_jid(number) for number in account.companions)
        return [self._online[jid] for jid in jids if jid in self._online]

    def stream_of(self, account: Account, device: int) -> Stream | None:
        """The connection of one linked device, None if it is offline."""
        return self._online.get(account.device_jid(device))

    @property
    def phones(self) -> PlayedPhones:
        """The phones that the server plays."""
        if self._phones is None:
            from diagnostics.simulator.core.played_phone import PlayedPhones  # noqa: PLC0415 - see the module

            self._phones = PlayedPhones(self)
        return self._phones

    @property
    def routing(self) -> Routing:
        """Delivers messages and receipts."""
        if self._routing is None:
            from diagnostics.simulator.core.routing import Routing  # noqa: PLC0415 - see the module

            self._routing = Routing(self)
        return self._routing

    def renew_sender_keys(self, group: Group) -> None:
        """Have the phones of all members use a fresh sender key from now on."""
        if self._phones is not None:
            self._phones.renew_sender_keys(group)

    def new_references(self, linking: DeviceLinking, now: float) -> dict[str, float]:
        """New references for QR codes, with the time when each expires, unix seconds."""
        return self._references.new(linking, now)

    def devices_changed(self, account: Account, now: float) -> None:
        """Tell all clients that the account's list of devices has changed: they may have cached it."""
        number = self.random(6).hex()
        attrs = {"from": account.jid, "lid": account.lid_jid, "type": "devices", "id": number, "t": str(int(now))}
        for stream in tuple(self._online.values()):
            stream.tell(Node("notification", attrs, (element("update", hash=number),)), now)

    def logged_in(self, stream: Stream, device: str, now: float) -> None:
        """A device has logged in; an earlier connection of it is told so and ended."""
        before = self._online.get(device)
        if before is not None:
            before.replaced(now)
        self._online[device] = stream

    def ready(self, account: Account, companion: Companion, now: float) -> None:
        """A login is complete: send the device what has waited for it, and at its first login what its phone shares."""
        stream = self.stream_of(account, companion.id)
        if stream is None:
            return
        self.devices.send_waiting(stream, companion, now)
        if self.settings.share_settings and not companion.has_sync_key:
            self.phone(account).share_settings(companion, now)
        elif self.settings.share_settings and (missing := self.shared_settings.missing(companion)):
            # It was stopped before it had asked for all. If it has lost the key meanwhile, it asks for that as well.
            self.shared_settings.tell_changed(stream, account, missing, now)
        if self.settings.share_history and not companion.has_history:
            self.phone(account).share_history(companion, now)
