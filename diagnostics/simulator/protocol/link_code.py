"""Linking by phone number: the cryptography of the eight characters that a person types into the phone.

The client encrypts ("wraps") an ephemeral public key with the code. The phone decrypts it and sends an ephemeral key
of its own, wrapped in the same way. With the secret that both then share the client encrypts a bundle of keys, which
cannot be decrypted if another code was typed. The secret that a QR code would have carried is derived from the shared
secrets and the bundle. (whatsmeow: pair-code.go)
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from diagnostics.simulator.protocol.keys import KeyPair, Random
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.simulator_errors import ProtocolError, ScanRefused

_CODE = re.compile(r"[1-9A-HJ-NP-TV-Z]{8}")  # no 0, I, O and U, which are misread
_ITERATIONS = 2 << 16
_WRAPPED = 80  # bytes: salt 32, initial counter 16, key 32
_DISPLAY = re.compile(rb"[A-Za-z ]{1,40} \([A-Za-z0-9 ._-]{1,40}\)")


def parse_code(text: str) -> str:
    """The eight characters of a pairing code, in upper case.

    Args:
        text: as a person typed it, with or without spaces and dashes.

    Raises:
        ScanRefused: it is not a pairing code.
    """
    code = re.sub(r"[\s-]", "", text).upper()
    if not _CODE.fullmatch(code):
        raise ScanRefused("this is not a pairing code: eight characters, of 1 to 9 and A to Z without I, O and U")
    return code


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client sends when it asks to be linked by phone number.

    Attributes:
        phone: the phone number of the account, digits.
        wrapped: the client's ephemeral public key, wrapped with the code, 80 bytes.
        noise: the client's static Noise key.
        ref: the server's reference, which later messages of this linking repeat.
    """

    phone: str
    wrapped: bytes = field(repr=False)
    noise: bytes
    ref: bytes

    @classmethod
    def read(cls, request: Node, phone: str, ref: bytes) -> Hello | None:
        """Read `<link_code_companion_reg>`; None if a part, such as the "Browser (System)" name, is malformed."""
        wrapped = request.child("link_code_pairing_wrapped_companion_ephemeral_pub")
        noise, display = request.child("companion_server_auth_key_pub"), request.child("companion_platform_display")
        if wrapped is None or noise is None or display is None or len(wrapped.data) != _WRAPPED:
            return None
        if not _DISPLAY.fullmatch(display.data):
            return None
        return cls(phone, wrapped.data, noise.data, ref)


class LinkCode:
    """The phone's side of the exchange, after a person has typed the code.

    Attributes:
        hello: what the client sent.
        wrapped_ephemeral: the phone's ephemeral key, wrapped with the code, to be sent to the client.
    """

    def __init__(self, hello: Hello, code: str, identity: KeyPair, random: Random) -> None:
        """`code` is the result of `parse_code`, `identity` the key pair of the phone."""
        self.hello = hello
        self._identity = identity
        self._theirs = _wrap(code, hello.wrapped[:48], hello.wrapped[48:])
        self._ephemeral = KeyPair.generate(random)
        head = random(48)
        self.wrapped_ephemeral = head + _wrap(code, head, self._ephemeral.public)

    def adv_secret(self, sealed: bytes, identity: bytes) -> bytes | None:
        """The secret with which the phone signs the device's identity; None if the client used another code.

        Args:
            sealed: the client's bundle: salt (32 bytes), nonce (12), and encrypted the two identity keys and 32
                random bytes.
            identity: the client's identity key.
        """
        ours = self._identity
        try:
            shared = self._ephemeral.agree(self._theirs)
            key = _derive(shared, sealed[:32], b"link_code_pairing_key_bundle_encryption_key")
            bundle = AESGCM(key).decrypt(sealed[32:44], sealed[44:], None)
            if len(bundle) != 96 or bundle[:64] != identity + ours.public:
                return None
            return _derive(shared + ours.agree(identity) + bundle[64:], None, b"adv_secret")
        except (InvalidTag, ProtocolError, ValueError):
            return None


def _wrap(code: str, head: bytes, key: bytes) -> bytes:
    """Encrypt or decrypt a key with the code. `head` is the salt (32 bytes) and the initial counter (16)."""
    secret = hashlib.pbkdf2_hmac("sha256", code.encode(), head[:32], _ITERATIONS)
    cipher = Cipher(algorithms.AES(secret), modes.CTR(head[32:])).encryptor()
    return cipher.update(key) + cipher.finalize()


def _derive(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)
