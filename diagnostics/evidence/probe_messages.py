"""The messages that check whether a session can send. They say what they are, so their recipient can ignore them."""

from __future__ import annotations

import struct
import zlib
from datetime import datetime


def text(now: datetime) -> str:
    return (
        f"whatsapp-diagnostics: test message, {now:%Y-%m-%d %H:%M:%S} UTC. "
        "It checks that this session can send; please ignore it."
    )


def caption(now: datetime) -> str:
    return f"whatsapp-diagnostics: test image, {now:%Y-%m-%d %H:%M:%S} UTC"


def image() -> bytes:
    """A small PNG: 64 × 64 pixels of one green."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = 64
    rows = (b"\0" + b"\x25\xd3\x66" * size) * size  # a filter byte and RGB pixels for each row
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
