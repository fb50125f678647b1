"""Devices for the tests, with the keys of the simulator's own phones."""

from __future__ import annotations

from diagnostics.simulator.protocol.e2e.device import Device
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.prekeys import Bundle
from diagnostics.simulator.world.account_devices import PhoneKeys
from tests.simulator.light_client import seeded


class Person:
    """A phone that can write to other phones by name, and keeps what it has read."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.phone = PhoneKeys(random)
        self.device = Device(self.phone, random)

    def bundle(self) -> Bundle:
        return self.phone.bundle()

    def write(self, to: Person, text: bytes) -> tuple[str, bytes]:
        return self.device.encrypt(to.name, text, to.bundle)

    def read(self, sender: Person, message: tuple[str, bytes]) -> bytes:
        return self.device.decrypt(sender.name, *message)


def two_people(seed: int = 0) -> tuple[Person, Person]:
    return Person("alice", seeded(seed)), Person("bob", seeded(seed + 1_000_000))
