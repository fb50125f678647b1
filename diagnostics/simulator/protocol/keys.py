"""Curve25519 as WhatsApp uses it: X25519 agreement and XEdDSA signatures with the same key pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import xeddsa

from diagnostics.simulator.simulator_errors import ProtocolError

# Random(n) returns n unpredictable bytes: `secrets.token_bytes` in a server, a seeded generator in tests.
Random = Callable[[int], bytes]

DJB_TYPE = b"\x05"  # libsignal's name for Curve25519; precedes a public key wherever it is signed


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A Curve25519 key pair, 32 bytes each."""

    private: bytes = field(repr=False)
    public: bytes

    @classmethod
    def generate(cls, random: Random) -> KeyPair:
        private = bytearray(random(32))
        private[0] &= 248
        private[31] = private[31] & 127 | 64
        return cls(bytes(private), xeddsa.priv_to_curve25519_pub(bytes(private)))

    def agree(self, public: bytes) -> bytes:
        """The shared secret with the owner of `public`.

        Raises:
            ProtocolError: `public` is not a usable public key.
        """
        try:
            secret: bytes = xeddsa.x25519(self.private, public)
        except (ValueError, xeddsa.XEdDSAException):
            raise ProtocolError(f"a public key of {len(public)} bytes cannot be used") from None
        return secret

    def sign(self, message: bytes, random: Random) -> bytes:
        """An XEdDSA signature of `message`, 64 bytes."""
        # A verifier knows only the Montgomery key, to which two Edwards keys belong. XEdDSA signs with the one whose
        # sign bit is 0. That scalar is not clamped, so it cannot be used for agreement.
        private = xeddsa.priv_force_sign(self.private, set_sign_bit=False)
        signature: bytes = xeddsa.ed25519_priv_sign(private, message, random(xeddsa.NONCE_SIZE))
        return signature


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the Curve25519 key `public` signed `message`. Also False for malformed input."""
    if len(public) != 32 or len(signature) != 64:
        return False
    # Signal keeps the sign bit of the Edwards key in the signature's last bit, where EdDSA has a zero.
    sign_bit = bool(signature[63] & 0x80)
    try:
        edwards = xeddsa.curve25519_pub_to_ed25519_pub(public, sign_bit)
        verified: bool = xeddsa.ed25519_verify(signature[:63] + bytes((signature[63] & 0x7F,)), edwards, message)
    except (ValueError, xeddsa.XEdDSAException):
        return False
    return verified
