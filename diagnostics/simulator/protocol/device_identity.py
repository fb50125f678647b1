"""The signed identity of a linked device (ADV), by which others know whose device it is.

The phone signs the device's identity key with the account's own key, and the device signs back. A companion sends the
result along with the first messages of a session. A phone needs none: its identity is the account's.
"""

from __future__ import annotations

import hmac

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import KeyPair, Random, signed_by

_ACCOUNT_SIGNATURE = b"\6\0"
_DEVICE_SIGNATURE = b"\6\1"


def offered_identity(
    account: KeyPair, device: bytes, number: int, now: float, random: Random, adv_secret: bytes
) -> tuple[bytes, bytes]:
    """What the phone signs for a device that is being linked.

    Args:
        account: the phone's identity key pair.
        device: the device's public identity key.
        number: the device's number, 1 to 99.
        now: unix seconds.
        adv_secret: the secret of the QR code, which proves that the phone has seen it.

    Returns:
        The details that both sides sign, and the serialized ADVSignedDeviceIdentityHMAC for `<pair-success>`.
    """
    details = _details(number, now, random)
    signed = wire.SignedDeviceIdentity(
        details=details,
        accountSignatureKey=account.public,
        accountSignature=account.sign(_ACCOUNT_SIGNATURE + details + device, random),
    ).SerializeToString()
    container = wire.SignedDeviceIdentityHMAC(details=signed, hmac=hmac.digest(adv_secret, signed, "sha256"))
    return details, bytes(container.SerializeToString())


def signed_back(data: bytes, details: bytes, account: bytes, device: bytes) -> bool:
    """Whether the device has signed the identity that it was offered.

    Args:
        data: the device's answer, a serialized ADVSignedDeviceIdentity.
        details: as `offered_identity` returned them.
        account: public identity key of the account.
        device: public identity key of the device.

    Raises:
        ProtocolError: `data` is not such a message.
    """
    signed = wire.parse(wire.SignedDeviceIdentity, data, "the device's signed identity")
    message = _DEVICE_SIGNATURE + details + device + account
    return bytes(signed.details) == details and signed_by(device, message, signed.deviceSignature)


def sign_identity(account: KeyPair, device: KeyPair, number: int, now: float, random: Random) -> bytes:
    """A complete ADVSignedDeviceIdentity, serialized, where the server plays both the phone and the companion."""
    details = _details(number, now, random)
    signed = wire.SignedDeviceIdentity(
        details=details,
        accountSignatureKey=account.public,
        accountSignature=account.sign(_ACCOUNT_SIGNATURE + details + device.public, random),
        deviceSignature=device.sign(_DEVICE_SIGNATURE + details + device.public + account.public, random),
    )
    return bytes(signed.SerializeToString())


def identity_problem(data: bytes, account: bytes, device: bytes) -> str:
    """Why `data`, from a `<device-identity>`, does not prove that the device belongs to the account; "" if it does.

    Args:
        data: a serialized ADVSignedDeviceIdentity.
        account: public identity key of the account.
        device: public identity key of the device.

    Raises:
        ProtocolError: `data` is not such a message.
    """
    signed = wire.parse(wire.SignedDeviceIdentity, data, "a device's signed identity")
    if not signed_by(account, _ACCOUNT_SIGNATURE + signed.details + device, signed.accountSignature):
        return "a device's identity is not signed by its account"
    if not signed_by(device, _DEVICE_SIGNATURE + signed.details + device + account, signed.deviceSignature):
        return "a device has not signed its identity"
    return ""


def _details(number: int, now: float, random: Random) -> bytes:
    details = wire.DeviceIdentity(rawId=int.from_bytes(random(4), "big"), timestamp=int(now), keyIndex=number)
    return bytes(details.SerializeToString())
