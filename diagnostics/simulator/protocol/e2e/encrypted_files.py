"""Encrypted files: a file is encrypted once, uploaded, and can be read by everybody who was sent its key in a message.

    blob = AES-256-CBC(file) ‖ the first 10 bytes of HMAC-SHA256(iv ‖ AES-256-CBC(file))

IV and keys are derived from the media key, which is part of the message. The functions read and write open binary
files from their current position, one chunk at a time, and leave closing them to the caller.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from diagnostics.simulator.protocol.e2e import payload, primitives
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.e2e.primitives import BLOCK
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.wire import Message

CHUNK = 64 << 10  # bytes in memory at a time
_MAC = 10  # bytes

# Input of the key derivation, by kind of file.
_INFO = {
    "image": b"WhatsApp Image Keys",
    "sticker": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
    "history": b"WhatsApp History Keys",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """The description of a file in a message.

    Attributes:
        kind: "image", "video", "audio", "document" or "sticker"; "history" for old chats.
        key: the media key, 32 bytes.
        sha256: of the file.
        encrypted_sha256: of the blob.
        size: bytes of the file.
        path: the direct path of the blob on the media host, "/v/…?…"; "" before it was uploaded.
    """

    kind: str
    key: bytes = field(repr=False)
    sha256: bytes
    encrypted_sha256: bytes
    size: int
    path: str = ""

    @classmethod
    def of(cls, message: Any) -> Attachment | None:
        """The description in a `Message`, None if it has no file."""
        found = payload.attachment_of(message)
        if found is None:
            return None
        kind, part = found
        return cls(kind, part.mediaKey, part.fileSha256, part.fileEncSha256, part.fileLength, part.directPath)

    def message(self, url: str, mimetype: str, **more: Any) -> Any:
        """A `Message` with this file.

        Args:
            url: the URL of the blob.
            more: further fields, as the protobuf definition names them: caption, fileName, ptt, jpegThumbnail …
        """
        part = {
            "url": url,
            "directPath": self.path,
            "mimetype": mimetype,
            "mediaKey": self.key,
            "fileSha256": self.sha256,
            "fileEncSha256": self.encrypted_sha256,
            "fileLength": self.size,
            **more,
        }
        return Message(**{payload.ATTACHMENTS[self.kind]: part})


def encrypt(source: BinaryIO, target: BinaryIO, kind: str, random: Random) -> Attachment:
    """Read `source` to its end and write the blob to `target`. The result has no `path` yet."""
    key = random(32)
    iv, cipher_key, mac_key = _keys(kind, key)
    encryptor = Cipher(AES(cipher_key), CBC(iv)).encryptor()
    mac, plain_hash, blob_hash = hmac.new(mac_key, iv, "sha256"), hashlib.sha256(), hashlib.sha256()
    size = 0
    for chunk, padding in _padded(source):
        encrypted = encryptor.update(chunk + padding)
        plain_hash.update(chunk)
        size += len(chunk)
        mac.update(encrypted)
        blob_hash.update(encrypted)
        target.write(encrypted)
    ending = mac.digest()[:_MAC]
    blob_hash.update(ending)
    target.write(ending)
    return Attachment(kind, key, plain_hash.digest(), blob_hash.digest(), size)


def decrypt(source: BinaryIO, target: BinaryIO, attachment: Attachment) -> None:
    """Read a blob from `source`, which must be seekable, to its end, and write the file to `target`.

    The blob is read twice: nothing is written before all of it was authenticated.

    Raises:
        Undecipherable: the blob, or the decrypted file, is not the one that `attachment` describes. In the second
            case the sender contradicts itself, and the file has already been written.
    """
    iv, cipher_key, mac_key = _keys(attachment.kind, attachment.key)
    start = source.tell()
    length = source.seek(0, 2) - start - _MAC
    if length < BLOCK or length % BLOCK:
        raise Undecipherable(f"an uploaded file of {length + _MAC} bytes is not an encrypted file")
    source.seek(start)
    mac, blob_hash = hmac.new(mac_key, iv, "sha256"), hashlib.sha256()
    for encrypted in _chunks(source, length):
        mac.update(encrypted)
        blob_hash.update(encrypted)
    ending = source.read(_MAC)
    blob_hash.update(ending)
    if not hmac.compare_digest(mac.digest()[:_MAC], ending):
        raise Undecipherable("a file's authentication code is wrong: another key's, or damaged")
    if blob_hash.digest() != attachment.encrypted_sha256:
        raise Undecipherable("an encrypted file does not have the hash that its message says")
    source.seek(start)
    decryptor = Cipher(AES(cipher_key), CBC(iv)).decryptor()
    plain_hash, size = hashlib.sha256(), 0
    remaining = length
    for encrypted in _chunks(source, length):
        remaining -= len(encrypted)
        plain = decryptor.update(encrypted)
        if not remaining:
            plain = primitives.unpadded(plain)
        plain_hash.update(plain)
        size += len(plain)
        target.write(plain)
    if (plain_hash.digest(), size) != (attachment.sha256, attachment.size):
        raise Undecipherable("a file does not have the hash or size that its message says")


def _keys(kind: str, key: bytes) -> tuple[bytes, bytes, bytes]:
    """IV, cipher key and MAC key. The derivation gives 112 bytes, of which the last 32 are not used any more."""
    if len(key) != 32:
        raise Undecipherable(f"a media key has {len(key)} bytes instead of 32")
    derived = primitives.hkdf(key, _INFO[kind], 112)
    return derived[:16], derived[16:48], derived[48:80]


def _padded(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The file in chunks of whole blocks, each with its padding: b"" for all but the last one (PKCS#7)."""
    held = b""
    while read := source.read(CHUNK):
        held += read
        whole = len(held) - len(held) % BLOCK
        yield held[:whole], b""
        held = held[whole:]
    missing = BLOCK - len(held)
    yield held, bytes((missing,)) * missing


def _chunks(source: BinaryIO, length: int) -> Iterator[bytes]:
    """The next `length` bytes, in whole blocks."""
    while length:
        chunk = source.read(min(CHUNK, length))
        if not chunk:
            raise Undecipherable("an uploaded file became shorter while it was read")
        length -= len(chunk)
        yield chunk
