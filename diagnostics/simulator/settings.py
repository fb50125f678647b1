"""What differs between one server and another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Attributes:
        prekey_floor: a device is told that the server holds at least so many of its prekeys. With 1 whatsmeow
            uploads 50 after pairing (0.02 s), with 0 it makes and uploads 812 (0.06 to 8 s).
        first_qr: seconds that the first QR code is valid.
        next_qr: seconds that each further one is.
        share_settings: a device is given the key to its account's settings at its first login, and with it the push
            name, without which clients cannot say that they are there. WhatsApp does; it costs each new device some
            10 ms and five questions, and goes on behind "connected".
        share_history: a device is given the chats that its account's phone has at its first login. WhatsApp does; it
            costs three files to fetch. Otherwise `SimulatedAccount.share_history` does it when a test wants it.
    """

    prekey_floor: int = 1
    first_qr: float = 60.0
    next_qr: float = 20.0
    share_settings: bool = False
    share_history: bool = False
