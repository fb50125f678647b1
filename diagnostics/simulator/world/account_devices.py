"""The devices of an account: the phone, whose keys the server holds, and the companions that clients linked.

The server plays the phone (device 0) and therefore holds its private keys. A companion belongs to a client, which
uploads only public keys.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from diagnostics.simulator.protocol.keys import DJB_TYPE, KeyPair, Random
from diagnostics.simulator.protocol.prekeys import Bundle, PreKey
from diagnostics.simulator.protocol.stanza import Node

_KEYS_KEPT = 10_000  # one-time keys that a phone has published and nobody has used


class PhoneKeys:
    """The private keys of a phone; implements `e2e.ratchet.Keys`. Keys are made when they are first asked for.

    Attributes:
        identity: the identity key pair, which is the account's.
        registration: the registration id, 14 bits.
    """

    __slots__ = ("_made", "_one_time", "_random", "_signed", "identity", "registration")

    def __init__(self, random: Random) -> None:
        self._random = random
        self.identity = KeyPair.generate(random)
        self.registration = int.from_bytes(random(2), "big") & 0x3FFF
        self._signed: tuple[KeyPair, PreKey] | None = None
        self._one_time: dict[int, KeyPair] = {}
        self._made = 0

    def signed_prekey(self, number: int) -> KeyPair | None:
        """The signed prekey with that number, None if there is none."""
        return self._signed[0] if self._signed is not None and self._signed[1].id == number else None

    def one_time_prekey(self, number: int) -> KeyPair | None:
        """The one-time prekey with that number, None if it was never published or was used before."""
        return self._one_time.get(number)

    def forget_one_time_prekey(self, number: int) -> None:
        """Delete a one-time prekey that was used."""
        self._one_time.pop(number, None)

    def bundle(self, *, exhausted: bool = False) -> Bundle:
        """A bundle with a new one-time prekey, or without one if `exhausted`."""
        if self._signed is None:
            pair = KeyPair.generate(self._random)
            signature = self.identity.sign(DJB_TYPE + pair.public, self._random)
            self._signed = pair, PreKey(1, pair.public, signature)
        if exhausted:
            return Bundle(self.registration, self.identity.public, self._signed[1], None)
        self._made += 1  # numbers are not used again, and 0 means none
        pair = self._one_time[self._made] = KeyPair.generate(self._random)
        self._one_time.pop(self._made - _KEYS_KEPT, None)
        return Bundle(self.registration, self.identity.public, self._signed[1], PreKey(self._made, pair.public))


@dataclass(slots=True)
class Companion:
    """A linked device, as its client described it.

    Attributes:
        id: 1 to 99; part of the device's JID.
        noise: the static key that the device proves at every login.
        registration: its registration id.
        identity: its public identity key.
        signed: its signed prekey.
        prekeys: uploaded one-time prekeys that nobody has taken yet, by number.
        waiting: the stanzas that it was sent and has not acknowledged yet, in order. See `DeviceDelivery`.
        has_sync_key: it was sent the key to the account's shared settings.
        settings_asked: the collections of shared settings that it has asked for since.
        has_history: it was sent the phone's chats.
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
        """A bundle with an unused one-time prekey; without one if `exhausted`, or if none is left."""
        number = None if exhausted else next(iter(self.prekeys), None)
        one_time = None if number is None else self.prekeys.pop(number)
        return Bundle(self.registration, self.identity, self.signed, one_time)
