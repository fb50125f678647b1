"""The server's Noise identity: the root key that a client must trust, and the certificate chain to the server's key.

    root ──signs──▶ intermediate (serial 1, issuer 0) ──signs──▶ leaf (serial 2, issuer 1) = the server's static key

WhatsApp's clients carry the public key of WhatsApp's root; a client of the simulator is given `root` instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import KeyPair, Random

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class NoiseIdentity:
    """The keys and certificates that the server uses in every handshake.

    Attributes:
        root: public key of the root, 32 bytes, which the client process must trust.
        static: the server's own key pair.
        chain: the certificate chain, a serialized CertChain.
    """

    root: bytes
    static: KeyPair
    chain: bytes
    _root: KeyPair = field(repr=False)

    @classmethod
    def create(cls, now: float, random: Random) -> NoiseIdentity:
        """A new root, valid for a year from the day before `now` (unix seconds): the clocks of clients differ."""
        root, intermediate, static = (KeyPair.generate(random) for _ in range(3))
        validity = int(now) - _DAY, int(now) + 365 * _DAY
        return cls(root.public, static, _chain(root, intermediate, static.public, validity, random), root)

    def wrong_chain(
        self, wrong: Literal["root", "serial", "expired", "early", "key"], now: float, random: Random
    ) -> bytes:
        """A certificate chain that no client may accept. For `wrong` see the fault `Certificate`."""
        root, intermediate = self._root, KeyPair.generate(random)
        if wrong == "root":
            root = KeyPair.generate(random)
        key = KeyPair.generate(random).public if wrong == "key" else self.static.public
        validity = int(now) - _DAY, int(now) + _DAY
        if wrong == "expired":
            validity = int(now) - 3 * _DAY, int(now) - 2 * _DAY
        elif wrong == "early":
            validity = int(now) + 2 * _DAY, int(now) + 3 * _DAY
        return _chain(root, intermediate, key, validity, random, issuer_of_leaf=7 if wrong == "serial" else 1)


def _chain(
    root: KeyPair,
    intermediate: KeyPair,
    key: bytes,
    validity: tuple[int, int],
    random: Random,
    issuer_of_leaf: int = 1,
) -> bytes:
    chain: bytes = wire.CertChain(
        intermediate=_certificate(root, 1, 0, intermediate.public, validity, random),
        leaf=_certificate(intermediate, 2, issuer_of_leaf, key, validity, random),
    ).SerializeToString()
    return chain


def _certificate(
    issuer: KeyPair, serial: int, issuer_serial: int, key: bytes, validity: tuple[int, int], random: Random
) -> object:
    certificate = wire.CertChain.NoiseCertificate
    details = certificate.Details(
        serial=serial, issuerSerial=issuer_serial, key=key, notBefore=validity[0], notAfter=validity[1]
    ).SerializeToString()
    return certificate(details=details, signature=issuer.sign(details, random))
