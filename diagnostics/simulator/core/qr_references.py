"""The references of QR codes that clients were given, and which connection each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.server_settings import Settings

if TYPE_CHECKING:
    from diagnostics.simulator.core.device_linking import DeviceLinking

# Every reference is one QR code; clients show the first one for 60 s and each other one for 20 s.
REFERENCES = 6


class QrReferences:
    """All references of one server. A reference stays known after its code has expired, until its client is gone."""

    def __init__(
        self, random: Random, settings: Settings, at: Callable[[float, Callable[[float], None]], None]
    ) -> None:
        """`at` calls its second argument at a time, unix seconds."""
        self._random = random
        self._settings = settings
        self._at = at
        self._owners: dict[str, DeviceLinking] = {}

    def new(self, linking: DeviceLinking, now: float) -> dict[str, float]:
        """New references for a client, with the time when each expires, unix seconds."""
        references: dict[str, float] = {}
        expires = now + self._settings.first_qr
        for _ in range(REFERENCES):
            ref = "2@" + self._random(24).hex()
            self._owners[ref] = linking
            references[ref] = expires
            expires += self._settings.next_qr
        self._at(expires - self._settings.next_qr, linking.expire)
        return references

    def owner(self, ref: str) -> DeviceLinking | None:
        """The client that was given this reference, None if it is unknown."""
        return self._owners.get(ref)

    def waiting_for(self, phone: str) -> DeviceLinking | None:
        """The client that waits for a pairing code to be typed into the phone with that number."""
        waiting = (linking for linking in self._owners.values() if linking.waits_for_code_of == phone)
        return next(waiting, None)

    def forget(self, linking: DeviceLinking) -> None:
        """The client's connection is gone."""
        for ref in linking.references:
            del self._owners[ref]
