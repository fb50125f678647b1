"""The symmetric ratchet: every message has its own key, from which no earlier key can be computed.

    chain key ──HMAC 2──▶ chain key ──HMAC 2──▶ …
        │                     │
      HMAC 1                HMAC 1
        ▼                     ▼
      seed 0                seed 1

Messages can arrive late, out of order, twice or never. So the seeds of skipped messages are kept until they are used
once. A `Chain` is immutable: a failed attempt to decrypt changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnostics.simulator.protocol.e2e.encryption_errors import AlreadyReceived, Undecipherable
from diagnostics.simulator.protocol.e2e.primitives import mac

# As in Signal's libraries: how far a message may be ahead of the last one, and how many seeds are kept.
MAX_AHEAD = 2_000
MAX_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of message keys.

    Attributes:
        key: the chain key, 32 bytes, from which message `index` and all later ones follow.
        index: number of the next message.
        skipped: seeds of earlier messages that have not arrived, by number, oldest first.
    """

    key: bytes = field(repr=False)
    index: int = 0
    skipped: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    def advance(self) -> tuple[Chain, bytes]:
        """The chain after the next message, and that message's seed (32 bytes)."""
        return Chain(mac(self.key, b"\2"), self.index + 1, self.skipped), mac(self.key, b"\1")

    def take(self, number: int) -> tuple[Chain, bytes]:
        """The chain after message `number` has arrived, and that message's seed.

        Raises:
            AlreadyReceived: it has arrived before, or is older than what is kept.
            Undecipherable: it is too far ahead.
        """
        if number < self.index:
            seed = self.skipped.get(number)
            if seed is None:
                raise AlreadyReceived(f"message {number} of its chain was received before, or is too old")
            kept = {other: seed for other, seed in self.skipped.items() if other != number}
            return Chain(self.key, self.index, kept), seed
        if number - self.index > MAX_AHEAD:
            raise Undecipherable(f"message {number} of its chain is {number - self.index} ahead of the last")
        skipped = dict(self.skipped)
        chain = self
        while chain.index < number:
            skipped[chain.index] = mac(chain.key, b"\1")
            chain = Chain(mac(chain.key, b"\2"), chain.index + 1)
        while len(skipped) > MAX_KEPT:
            del skipped[next(iter(skipped))]
        return Chain(chain.key, chain.index, skipped).advance()
