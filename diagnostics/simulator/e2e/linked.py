"""The signed identity of a linked device, by which others know whose device it is.

A phone needs none: its identity is the account's. A companion sends its own along with the first messages of a
session; it says that the account has signed the device's identity key, and the device the account's.
"""

from __future__ import annotations

from diagnostics.simulator import wire
from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.errors import ProtocolError
from diagnostics.simulator.keys import KeyPair, Random, signed_by

_ACCOUNT_SIGNATURE = b"\6\0"
_DEVICE_SIGNATURE = b"\6\1"


def sign(account: KeyPair, device: KeyPair, number: int, now: float, random: Random) -> bytes:
    """A serialized ADVSignedDeviceIdentity for companion `number`, where the server plays phone and companion."""
    details = wire.DeviceIdentity(
        rawId=int.from_bytes(random(4), "big"), timestamp=int(now), keyIndex=number
    ).SerializeToString()
    signed = wire.SignedDeviceIdentity(
        details=details,
        accountSignatureKey=account.public,
        accountSignature=account.sign(_ACCOUNT_SIGNATURE + details + device.public, random),
        deviceSignature=device.sign(_DEVICE_SIGNATURE + details + device.public + account.public, random),
    )
    return bytes(signed.SerializeToString())


def check(data: bytes, account: bytes, device: bytes) -> None:
    """`data`, from a `<device-identity>`, says that the device with this identity key belongs to this account.

    Raises:
        Undecipherable: it does not. A real device then drops the message.
    """
    try:
        signed = wire.parse(wire.SignedDeviceIdentity, data, "a device's signed identity")
    except ProtocolError as error:
        raise Undecipherable(str(error)) from None
    if not signed_by(account, _ACCOUNT_SIGNATURE + signed.details + device, signed.accountSignature):
        raise Undecipherable("a device's identity is not signed by its account")
    if not signed_by(device, _DEVICE_SIGNATURE + signed.details + device + account, signed.deviceSignature):
        raise Undecipherable("a device has not signed its identity")
