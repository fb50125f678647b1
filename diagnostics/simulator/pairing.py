"""Linking a companion device: the QR code, and the identity that the phone signs for the device.

The client shows `ref,noise,identity,adv`: the server's reference to its connection, its two public keys, and a
secret that only who has seen the code knows. The phone (played here) signs the device's identity key with the
account's own and proves by the secret that it has seen the code; the device signs back.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from typing import Any

from diagnostics.simulator import wire
from diagnostics.simulator.accounts import Account, Companion, PreKey
from diagnostics.simulator.errors import ProtocolError, ScanRefused
from diagnostics.simulator.keys import DJB_TYPE, Random, signed_by

_ACCOUNT_SIGNATURE = b"\6\0"
_DEVICE_SIGNATURE = b"\6\1"


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a phone reads from the screen. It is a credential."""

    ref: str
    noise: bytes
    identity: bytes
    adv_secret: bytes = field(repr=False)


def parse_qr(text: str | bytes) -> QrCode:
    """Read a QR code: bare `ref,noise,identity,adv`, or the same (and more parts) behind the # of a wa.me address.

    Raises:
        ScanRefused: it is no WhatsApp code.
    """
    try:
        string = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise ScanRefused("this is no WhatsApp QR code: it is not text") from None
    ref, *keys = string.strip().rpartition("#")[2].split(",")
    if not ref or len(keys) < 3:
        raise ScanRefused(f"this is no WhatsApp QR code: {1 + len(keys)} parts where at least 4 are needed")
    return QrCode(ref, *(_key(name, part) for name, part in zip(("noise", "identity", "adv"), keys, strict=False)))


def _key(name: str, part: str) -> bytes:
    try:
        key = base64.b64decode(part, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ScanRefused(f"this is no WhatsApp QR code: its {name} part is no key of 32 bytes in base64")
    return key


@dataclass(frozen=True, slots=True)
class Registration:
    """What an unpaired client says about itself in its ClientPayload."""

    registration: int
    identity: bytes
    signed: PreKey

    @classmethod
    def from_payload(cls, data: Any) -> Registration:
        """From the protobuf message DevicePairingRegistrationData.

        Raises:
            ProtocolError: a part is missing, has a wrong size, or the prekey is not signed by the identity.
        """
        identity, registration = bytes(data.eIdent), bytes(data.eRegid)
        signed = PreKey(
            int.from_bytes(data.eSkeyId, "big"),
            bytes(data.eSkeyVal),
            bytes(data.eSkeySig),
        )
        if len(registration) != 4:
            raise ProtocolError(f"the registration id has {len(registration)} bytes instead of 4")
        if not signed_by(identity, DJB_TYPE + signed.public, signed.signature):
            raise ProtocolError("the client's signed prekey is not signed by its identity key")
        return cls(int.from_bytes(registration, "big"), identity, signed)


@dataclass(frozen=True, slots=True)
class Offer:
    """A signed identity on its way to the device, which has to sign back."""

    account: Account
    companion: Companion
    details: bytes
    container: bytes = field(repr=False)

    @classmethod
    def make(
        cls, account: Account, registration: Registration, adv_secret: bytes, noise: bytes, now: float, random: Random
    ) -> Offer:
        """The phone's side. `container` is the serialized ADVSignedDeviceIdentityHMAC for `<pair-success>`.

        Raises:
            SimulatorError: the account has no room for a further device.
        """
        device = account.next_device_id()
        identity = account.primary.identity
        details = wire.DeviceIdentity(
            rawId=int.from_bytes(random(4), "big"), timestamp=int(now), keyIndex=device
        ).SerializeToString()
        signed = wire.SignedDeviceIdentity(
            details=details,
            accountSignatureKey=identity.public,
            accountSignature=identity.sign(_ACCOUNT_SIGNATURE + details + registration.identity, random),
        ).SerializeToString()
        container = wire.SignedDeviceIdentityHMAC(
            details=signed, hmac=hmac.digest(adv_secret, signed, "sha256")
        ).SerializeToString()
        companion = Companion(device, noise, registration.registration, registration.identity, registration.signed)
        return cls(account, companion, details, container)

    def accepted_by(self, data: bytes) -> bool:
        """Whether `data`, the device's serialized ADVSignedDeviceIdentity, is this identity signed by the device.

        Raises:
            ProtocolError: it is no such message.
        """
        signed = wire.parse(wire.SignedDeviceIdentity, data, "the device's signed identity")
        identity = self.companion.identity
        message = _DEVICE_SIGNATURE + self.details + identity + self.account.primary.identity.public
        return bytes(signed.details) == self.details and signed_by(identity, message, signed.deviceSignature)
