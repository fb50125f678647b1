"""Sender keys: a member of a group encrypts a message once, with a key that it has sent to each other member before.

A sender key is a chain that only moves forward, and a signing key, so that no member can write in another's name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from diagnostics.simulator.protocol.e2e import primitives
from diagnostics.simulator.protocol.e2e.chains import MAX_AHEAD, Chain
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.e2e.formats import Distribution, SenderKeyMessage
from diagnostics.simulator.protocol.keys import KeyPair, Random, signed_by

_KEPT = 5  # sender keys of one member


@dataclass(frozen=True, slots=True)
class OwnSenderKey:
    """The sender key with which a device writes to one group. Immutable: encrypting returns the next one."""

    id: int
    chain: Chain
    signing: KeyPair

    @classmethod
    def create(cls, random: Random) -> OwnSenderKey:
        number = int.from_bytes(random(4), "big") & 0x7FFFFFFF
        return cls(number, Chain(random(32)), KeyPair.generate(random))

    def distribution(self) -> Distribution:
        """The message that lets its receiver read everything from the next message on."""
        return Distribution(self.id, self.chain.index, self.chain.key, self.signing.public)

    def encrypt(self, plaintext: bytes, random: Random) -> tuple[OwnSenderKey, SenderKeyMessage]:
        chain, seed = self.chain.advance()
        cipher, iv = _message_keys(seed)
        message = SenderKeyMessage.write(
            self.id,
            self.chain.index,
            primitives.encrypt_cbc(cipher, iv, plaintext),
            lambda body: self.signing.sign(body, random),
        )
        return replace(self, chain=chain), message


@dataclass(frozen=True, slots=True)
class SenderKey:
    """A sender key that another member has distributed."""

    id: int
    chain: Chain
    signing: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """The sender keys that a device knows of another member of a group, latest first. Immutable."""

    keys: tuple[SenderKey, ...] = field(default=())

    def learn(self, distribution: Distribution) -> Member:
        """Store a key that the member has distributed, which may be known already.

        A known key keeps its position: moving the chain back would accept old messages a second time, and moving it
        forward would lose those that have not arrived yet.
        """
        new = SenderKey(distribution.id, Chain(distribution.chain, distribution.iteration), distribution.signing)
        for known in self.keys:
            ahead = new.chain.index - known.chain.index
            if (known.id, known.signing) == (new.id, new.signing) and ahead <= MAX_AHEAD:
                new = known
        others = (key for key in self.keys if key.id != new.id)
        return Member((new, *others)[:_KEPT])

    def decrypt(self, message: SenderKeyMessage) -> tuple[Member, bytes]:
        """Decrypt a message of this member.

        Returns:
            The member after this message, and the plaintext.

        Raises:
            AlreadyReceived: as `Chain.take`.
            Undecipherable: the sender key is unknown, or the member did not sign the message.
        """
        key = next((key for key in self.keys if key.id == message.id), None)
        if key is None:
            raise Undecipherable("a group message has a sender key that was never distributed to this device")
        if not signed_by(key.signing, message.body, message.signature):
            raise Undecipherable("a group message is not signed by its sender")
        chain, seed = key.chain.take(message.iteration)
        cipher, iv = _message_keys(seed)
        plaintext = primitives.decrypt_cbc(cipher, iv, message.ciphertext)
        after = replace(key, chain=chain)
        return Member(tuple(after if known is key else known for known in self.keys)), plaintext


def _message_keys(seed: bytes) -> tuple[bytes, bytes]:
    """Cipher key and initialization vector of one message."""
    derived = primitives.hkdf(seed, b"WhisperGroup", 48)
    return derived[16:], derived[:16]
