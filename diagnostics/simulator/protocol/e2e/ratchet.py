"""One session between two devices: X3DH to set it up, then the double ratchet.

Terms as in Signal's specifications ("The X3DH Key Agreement Protocol", "The Double Ratchet Algorithm"), in the form
that Signal's libraries give them: the first ratchet key of the responder is its signed prekey, and the chains of
the peer's last five ratchet keys are kept instead of using the counter of the previous chain.

A `Ratchet` is immutable: encrypting and decrypting return the next one, and a failed attempt changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from diagnostics.simulator.protocol.e2e import primitives
from diagnostics.simulator.protocol.e2e.chains import Chain
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable, UnusableBundle
from diagnostics.simulator.protocol.e2e.formats import PreKeyMessage, SignalMessage
from diagnostics.simulator.protocol.keys import DJB_TYPE, KeyPair, Random, signed_by

if TYPE_CHECKING:
    from diagnostics.simulator.protocol.prekeys import Bundle

_CHAINS_KEPT = 5
_DISCONTINUITY = b"\xff" * 32  # distinguishes this input of the key derivation from an encoded key


class Keys(Protocol):
    """The private keys of a device, whose public keys others get as bundles. `PhoneKeys` implements it.

    A one-time prekey is deleted after the first message that uses it was decrypted.
    """

    @property
    def registration(self) -> int: ...

    @property
    def identity(self) -> KeyPair: ...

    def signed_prekey(self, number: int) -> KeyPair | None:
        """The signed prekey with that number, None if it was never published."""

    def one_time_prekey(self, number: int) -> KeyPair | None:
        """The one-time prekey with that number, None if it was never published or was used before."""

    def forget_one_time_prekey(self, number: int) -> None:
        """Delete a one-time prekey that was used."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The prekeys that every message must name until the responder has answered: each may be the first to arrive."""

    registration: int
    one_time: int | None
    signed: int


@dataclass(frozen=True, slots=True)
class Ratchet:
    """The state of one session on one side.

    Attributes:
        base: the initiator's ephemeral public key, which names the session.
        local, remote: public identity keys.
        root: the root key, 32 bytes.
        pair: our ratchet key.
        sending: the chain that belongs to `pair`.
        previous: number of messages in the previous sending chain, minus one.
        receiving: the peer's ratchet keys and their chains, newest last.
        pending: None for the responder, and once it has answered.
    """

    base: bytes
    local: bytes
    remote: bytes
    root: bytes = field(repr=False)
    pair: KeyPair
    sending: Chain
    previous: int
    receiving: tuple[tuple[bytes, Chain], ...]
    pending: Pending | None

    @classmethod
    def initiate(cls, keys: Keys, bundle: Bundle, random: Random) -> Ratchet:
        """Start a session with the device that published `bundle`.

        Raises:
            UnusableBundle: its keys are malformed, or the identity has not signed the prekey.
        """
        signed, one_time = bundle.signed, bundle.one_time
        if not signed_by(bundle.identity, DJB_TYPE + signed.public, signed.signature):
            raise UnusableBundle("the signed prekey of a bundle is not signed by its identity")
        base, pair = KeyPair.generate(random), KeyPair.generate(random)
        try:
            secrets = [
                primitives.agree(keys.identity, signed.public),
                primitives.agree(base, bundle.identity),
                primitives.agree(base, signed.public),
            ]
            if one_time is not None:
                secrets.append(primitives.agree(base, one_time.public))
            root, first = _begin(secrets)
            root, sending = _turn(root, pair, signed.public)
        except Undecipherable as error:
            raise UnusableBundle(f"a bundle cannot be used: {error}") from None
        return cls(
            base=base.public,
            local=keys.identity.public,
            remote=bundle.identity,
            root=root,
            pair=pair,
            sending=sending,
            previous=0,
            receiving=((signed.public, first),),
            pending=Pending(keys.registration, one_time.id if one_time else None, signed.id),
        )

    @classmethod
    def respond(cls, keys: Keys, first: PreKeyMessage) -> Ratchet:
        """The session that `first` opens with the owner of `keys`. The one-time prekey is not deleted yet.

        Raises:
            Undecipherable: `first` uses a prekey that the device does not have, or does not have any more.
        """
        signed = keys.signed_prekey(first.signed)
        if signed is None:
            raise Undecipherable(f"the device has no signed prekey {first.signed}")
        secrets = [
            primitives.agree(signed, first.identity),
            primitives.agree(keys.identity, first.base),
            primitives.agree(signed, first.base),
        ]
        if first.one_time is not None:
            one_time = keys.one_time_prekey(first.one_time)
            if one_time is None:
                raise Undecipherable(f"the one-time prekey {first.one_time} is used up, or was never given out")
            secrets.append(primitives.agree(one_time, first.base))
        root, sending = _begin(secrets)
        return cls(
            base=first.base,
            local=keys.identity.public,
            remote=first.identity,
            root=root,
            pair=signed,
            sending=sending,
            previous=0,
            receiving=(),
            pending=None,
        )

    def encrypt(self, plaintext: bytes) -> tuple[Ratchet, SignalMessage | PreKeyMessage]:
        """The ratchet after the message, and the message."""
        sending, seed = self.sending.advance()
        cipher, mac, iv = _message_keys(seed)
        message: SignalMessage | PreKeyMessage
        message = signal = SignalMessage.write(
            ratchet=self.pair.public,
            counter=self.sending.index,
            previous=self.previous,
            ciphertext=primitives.encrypt_cbc(cipher, iv, plaintext),
            authenticate=lambda body: _mac(mac, self.local, self.remote, body),
        )
        pending = self.pending
        if pending is not None:
            message = PreKeyMessage(
                pending.registration, pending.one_time, pending.signed, self.base, self.local, signal
            )
        return replace(self, sending=sending), message

    def decrypt(self, message: SignalMessage, random: Random) -> tuple[Ratchet, bytes]:
        """The ratchet after the message, and its plaintext.

        Raises:
            AlreadyReceived: as `Chain.take`.
            Undecipherable: the message belongs to another session, or is damaged.
        """
        known = dict(self.receiving)
        chain = known.get(message.ratchet)
        after = self if chain is not None else self._turned(message.ratchet, random)
        chain, seed = (chain or after.receiving[-1][1]).take(message.counter)
        cipher, mac, iv = _message_keys(seed)
        if not message.has_mac(_mac(mac, self.remote, self.local, message.body)):
            raise Undecipherable("a message's authentication code is wrong: another session's, or damaged")
        plaintext = primitives.decrypt_cbc(cipher, iv, message.ciphertext)
        receiving = tuple((key, chain if key == message.ratchet else kept) for key, kept in after.receiving)
        return replace(after, receiving=receiving, pending=None), plaintext

    def _turned(self, theirs: bytes, random: Random) -> Ratchet:
        """The ratchet after the peer has sent a new ratchet key, with a new key pair of ours."""
        root, receiving = _turn(self.root, self.pair, theirs)
        pair = KeyPair.generate(random)
        root, sending = _turn(root, pair, theirs)
        return replace(
            self,
            root=root,
            pair=pair,
            sending=sending,
            previous=max(self.sending.index - 1, 0),
            receiving=(*self.receiving, (theirs, receiving))[-_CHAINS_KEPT:],
        )


def _begin(secrets: list[bytes]) -> tuple[bytes, Chain]:
    """The first root key and chain, derived from the secrets of X3DH in their order."""
    derived = primitives.hkdf(b"".join([_DISCONTINUITY, *secrets]), b"WhisperText", 64)
    return derived[:32], Chain(derived[32:])


def _turn(root: bytes, ours: KeyPair, theirs: bytes) -> tuple[bytes, Chain]:
    """The next root key, and a new chain."""
    derived = primitives.hkdf(primitives.agree(ours, theirs), b"WhisperRatchet", 64, salt=root)
    return derived[:32], Chain(derived[32:])


def _message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    """Keys of one message: cipher, MAC, and the initialization vector."""
    derived = primitives.hkdf(seed, b"WhisperMessageKeys", 80)
    return derived[:32], derived[32:64], derived[64:]


def _mac(key: bytes, sender: bytes, receiver: bytes, body: bytes) -> bytes:
    return primitives.mac(key, DJB_TYPE, sender, DJB_TYPE, receiver, body)
