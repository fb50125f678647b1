"""Make this worker trust the simulator's noise certificates instead of WhatsApp's.

The client checks the server's certificate chain against a public key that is compiled in (whatsmeow: `WACertPubKey`,
handshake.go). Unlike the TLS root it cannot be configured, so it is overwritten in the memory of this process, and only
when the simulator asks for it. The library's file is never changed.
"""

from __future__ import annotations

from pathlib import Path

from diagnostics.neonize.worker import memory

WHATSAPP_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")


class NoKeyPatch(Exception):
    """The root key cannot be replaced; the message says why."""

    kind = "no-key-patch"  # as in `protocol.Failure`


def replace_noise_root_key(library: Path, key: bytes) -> None:
    """Overwrite WhatsApp's root key with `key` (32 bytes) in the loaded `library`. It is read at each handshake.

    Raises:
        NoKeyPatch: `key` has another length, or the old key does not occur in the library's memory exactly once.
    """
    if len(key) != len(WHATSAPP_ROOT_KEY):
        msg = f"a noise root key has {len(WHATSAPP_ROOT_KEY)} bytes, not {len(key)}"
        raise NoKeyPatch(msg)
    try:
        memory.replace(library, WHATSAPP_ROOT_KEY, key, "WhatsApp's noise root key")
    except memory.NotReplaced as problem:
        msg = (
            f"{problem}: the simulator does not know this version of neonize, and without the key no client can log in "
            "to it"
        )
        raise NoKeyPatch(msg) from problem
