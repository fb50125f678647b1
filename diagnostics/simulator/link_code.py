"""Linking by phone number: the cryptography of the eight characters that a person types into the phone.

The client wraps an ephemeral key with the code, the phone unwraps it and sends its own wrapped alike. With the secret
that both then share the client seals a bundle of keys; who typed another code cannot open it. From the shared
secrets and the bundle follows the secret that a QR code would have carried. (whatsmeow: pair-code.go)
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

from diagnostics.simulator.accounts import Account
from diagnostics.simulator.errors import ProtocolError, ScanRefused
from diagnostics.simulator.keys import KeyPair, Random
from diagnostics.simulator.stanza import Node

_CODE = re.compile(r"[1-9A-HJ-NP-TV-Z]{8}")  # no 0, I, O and U, which are misread
_ITERATIONS = 2 << 16
_WRAPPED = 80  # bytes: salt 32, initial counter 16, key 32
_DISPLAY = re.compile(rb"[A-Za-z ]{1,40} \([A-Za-z0-9 ._-]{1,40}\)")


def parse_code(text: str) -> str:
    """The eight characters, however a person wrote them.

    Raises:
        ScanRefused: it is no such code.
    """
    code = re.sub(r"[\s-]", "", text).upper()
    if not _CODE.fullmatch(code):
        raise ScanRefused("this is no pairing code: eight characters, of 1 to 9 and A to Z without I, O and U")
    return code


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client sends that wants to be linked by number.

    Attributes:
        phone: the number it wants to be linked to.
        wrapped: its ephemeral key, wrapped with the code.
        noise: its static key.
        ref: our reference.
    """

    phone: str
    wrapped: bytes = field(repr=False)
    noise: bytes
    ref: bytes

    @classmethod
    def read(cls, request: Node, phone: str, ref: bytes) -> Hello | None:
        """From `<link_code_companion_reg>`; None where it is incomplete or names no "Browser (System)"."""
        wrapped = request.child("link_code_pairing_wrapped_companion_ephemeral_pub")
        noise, display = request.child("companion_server_auth_key_pub"), request.child("companion_platform_display")
        if wrapped is None or noise is None or display is None or len(wrapped.data) != _WRAPPED:
            return None
        if not _DISPLAY.fullmatch(display.data):
            return None
        return cls(phone, wrapped.data, noise.data, ref)


class LinkCode:
    """The phone's side, once the code was typed. `wrapped_ephemeral` is for the client."""

    def __init__(self, hello: Hello, code: str, account: Account, random: Random) -> None:
        self.hello = hello
        self.account = account
        self._theirs = _wrap(code, hello.wrapped[:48], hello.wrapped[48:])
        self._ephemeral = KeyPair.generate(random)
        head = random(48)
        self.wrapped_ephemeral = head + _wrap(code, head, self._ephemeral.public)

    def adv_secret(self, sealed: bytes, identity: bytes) -> bytes | None:
        """The secret that the pairing is proved with; None where the client used another code.

        Args:
            sealed: the client's bundle: salt 32, nonce 12, and sealed the two identities and 32 random bytes.
            identity: the client's identity key.
        """
        ours = self.account.primary.identity
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
    """Encrypt a key with the code, or decrypt it. `head` is salt and initial counter."""
    secret = hashlib.pbkdf2_hmac("sha256", code.encode(), head[:32], _ITERATIONS)
    cipher = Cipher(algorithms.AES(secret), modes.CTR(head[32:])).encryptor()
    return cipher.update(key) + cipher.finalize()


def _derive(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)
