"""A device that the simulator plays: its keys, its sessions with other devices, and its sender keys of groups.

An `address` names another device. Any spelling works as long as it is always the same; real clients use the device's
LID ("100000000000002:1@lid").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable, UnusableBundle
from diagnostics.simulator.protocol.e2e.formats import Distribution, PreKeyMessage, SenderKeyMessage, SignalMessage
from diagnostics.simulator.protocol.e2e.ratchet import Keys
from diagnostics.simulator.protocol.e2e.sender_keys import Member, OwnSenderKey
from diagnostics.simulator.protocol.e2e.signal_session import Session
from diagnostics.simulator.protocol.keys import Random

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.prekeys import Bundle


class Device:
    """The encryption state of one device. A call that raises leaves it as it was.

    Attributes:
        keys: its private keys.
        signed_identity: a companion's serialized ADVSignedDeviceIdentity, which it sends with its first messages; b""
            for a phone.
    """

    __slots__ = ("_members", "_own", "_random", "_sessions", "keys", "signed_identity")

    def __init__(self, keys: Keys, random: Random, signed_identity: bytes = b"") -> None:
        self.keys = keys
        self.signed_identity = signed_identity
        self._random = random
        self._sessions: dict[str, Session] = {}
        self._own: dict[str, OwnSenderKey] = {}  # by group
        self._members: dict[tuple[str, str], Member] = {}  # by group and address

    def encrypt(self, address: str, plaintext: bytes, bundle: Callable[[], Bundle | None]) -> tuple[str, bytes]:
        """Encrypt for the device with that address.

        Args:
            bundle: returns the bundle of that device; called if there is no session yet.

        Returns:
            The type of the ciphertext, "pkmsg" or "msg", and the ciphertext.

        Raises:
            UnusableBundle: there is no bundle, or it is wrong.
        """
        if address not in self._sessions:
            self.start(address, bundle())
        self._sessions[address], message = self._sessions[address].encrypt(plaintext)
        return "pkmsg" if isinstance(message, PreKeyMessage) else "msg", message.encode()

    def start(self, address: str, bundle: Bundle | None) -> None:
        """Use a fresh session for this device from now on. Raises UnusableBundle."""
        if bundle is None:
            raise UnusableBundle(f"there is no device {address} to write to")
        session = self._sessions.get(address, Session())
        self._sessions[address] = session.initiate(self.keys, bundle, self._random)

    def decrypt(self, address: str, kind: str, ciphertext: bytes) -> bytes:
        """Decrypt what the device with that address sent. `kind` is "pkmsg" or "msg".

        Raises:
            AlreadyReceived: the message was decrypted before.
            Undecipherable: it cannot be decrypted.
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
        """Delete the sessions with this device, as reinstalling the app does."""
        self._sessions.pop(address, None)

    def distribution(self, group: str) -> bytes:
        """The sender key for the device's next messages to the group; created when it is first asked for."""
        if group not in self._own:
            self._own[group] = OwnSenderKey.create(self._random)
        return self._own[group].distribution().encode()

    def renew(self, group: str) -> None:
        """Use a fresh sender key from now on, as Signal's protocol demands when a member has left."""
        self._own.pop(group, None)

    def encrypt_for_group(self, group: str, plaintext: bytes) -> bytes:
        """Encrypt for the members that were sent the `distribution` before."""
        self.distribution(group)
        self._own[group], message = self._own[group].encrypt(plaintext, self._random)
        return message.encode()

    def learn(self, group: str, address: str, distribution: bytes) -> None:
        """Store a sender key that the device with that address has distributed. Raises Undecipherable."""
        member = self._members.get((group, address), Member())
        self._members[group, address] = member.learn(Distribution.read(distribution))

    def decrypt_from_group(self, group: str, address: str, ciphertext: bytes) -> bytes:
        """Decrypt what the device with that address sent to the group.

        Raises:
            AlreadyReceived: the message was decrypted before.
            Undecipherable: it cannot be decrypted; perhaps its sender key was never learnt.
        """
        member = self._members.get((group, address), Member())
        member, plaintext = member.decrypt(SenderKeyMessage.read(ciphertext))
        self._members[group, address] = member
        return plaintext
