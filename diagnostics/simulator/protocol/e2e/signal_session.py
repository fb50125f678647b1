"""The sessions of one device with another: the one in use, and those that it replaced.

Either side may start a new session at any time: because it lost its store, or because both sides wrote first at the
same time. The previous sessions are kept, because messages of them may still arrive, and one is used again as soon as
the peer uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnostics.simulator.protocol.e2e.encryption_errors import AlreadyReceived, Undecipherable
from diagnostics.simulator.protocol.e2e.formats import PreKeyMessage, SignalMessage
from diagnostics.simulator.protocol.e2e.ratchet import Keys, Ratchet
from diagnostics.simulator.protocol.keys import Random

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.prekeys import Bundle

_ARCHIVED = 40  # as Signal's libraries


@dataclass(frozen=True, slots=True)
class Session:
    """`ratchets`: the one in use, then earlier ones, latest first. Immutable, as they are."""

    ratchets: tuple[Ratchet, ...] = ()

    def initiate(self, keys: Keys, bundle: Bundle, random: Random) -> Session:
        """Start a new session with the peer's bundle. Raises UnusableBundle."""
        return self._with(Ratchet.initiate(keys, bundle, random))

    def encrypt(self, plaintext: bytes) -> tuple[Session, SignalMessage | PreKeyMessage]:
        """Encrypt with the ratchet in use; there must be one."""
        ratchet, message = self.ratchets[0].encrypt(plaintext)
        return self._with(ratchet, instead_of=0), message

    def decrypt_first(self, keys: Keys, first: PreKeyMessage, random: Random) -> tuple[Session, bytes]:
        """Decrypt a message that may open a session. Its one-time prekey is deleted from `keys`.

        Raises:
            Undecipherable: see `Ratchet.respond` and `Ratchet.decrypt`.
        """
        for at, ratchet in enumerate(self.ratchets):
            if (ratchet.base, ratchet.remote) == (first.base, first.identity):
                after, plaintext = ratchet.decrypt(first.message, random)
                return self._with(after, instead_of=at), plaintext
        ratchet, plaintext = Ratchet.respond(keys, first).decrypt(first.message, random)
        if first.one_time is not None:
            keys.forget_one_time_prekey(first.one_time)
        return self._with(ratchet), plaintext

    def decrypt(self, message: SignalMessage, random: Random) -> tuple[Session, bytes]:
        """Decrypt a message of the session in use, or of an earlier one.

        Raises:
            AlreadyReceived: it belongs to one of them, and was decrypted before.
            Undecipherable: it belongs to none of them.
        """
        refusals: list[Undecipherable] = []
        for at, ratchet in enumerate(self.ratchets):
            try:
                after, plaintext = ratchet.decrypt(message, random)
            except Undecipherable as refusal:
                refusals.append(refusal)
            else:
                return self._with(after, instead_of=at), plaintext
        again = next((refusal for refusal in refusals if isinstance(refusal, AlreadyReceived)), None)
        if again is not None:
            raise again
        why = f"; the one in use says: {refusals[0]}" if refusals else ""
        raise Undecipherable(f"a message fits none of {len(refusals)} sessions with its sender{why}")

    def _with(self, ratchet: Ratchet, instead_of: int | None = None) -> Session:
        others = (other for at, other in enumerate(self.ratchets) if at != instead_of)
        return Session((ratchet, *others)[: _ARCHIVED + 1])
