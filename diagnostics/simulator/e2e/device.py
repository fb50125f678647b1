"""One device of the simulator's own: its keys, its sessions with other devices, and its groups.

Other devices are named by `address`es, whose spelling is the caller's as long as it is always the same; the LID
address of a device ("100000000000002:1@lid") is what the real clients use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diagnostics.simulator.e2e.errors import Undecipherable, UnusableBundle
from diagnostics.simulator.e2e.formats import Distribution, PreKeyMessage, SenderKeyMessage, SignalMessage
from diagnostics.simulator.e2e.groups import Member, OwnSenderKey
from diagnostics.simulator.e2e.ratchet import Keys
from diagnostics.simulator.e2e.session import Session
from diagnostics.simulator.keys import Random

if TYPE_CHECKING:
    from diagnostics.simulator.accounts import Bundle


class Device:
    """
    Attributes:
        keys: its private keys.
        signed_identity: a companion's serialized ADVSignedDeviceIdentity, which goes with its first messages; b"" for
            a phone.

    What fails leaves the device as it was.
    """

    __slots__ = ("_members", "_own", "_random", "_sessions", "keys", "signed_identity")

    def __init__(self, keys: Keys, random: Random, signed_identity: bytes = b"") -> None:
        self.keys = keys
        self.signed_identity = signed_identity
        self._random = random
        self._sessions: dict[str, Session] = {}
        self._own: dict[str, OwnSenderKey] = {}  # by group
        self._members: dict[tuple[str, str], Member] = {}  # by group and address

    # ---- with one other device

    def encrypt(self, address: str, plaintext: bytes, bundle: Callable[[], Bundle | None]) -> tuple[str, bytes]:
        """The type of the ciphertext, "pkmsg" or "msg", and the ciphertext.

        `bundle` is called where there is no session yet.

        Raises:
            UnusableBundle: it gave none, or one that is wrong.
        """
        if address not in self._sessions:
            self.start(address, bundle())
        self._sessions[address], message = self._sessions[address].encrypt(plaintext)
        return "pkmsg" if isinstance(message, PreKeyMessage) else "msg", message.encode()

    def start(self, address: str, bundle: Bundle | None) -> None:
        """Write to this device with a fresh session from now on. Raises UnusableBundle."""
        if bundle is None:
            raise UnusableBundle(f"there is no device {address} to write to")
        session = self._sessions.get(address, Session())
        self._sessions[address] = session.initiate(self.keys, bundle, self._random)

    def decrypt(self, address: str, kind: str, ciphertext: bytes) -> bytes:
        """What the device with that address encrypted for this one. `kind` is "pkmsg" or "msg".

        Raises:
            AlreadyReceived: a second time.
            Undecipherable: it cannot be read.
        """
        session = self._sessions.get(address, Session())
        if kind == "pkmsg":
            session, plaintext = session.decrypt_first(self.keys, PreKeyMessage.read(ciphertext), self._random)
        elif kind == "msg":
            session, plaintext = session.decrypt(SignalMessage.read(ciphertext), self._random)
        else:
            raise Undecipherable(f'a ciphertext of type "{kind[:20]}" is not for one device')
        self._sessions[address] = session
        return plaintext

    def forget(self, address: str) -> None:
        """Lose the sessions with this device, as a reinstalled app has lost them."""
        self._sessions.pop(address, None)

    # ---- with a group

    def distribution(self, group: str) -> bytes:
        """The key for the device's next messages to the group; made when it is first asked for."""
        if group not in self._own:
            self._own[group] = OwnSenderKey.create(self._random)
        return self._own[group].distribution().encode()

    def renew(self, group: str) -> None:
        """Write with a fresh sender key from now on, as is done when a member has left."""
        self._own.pop(group, None)

    def encrypt_for_group(self, group: str, plaintext: bytes) -> bytes:
        """For the members that have had the `distribution` before."""
        self.distribution(group)
        self._own[group], message = self._own[group].encrypt(plaintext, self._random)
        return message.encode()

    def learn(self, group: str, address: str, distribution: bytes) -> None:
        """The device with that address has distributed a sender key. Raises Undecipherable for what is none."""
        member = self._members.get((group, address), Member())
        self._members[group, address] = member.learn(Distribution.read(distribution))

    def decrypt_from_group(self, group: str, address: str, ciphertext: bytes) -> bytes:
        """
        Raises:
            AlreadyReceived: a second time.
            Undecipherable: it cannot be read; perhaps its sender key was never learnt.
        """
        member = self._members.get((group, address), Member())
        member, plaintext = member.decrypt(SenderKeyMessage.read(ciphertext))
        self._members[group, address] = member
        return plaintext
