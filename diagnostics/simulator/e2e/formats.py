"""How Signal's messages are written down: a version byte, a protobuf message, and what proves its origin.

    SignalMessage      33 ‖ {ratchet key, counter, previous counter, ciphertext} ‖ MAC, 8 bytes
    PreKeyMessage      33 ‖ {registration, prekey ids, base key, identity key, SignalMessage}
    SenderKeyMessage   33 ‖ {key id, iteration, ciphertext} ‖ XEdDSA signature, 64 bytes
    Distribution       33 ‖ {key id, iteration, chain key, signing key}

The version byte holds the version of the message and the newest that its sender knows, 3 both. Public keys have the
type byte 5 in front. Fields are written in the order of their numbers, counters of 0 too: receivers written in Go
encode a message anew before they check its MAC.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diagnostics.simulator.e2e import proto
from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.keys import DJB_TYPE

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
        """`authenticate` gives the MAC of a body, which is cut to its size here."""
        fields = proto.SignalMessage(
            ratchetKey=DJB_TYPE + ratchet, counter=counter, previousCounter=previous, ciphertext=ciphertext
        )
        body = _VERSION + fields.SerializeToString()
        return cls(ratchet, counter, ciphertext, body, authenticate(body)[:_MAC])

    @classmethod
    def read(cls, data: bytes) -> SignalMessage:
        """Raises Undecipherable for what is none."""
        body, mac = data[:-_MAC], data[-_MAC:]
        fields = _fields(proto.SignalMessage, body, "a message")
        return cls(_key(fields.ratchetKey, "ratchet"), fields.counter, fields.ciphertext, body, mac)

    def has_mac(self, full: bytes) -> bool:
        """Whether this is the MAC of its body, of which only the beginning is sent."""
        return hmac.compare_digest(full[:_MAC], self.mac)

    def encode(self) -> bytes:
        return self.body + self.mac


@dataclass(frozen=True, slots=True)
class PreKeyMessage:
    """The first messages of a session, with what its receiver needs to open it.

    Attributes:
        one_time: number of the receiver's one-time prekey, None where there was none.
        base: the initiator's ephemeral key; no two sessions have the same.
    """

    registration: int
    one_time: int | None
    signed: int
    base: bytes
    identity: bytes
    message: SignalMessage

    @classmethod
    def read(cls, data: bytes) -> PreKeyMessage:
        """Raises Undecipherable for what is none."""
        fields = _fields(proto.PreKeySignalMessage, data, "a first message")
        return cls(
            registration=fields.registrationId,
            one_time=fields.preKeyId or None,  # some senders write 0 for none
            signed=fields.signedPreKeyId,
            base=_key(fields.baseKey, "base"),
            identity=_key(fields.identityKey, "identity"),
            message=SignalMessage.read(fields.message),
        )

    def encode(self) -> bytes:
        fields = proto.PreKeySignalMessage(
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
    """A message to a group. `body` is what the signature covers."""

    id: int
    iteration: int
    ciphertext: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def write(cls, id: int, iteration: int, ciphertext: bytes, sign: Callable[[bytes], bytes]) -> SenderKeyMessage:  # noqa: A002 - the field's own term
        fields = proto.SenderKeyMessage(id=id, iteration=iteration, ciphertext=ciphertext)
        body = _VERSION + fields.SerializeToString()
        return cls(id, iteration, ciphertext, body, sign(body))

    @classmethod
    def read(cls, data: bytes) -> SenderKeyMessage:
        """Raises Undecipherable for what is none."""
        body, signature = data[:-_SIGNATURE], data[-_SIGNATURE:]
        fields = _fields(proto.SenderKeyMessage, body, "a group message")
        return cls(fields.id, fields.iteration, fields.ciphertext, body, signature)

    def encode(self) -> bytes:
        return self.body + self.signature


@dataclass(frozen=True, slots=True)
class Distribution:
    """A sender key on its way to a member of the group: with it all messages from `iteration` on can be read."""

    id: int
    iteration: int
    chain: bytes = field(repr=False)
    signing: bytes

    @classmethod
    def read(cls, data: bytes) -> Distribution:
        """Raises Undecipherable for what is none."""
        fields = _fields(proto.SenderKeyDistributionMessage, data, "a sender key")
        if len(fields.chainKey) != 32:
            raise Undecipherable(f"a sender key has a chain key of {len(fields.chainKey)} bytes instead of 32")
        return cls(fields.id, fields.iteration, fields.chainKey, _key(fields.signingKey, "signing"))

    def encode(self) -> bytes:
        fields = proto.SenderKeyDistributionMessage(
            id=self.id, iteration=self.iteration, chainKey=self.chain, signingKey=DJB_TYPE + self.signing
        )
        return _VERSION + bytes(fields.SerializeToString())


def _fields(message: Any, data: bytes, what: str) -> Any:
    if data[:1] != _VERSION:
        raise Undecipherable(f"{what} is not of version 3")
    return proto.parse(message, data[1:], what)


def _key(data: bytes, what: str) -> bytes:
    # X25519 ignores the last bit, so that two spellings of a key would pass for one another.
    if len(data) != 33 or data[:1] != DJB_TYPE or data[32] & 0x80:
        raise Undecipherable(f"a message's {what} key is no Curve25519 key of 33 bytes")
    return data[1:]
