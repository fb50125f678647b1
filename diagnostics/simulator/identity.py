"""Who the server is: the key that a client must trust and the certificate chain that leads to its own key.

    root ──signs──▶ intermediate (serial 1, issuer 0) ──signs──▶ leaf (serial 2, issuer 1) = the server's static key

WhatsApp's clients carry the public key of WhatsApp's root; a client of the simulator is given `root` instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from diagnostics.simulator import wire
from diagnostics.simulator.keys import KeyPair, Random

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class NoiseIdentity:
    """The server's part in every handshake.

    Attributes:
        root: public key of the root, 32 bytes; what the client process must trust.
        static: the server's own key pair.
        chain: the certificate chain, a serialized CertChain.
    """

    root: bytes
    static: KeyPair
    chain: bytes
    _root: KeyPair = field(repr=False)

    @classmethod
    def create(cls, now: float, random: Random) -> NoiseIdentity:
        """A fresh root, valid from a day before `now` (unix seconds) for a year: clocks of clients differ."""
        root, intermediate, static = (KeyPair.generate(random) for _ in range(3))
        validity = int(now) - _DAY, int(now) + 365 * _DAY
        return cls(root.public, static, _chain(root, intermediate, static.public, validity, random), root)

    def wrong_chain(
        self, wrong: Literal["root", "serial", "expired", "early", "key"], now: float, random: Random
    ) -> bytes:
        """A chain that no client may accept; what is wrong with it as in `faults.Certificate`."""
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
