"""Make this worker trust the simulator's noise certificates instead of WhatsApp's.

The client checks the server's certificate chain against a public key that is compiled in (whatsmeow: `WACertPubKey`,
handshake.go). Unlike the TLS root it cannot be given from outside, so it is overwritten in the memory of this process,
and only here, only when the simulator asks for it. The library's file is never touched.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

WHATSAPP_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


class NoKeyPatch(Exception):
    """The root key cannot be replaced; the message says why."""

    kind = "no-key-patch"  # as in `protocol.Failure`


def replace_noise_root_key(library: Path, key: bytes) -> None:
    """Overwrite WhatsApp's root key with `key` (32 bytes) in the loaded `library`. Read at each handshake.

    Raises:
        NoKeyPatch: the key does not lie in the library's writable memory exactly once.
    """
    if len(key) != len(WHATSAPP_ROOT_KEY):
        msg = f"a noise root key has {len(WHATSAPP_ROOT_KEY)} bytes, not {len(key)}"
        raise NoKeyPatch(msg)
    places = [
        start + offset
        for start, end in _writable_ranges(library)
        for offset in _offsets(ctypes.string_at(start, end - start), WHATSAPP_ROOT_KEY)
    ]
    if len(places) != 1:
        msg = (
            f"WhatsApp's noise root key lies {len(places)} times in the memory of {library.name}, not once: "
            "the simulator does not know this version of neonize, and without the key no client can log in to it"
        )
        raise NoKeyPatch(msg)
    ctypes.memmove(places[0], key, len(key))


def _writable_ranges(library: Path) -> list[tuple[int, int]]:
    maps = Path("/proc/self/maps")
    try:
        lines = maps.read_text().splitlines()
    except OSError as error:
        msg = f"the simulator works on Linux only: {maps} cannot be read ({error.strerror})"
        raise NoKeyPatch(msg) from error
    ranges = []
    for line in lines:
        fields = line.split(maxsplit=5)  # 7f00-7f10 rw-p 00000000 08:01 1234 /path
        if len(fields) == 6 and fields[1].startswith("rw") and Path(fields[5]).name == library.name:
            start, _, end = fields[0].partition("-")
            ranges.append((int(start, 16), int(end, 16)))
    return ranges


def _offsets(memory: bytes, pattern: bytes) -> list[int]:
    found = []
    at = memory.find(pattern)
    while at >= 0:
        found.append(at)
        at = memory.find(pattern, at + 1)
    return found
