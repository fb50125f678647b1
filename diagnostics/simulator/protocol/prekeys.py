"""Prekeys: the public keys of a device with which others can write to it while it is offline, and their stanzas.

A device publishes one signed prekey and many one-time prekeys. A `Bundle` is what somebody else fetches before writing
to the device for the first time (X3DH).
"""

from __future__ import annotations

from dataclasses import dataclass

from diagnostics.simulator.protocol.stanza import Node, element, leaf


@dataclass(frozen=True, slots=True)
class PreKey:
    """A public prekey: its number (24 bits), the key, and for the signed one the identity's signature."""

    id: int
    public: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What somebody needs to open an encrypted session with one device. `one_time` is None when none is left."""

    registration: int
    identity: bytes
    signed: PreKey
    one_time: PreKey | None


def prekey_node(tag: str, key: PreKey) -> Node:
    """The prekey as an element with that tag: its number, the key, and the signature if it has one."""
    signature = [leaf("signature", key.signature)] if key.signature else []
    return element(tag, leaf("id", key.id.to_bytes(3, "big")), leaf("value", key.public), *signature)


def read_prekey(node: Node) -> PreKey | None:
    """The prekey in such an element, None when it is incomplete or a part has the wrong size."""
    number, value, signature = node.child("id"), node.child("value"), node.child("signature")
    if number is None or value is None or len(number.data) != 3 or len(value.data) != 32:
        return None
    return PreKey(int.from_bytes(number.data, "big"), value.data, signature.data if signature else b"")
