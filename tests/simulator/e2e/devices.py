"""Devices for the tests, with the keys of the simulator's own phones."""

from __future__ import annotations

from diagnostics.simulator.accounts import Bundle, Phone
from diagnostics.simulator.e2e.device import Device
from diagnostics.simulator.keys import KeyPair, Random
from tests.simulator.light_client import seeded


class PhoneKeys:
    """The private keys of a phone, as `e2e.ratchet.Keys` asks for them."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.used: set[int] = set()

    @property
    def registration(self) -> int:
        return self.phone.registration

    @property
    def identity(self) -> KeyPair:
        return self.phone.identity

    def signed_prekey(self, number: int) -> KeyPair | None:
        signed = self.phone._signed
        return signed[0] if signed is not None and signed[1].id == number else None

    def one_time_prekey(self, number: int) -> KeyPair | None:
        return None if number in self.used else self.phone._one_time.get(number)

    def forget_one_time_prekey(self, number: int) -> None:
        self.used.add(number)


class Person:
    """A phone that can write to other phones by name, and keeps what it has read."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.phone = Phone(random)
        self.keys = PhoneKeys(self.phone)
        self.device = Device(self.keys, random)

    def bundle(self) -> Bundle:
        return self.phone.bundle()

    def write(self, to: Person, text: bytes) -> tuple[str, bytes]:
        return self.device.encrypt(to.name, text, to.bundle)

    def read(self, sender: Person, message: tuple[str, bytes]) -> bytes:
        return self.device.decrypt(sender.name, *message)


def two_people(seed: int = 0) -> tuple[Person, Person]:
    return Person("alice", seeded(seed)), Person("bob", seeded(seed + 1_000_000))
