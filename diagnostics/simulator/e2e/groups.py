"""Sender keys: a member encrypts a message once for the whole group, with a key that each member got from it before.

A sender key is a chain that only moves forward, and a signing key, so that members cannot pretend to be one another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from diagnostics.simulator.e2e import primitives
from diagnostics.simulator.e2e.chains import MAX_AHEAD, Chain
from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.e2e.formats import Distribution, SenderKeyMessage
from diagnostics.simulator.keys import KeyPair, Random, signed_by

_KEPT = 5  # sender keys of one member


@dataclass(frozen=True, slots=True)
class OwnSenderKey:
    """With which a device writes to one group. A value: encrypting gives the next one."""

    id: int
    chain: Chain
    signing: KeyPair

    @classmethod
    def create(cls, random: Random) -> OwnSenderKey:
        number = int.from_bytes(random(4), "big") & 0x7FFFFFFF
        return cls(number, Chain(random(32)), KeyPair.generate(random))

    def distribution(self) -> Distribution:
        """For members that shall read everything from the next message on."""
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
    """One that another member has distributed."""

    id: int
    chain: Chain
    signing: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """What a device knows of another member of a group: its sender keys, latest first. A value."""

    keys: tuple[SenderKey, ...] = field(default=())

    def learn(self, distribution: Distribution) -> Member:
        """The member has distributed a key, perhaps one that is known.

        A key that is known stays where it is: taking the chain back would let old messages pass a second time, and
        taking it forward would lose those that are still under way.
        """
        new = SenderKey(distribution.id, Chain(distribution.chain, distribution.iteration), distribution.signing)
        for known in self.keys:
            ahead = new.chain.index - known.chain.index
            if (known.id, known.signing) == (new.id, new.signing) and ahead <= MAX_AHEAD:
                new = known
        others = (key for key in self.keys if key.id != new.id)
        return Member((new, *others)[:_KEPT])

    def decrypt(self, message: SenderKeyMessage) -> tuple[Member, bytes]:
        """
        Raises:
            AlreadyReceived: as `Chain.take`.
            Undecipherable: its key is unknown, or the member did not sign it.
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
