"""All that one device remembers of another: the session in use, and those that it replaced.

Either side may start anew at any time: it lost its store, or both wrote first at once. The session before is kept,
because messages of it may still be under way, and it is used again as soon as the peer does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostics.simulator.e2e.errors import AlreadyReceived, Undecipherable
from diagnostics.simulator.e2e.formats import PreKeyMessage, SignalMessage
from diagnostics.simulator.e2e.ratchet import Keys, Ratchet
from diagnostics.simulator.keys import Random

if TYPE_CHECKING:
    from diagnostics.simulator.accounts import Bundle

_ARCHIVED = 40  # as Signal's libraries


@dataclass(frozen=True, slots=True)
class Session:
    """`ratchets`: the one in use, then those before it, latest first. A value, as they are."""

    ratchets: tuple[Ratchet, ...] = ()

    def initiate(self, keys: Keys, bundle: Bundle, random: Random) -> Session:
        """Start anew, with the bundle of the peer. Raises UnusableBundle."""
        return self._using(Ratchet.initiate(keys, bundle, random))

    def encrypt(self, plaintext: bytes) -> tuple[Session, SignalMessage | PreKeyMessage]:
        """With the ratchet in use; there must be one."""
        ratchet, message = self.ratchets[0].encrypt(plaintext)
        return self._using(ratchet, instead_of=0), message

    def decrypt_first(self, keys: Keys, first: PreKeyMessage, random: Random) -> tuple[Session, bytes]:
        """A message that may open a session. Uses up its one-time prekey.

        Raises:
            Undecipherable: see `Ratchet.respond` and `Ratchet.decrypt`.
        """
        for at, ratchet in enumerate(self.ratchets):
            if (ratchet.base, ratchet.remote) == (first.base, first.identity):
                after, plaintext = ratchet.decrypt(first.message, random)
                return self._using(after, instead_of=at), plaintext
        ratchet, plaintext = Ratchet.respond(keys, first).decrypt(first.message, random)
        if first.one_time is not None:
            keys.forget_one_time_prekey(first.one_time)
        return self._using(ratchet), plaintext

    def decrypt(self, message: SignalMessage, random: Random) -> tuple[Session, bytes]:
        """A message of the session in use, or of one before.

        Raises:
            AlreadyReceived: of one of them, but received before.
            Undecipherable: of none.
        """
        refusals: list[Undecipherable] = []
        for at, ratchet in enumerate(self.ratchets):
            try:
                after, plaintext = ratchet.decrypt(message, random)
            except Undecipherable as refusal:
                refusals.append(refusal)
            else:
                return self._using(after, instead_of=at), plaintext
        again = next((refusal for refusal in refusals if isinstance(refusal, AlreadyReceived)), None)
        if again is not None:
            raise again
        why = f"; the one in use says: {refusals[0]}" if refusals else ""
        raise Undecipherable(f"a message fits none of {len(refusals)} sessions with its sender{why}")

    def _using(self, ratchet: Ratchet, instead_of: int | None = None) -> Session:
        others = (other for at, other in enumerate(self.ratchets) if at != instead_of)
        return Session((ratchet, *others)[: _ARCHIVED + 1])
