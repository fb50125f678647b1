"""The cryptographic functions of Signal's protocol: HMAC, HKDF, AES-256-CBC, key agreement.

Whatever is malformed raises Undecipherable.
"""

from __future__ import annotations

import hmac
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.keys import KeyPair
from diagnostics.simulator.simulator_errors import ProtocolError

BLOCK = 16  # bytes of AES


def parse(message: Any, data: bytes, what: str) -> Any:
    """Parse `data` as a protobuf message of the class `message`.

    Raises:
        Undecipherable: the bytes are not such a message; `what` names them in the text.
    """
    try:
        return wire.parse(message, data, what)
    except ProtocolError as error:
        raise Undecipherable(str(error)) from None


def mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return hmac.digest(key, b"".join(parts), "sha256")


def hkdf(material: bytes, info: bytes, length: int, salt: bytes = bytes(32)) -> bytes:
    """`length` bytes of key material, by HKDF with SHA-256 (RFC 5869)."""
    key = mac(salt, material)
    out = block = b""
    for number in range(1, -(-length // 32) + 1):
        block = mac(key, block, info, bytes((number,)))
        out += block
    return out[:length]


def agree(pair: KeyPair, public: bytes) -> bytes:
    """The shared secret, 32 bytes.

    Raises:
        Undecipherable: `public` is not a usable public key.
    """
    try:
        return pair.agree(public)
    except ProtocolError as error:
        raise Undecipherable(str(error)) from None


def encrypt_cbc(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-256-CBC with PKCS#7 padding."""
    missing = BLOCK - len(plaintext) % BLOCK
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(plaintext + bytes((missing,)) * missing) + encryptor.finalize()


def decrypt_cbc(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The plaintext of `encrypt_cbc`. Authenticate the ciphertext first.

    Raises:
        Undecipherable: `ciphertext` does not consist of blocks, or its padding is wrong.
    """
    if not ciphertext or len(ciphertext) % BLOCK:
        raise Undecipherable(f"a ciphertext of {len(ciphertext)} bytes does not consist of blocks")
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    return unpadded(decryptor.update(ciphertext) + decryptor.finalize())


def unpadded(plaintext: bytes) -> bytes:
    """`plaintext` without its PKCS#7 padding.

    Raises:
        Undecipherable: there is no padding.
    """
    missing = plaintext[-1]
    if not 1 <= missing <= BLOCK or not plaintext.endswith(bytes((missing,)) * missing):
        raise Undecipherable("a ciphertext ends in no padding")
    return plaintext[:-missing]
