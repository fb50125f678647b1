"""The identity that a phone offers to a device that is being linked, until the device has signed it."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagnostics.simulator.protocol.device_identity import offered_identity, signed_back
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.registration import Registration
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.account_devices import Companion


@dataclass(frozen=True, slots=True)
class DeviceOffer:
    """A signed identity that waits for the device's own signature.

    Attributes:
        account: the account of the phone.
        companion: the device, which is not linked yet.
        details: what both sides sign.
        container: the serialized ADVSignedDeviceIdentityHMAC for `<pair-success>`.
    """

    account: Account
    companion: Companion
    details: bytes
    container: bytes = field(repr=False)

    @classmethod
    def make(
        cls, account: Account, registration: Registration, adv_secret: bytes, noise: bytes, now: float, random: Random
    ) -> DeviceOffer:
        """Have the account's phone sign the identity of a device.

        Args:
            account: of the phone.
            registration: the keys of the device.
            adv_secret: the secret of the code that the phone has read.
            noise: the device's static Noise key.
            now: unix seconds.
            random: the source of random bytes.

        Raises:
            SimulatorError: the account has no room for another device.
        """
        device = account.next_device_id()
        identity = account.primary.identity
        details, container = offered_identity(identity, registration.identity, device, now, random, adv_secret)
        companion = Companion(device, noise, registration.registration, registration.identity, registration.signed)
        return cls(account, companion, details, container)

    def accepted_by(self, data: bytes) -> bool:
        """Whether `data`, a serialized ADVSignedDeviceIdentity, is this identity with the device's signature.

        Raises:
            ProtocolError: `data` is not such a message.
        """
        return signed_back(data, self.details, self.account.primary.identity.public, self.companion.identity)
