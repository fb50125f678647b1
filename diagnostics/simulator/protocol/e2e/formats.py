"""Signal's messages as bytes: a version byte, a protobuf message, and a MAC or a signature.

    SignalMessage      33 ‖ {ratchet key, counter, previous counter, ciphertext} ‖ MAC, 8 bytes
    PreKeyMessage      33 ‖ {registration, prekey ids, base key, identity key, SignalMessage}
    SenderKeyMessage   33 ‖ {key id, iteration, ciphertext} ‖ XEdDSA signature, 64 bytes
    Distribution       33 ‖ {key id, iteration, chain key, signing key}

The version byte contains the version of the message and the newest version that its sender supports, both 3. Public
keys are preceded by the type byte 5. Fields are written in the order of their numbers, including counters of 0:
receivers written in Go encode a message again before they check its MAC.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.e2e.primitives import parse
from diagnostics.simulator.protocol.keys import DJB_TYPE

_VERSION = b"\x33"
_MAC = 8  # bytes
_SIGNATURE = 64  # bytes


@dataclass(frozen=True, slots=True)
class SignalMessage:
    """A message of a session. `body` is what its MAC covers (with the identities), the version byte included."""

    ratchet: bytes
    counter: int
    ciphertext: bytes = field(repr=False)
    body: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    @classmethod
    def write(
        cls, ratchet: bytes, counter: int, previous: int, ciphertext: bytes, authenticate: Callable[[bytes], bytes]
    ) -> SignalMessage:
        """Build a message; `authenticate` returns the full MAC of a body, of which 8 bytes are used."""
        fields = wire.SignalMessage(
            ratchetKey=DJB_TYPE + ratchet, counter=counter, previousCounter=previous, ciphertext=ciphertext
        )
        body = _VERSION + fields.SerializeToString()
        return cls(ratchet, counter, ciphertext, body, authenticate(body)[:_MAC])

    @classmethod
    def read(cls, data: bytes) -> SignalMessage:
        """Parse one. Raises Undecipherable for anything else."""
        body, mac = data[:-_MAC], data[-_MAC:]
        fields = _fields(wire.SignalMessage, body, "a message")
        return cls(_key(fields.ratchetKey, "ratchet"), fields.counter, fields.ciphertext, body, mac)

    def has_mac(self, full: bytes) -> bool:
        """Whether `full` is the MAC of the body. Only its first 8 bytes are sent."""
        return hmac.compare_digest(full[:_MAC], self.mac)

    def encode(self) -> bytes:
        return self.body + self.mac


@dataclass(frozen=True, slots=True)
class PreKeyMessage:
    """A message at the beginning of a session, with what its receiver needs to open that session.

    Attributes:
        one_time: number of the receiver's one-time prekey, None if there was none.
        base: the initiator's ephemeral key, which is different for every session.
    """

    registration: int
    one_time: int | None
    signed: int
    base: bytes
    identity: bytes
    message: SignalMessage

    @classmethod
    def read(cls, data: bytes) -> PreKeyMessage:
        """Parse one. Raises Undecipherable for anything else."""
        fields = _fields(wire.PreKeySignalMessage, data, "a first message")
        return cls(
            registration=fields.registrationId,
            one_time=fields.preKeyId or None,  # some senders write 0 for None
            signed=fields.signedPreKeyId,
            base=_key(fields.baseKey, "base"),
            identity=_key(fields.identityKey, "identity"),
            message=SignalMessage.read(fields.message),
        )

    def encode(self) -> bytes:
        fields = wire.PreKeySignalMessage(
            registrationId=self.registration,
            preKeyId=self.one_time,
            signedPreKeyId=self.signed,
            baseKey=DJB_TYPE + self.base,
            identityKey=DJB_TYPE + self.identity,
            message=self.message.encode(),
        )
        return _VERSION + bytes(fields.SerializeToString())


@dataclass(frozen=True, slots=True)
class SenderKeyMessage:
    """A message to a group. The signature covers `body`."""

    id: int
    iteration: int
    ciphertext: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def write(cls, id: int, iteration: int, ciphertext: bytes, sign: Callable[[bytes], bytes]) -> SenderKeyMessage:  # noqa: A002 - the field's own term
        fields = wire.SenderKeyMessage(id=id, iteration=iteration, ciphertext=ciphertext)
        body = _VERSION + fields.SerializeToString()
        return cls(id, iteration, ciphertext, body, sign(body))

    @classmethod
    def read(cls, data: bytes) -> SenderKeyMessage:
        """Parse one. Raises Undecipherable for anything else."""
        body, signature = data[:-_SIGNATURE], data[-_SIGNATURE:]
        fields = _fields(wire.SenderKeyMessage, body, "a group message")
        return cls(fields.id, fields.iteration, fields.ciphertext, body, signature)

    def encode(self) -> bytes:
        return self.body + self.signature


@dataclass(frozen=True, slots=True)
class Distribution:
    """A sender key for a member of the group, with which all messages from `iteration` on can be decrypted."""

    id: int
    iteration: int
    chain: bytes = field(repr=False)
    signing: bytes

    @classmethod
    def read(cls, data: bytes) -> Distribution:
        """Parse one. Raises Undecipherable for anything else."""
        fields = _fields(wire.SenderKeyDistributionMessage, data, "a sender key")
        if len(fields.chainKey) != 32:
            raise Undecipherable(f"a sender key has a chain key of {len(fields.chainKey)} bytes instead of 32")
        return cls(fields.id, fields.iteration, fields.chainKey, _key(fields.signingKey, "signing"))

    def encode(self) -> bytes:
        fields = wire.SenderKeyDistributionMessage(
            id=self.id, iteration=self.iteration, chainKey=self.chain, signingKey=DJB_TYPE + self.signing
        )
        return _VERSION + bytes(fields.SerializeToString())


def _fields(message: Any, data: bytes, what: str) -> Any:
    if data[:1] != _VERSION:
        raise Undecipherable(f"{what} is not of version 3")
    return parse(message, data[1:], what)


def _key(data: bytes, what: str) -> bytes:
    # X25519 ignores the last bit, so two different byte strings would be accepted as the same key.
    if len(data) != 33 or data[:1] != DJB_TYPE or data[32] & 0x80:
        raise Undecipherable(f"a message's {what} key is not a Curve25519 key of 33 bytes")
    return data[1:]
