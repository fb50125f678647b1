"""The QR code that a client shows to be linked: `ref,noise,identity,adv`.

`ref` is the server's reference to the client's connection, `noise` and `identity` are two public keys of the client,
and `adv` is a secret that only somebody who has seen the code knows.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from diagnostics.simulator.simulator_errors import ScanRefused


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a phone reads from the screen. It is a credential."""

    ref: str
    noise: bytes
    identity: bytes
    adv_secret: bytes = field(repr=False)


def parse_qr(text: str | bytes) -> QrCode:
    """Read a QR code.

    Args:
        text: bare `ref,noise,identity,adv`, or the same (and perhaps more parts) after the # of a wa.me address.

    Raises:
        ScanRefused: it is not a WhatsApp QR code.
    """
    try:
        string = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise ScanRefused("this is not a WhatsApp QR code: it is not text") from None
    ref, *keys = string.strip().rpartition("#")[2].split(",")
    if not ref or len(keys) < 3:
        raise ScanRefused(f"this is not a WhatsApp QR code: {1 + len(keys)} parts where at least 4 are needed")
    return QrCode(ref, *(_key(name, part) for name, part in zip(("noise", "identity", "adv"), keys, strict=False)))


def _key(name: str, part: str) -> bytes:
    try:
        key = base64.b64decode(part, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ScanRefused(f"this is not a WhatsApp QR code: its {name} part is not a key of 32 bytes in base64")
    return key
