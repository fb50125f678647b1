"""App state: the settings that an account's devices share, as collections of encrypted patches.

The server stores the patches and cannot read them. Each patch says what changes, and carries a hash over all values of
its collection, so that a device notices when one was left out. The phone sends the key to each device as a message.
The phone that the server plays makes one patch: the account's push name, without which clients do not send presence.
(whatsmeow: appstate/)
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import Random

COLLECTIONS = ("critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular")
_MAX_PATCHES = 1_000  # of one collection
_EMPTY_HASH = bytes(128)
_SET = 0


@dataclass(slots=True)
class SharedSettings:
    """The settings of one account.

    Attributes:
        key_id: number of the key, 6 bytes.
        key: the key from which the keys of all patches are derived, 32 bytes.
        patches: the serialized SyncdPatches of each collection; the first patch makes version 1.
    """

    key_id: bytes
    key: bytes = field(repr=False)
    patches: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in COLLECTIONS})

    @classmethod
    def create(cls, push_name: str, now: float, random: Random) -> SharedSettings:
        """The settings of a new account: its push name. `now` is in unix seconds."""
        settings = cls(b"\0\0" + random(4), random(32))
        value = wire.SyncActionValue(timestamp=int(now * 1000), pushNameSetting={"name": push_name})
        settings.patches["critical_block"].append(settings._patch(["setting_pushName"], value, random))
        return settings

    def share(self, now: float) -> Any:
        """The `Message` in which the phone sends the key to a device."""
        data = {"keyData": self.key, "fingerprint": {"rawId": 1, "currentIndex": 0}, "timestamp": int(now * 1000)}
        keys = [{"keyId": {"keyId": self.key_id}, "keyData": data}]
        kind = wire.Message.ProtocolMessage.Type.Value("APP_STATE_SYNC_KEY_SHARE")
        return wire.Message(protocolMessage={"type": kind, "appStateSyncKeyShare": {"keys": keys}})

    def since(self, collection: str, version: int) -> list[bytes]:
        """The serialized patches after `version`, each with its own version filled in."""
        found = []
        for number, data in enumerate(self.patches[collection][version:], version + 1):
            patch = wire.SyncdPatch.FromString(data)
            patch.version.version = number
            found.append(patch.SerializeToString())
        return found

    def add(self, collection: str, version: int, patch: bytes) -> bool:
        """Store a device's patch.

        Args:
            version: the version of the collection that the patch changes.
            patch: a serialized SyncdPatch.

        Returns:
            False if the collection has another version by now, or is full.

        Raises:
            ProtocolError: `patch` is not a SyncdPatch.
        """
        wire.parse(wire.SyncdPatch, patch, "a patch of the settings")
        if version != len(self.patches[collection]) or version >= _MAX_PATCHES:
            return False
        self.patches[collection].append(patch)
        return True

    def _patch(self, index: list[str], value: Any, random: Random) -> bytes:
        """The first patch of the collection "critical_block", which is the only one that the phone makes."""
        expanded = HKDF(SHA256(), 160, None, b"WhatsApp Mutation Keys").derive(self.key)
        index_key, value_key, value_mac_key, snapshot_key, patch_key = (
            expanded[at : at + 32] for at in range(0, 160, 32)
        )
        name = b"critical_block"
        indexed = json.dumps(index, separators=(",", ":")).encode()
        content = wire.SyncActionData(index=indexed, value=value, padding=b"", version=1).SerializeToString()
        encrypted = _encrypt(value_key, content, random(16))
        mac_input = bytes((_SET + 1,)) + self.key_id + encrypted + (len(self.key_id) + 1).to_bytes(8, "big")
        value_mac = hmac.digest(value_mac_key, mac_input, "sha512")[:32]
        patch = wire.SyncdPatch(
            keyId={"id": self.key_id},
            mutations=[
                {
                    "operation": _SET,
                    "record": {
                        "index": {"blob": hmac.digest(index_key, indexed, "sha256")},
                        "value": {"blob": encrypted + value_mac},
                        "keyId": {"id": self.key_id},
                    },
                }
            ],
        )
        version = (1).to_bytes(8, "big")
        patch.snapshotMac = hmac.digest(snapshot_key, _added(_EMPTY_HASH, value_mac) + version + name, hashlib.sha256)
        patch.patchMac = hmac.digest(patch_key, patch.snapshotMac + value_mac + version + name, hashlib.sha256)
        data: bytes = patch.SerializeToString()
        return data


def _added(total: bytes, value_mac: bytes) -> bytes:
    """The hash over all values of a collection after one was added: 64 sums modulo 2**16."""
    more = HKDF(SHA256(), 128, None, b"WhatsApp Patch Integrity").derive(value_mac)
    sums = (
        (int.from_bytes(total[at : at + 2], "little") + int.from_bytes(more[at : at + 2], "little")) & 0xFFFF
        for at in range(0, 128, 2)
    )
    return b"".join(number.to_bytes(2, "little") for number in sums)


def _encrypt(key: bytes, content: bytes, iv: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return iv + encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
