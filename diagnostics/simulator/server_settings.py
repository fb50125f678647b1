"""The settings of one simulated server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What a `WhatsAppServer` does by default, and for how long. The defaults keep tests fast.

    Attributes:
        prekey_floor: the least number of prekeys that the server claims to hold when a device asks. With 1 whatsmeow
            uploads 50 after pairing (0.02 s), with 0 it makes and uploads 812 (0.06 to 8 s).
        first_qr: seconds for which the first QR code is valid.
        next_qr: seconds for which each further QR code is valid.
        share_settings: give a device the key to its account's shared settings at its first login, and with it the
            push name, without which clients cannot send presence. WhatsApp does; it costs each new device some 10 ms
            and five questions, which continue after "connected".
        share_history: give a device the chats of its account's phone at its first login. WhatsApp does; it costs
            three files to fetch. Without it a test calls `SimulatedAccount.share_history` when it wants them.
    """

    prekey_floor: int = 1
    first_qr: float = 60.0
    next_qr: float = 20.0
    share_settings: bool = False
    share_history: bool = False
