"""One session between two devices: X3DH to begin with, then the double ratchet.

Terms as in Signal's specifications ("The X3DH Key Agreement Protocol", "The Double Ratchet Algorithm"), in the form
that Signal's libraries give them: the first ratchet key of the responder is its signed prekey, and the chains of
the peer's last five ratchet keys are kept instead of using the counter of the previous chain.

A `Ratchet` is a value: encrypting and decrypting give the next one, and a failed attempt changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from diagnostics.simulator.e2e import primitives
from diagnostics.simulator.e2e.chains import Chain
from diagnostics.simulator.e2e.errors import Undecipherable, UnusableBundle
from diagnostics.simulator.e2e.formats import PreKeyMessage, SignalMessage
from diagnostics.simulator.keys import DJB_TYPE, KeyPair, Random, signed_by

if TYPE_CHECKING:
    from diagnostics.simulator.accounts import Bundle

_CHAINS_KEPT = 5
_DISCONTINUITY = b"\xff" * 32  # tells the input of the key derivation from an encoded key


class Keys(Protocol):
    """The private keys of a device, which others have bundles of.

    `accounts.Phone` has them. One-time prekeys are forgotten when the first message with them was read.
    """

    @property
    def registration(self) -> int: ...

    @property
    def identity(self) -> KeyPair: ...

    def signed_prekey(self, number: int) -> KeyPair | None:
        """The signed prekey of that number, None for one that was never given out."""

    def one_time_prekey(self, number: int) -> KeyPair | None:
        """The one-time prekey of that number, None where it was never given out or is used up."""

    def forget_one_time_prekey(self, number: int) -> None:
        """It has been used."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The responder has not answered yet, so that every message must be able to be its first."""

    registration: int
    one_time: int | None
    signed: int


@dataclass(frozen=True, slots=True)
class Ratchet:
    """
    Attributes:
        base: the initiator's ephemeral public key, which names the session.
        local, remote: public identity keys.
        root: the root key, 32 bytes.
        pair: our ratchet key.
        sending: the chain that belongs to `pair`.
        previous: number of messages in the sending chain before, less one.
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
        """A session with the device whose bundle this is.

        Raises:
            UnusableBundle: its keys are none, or the identity has not signed the prekey.
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
        """The session that `first` opens with the owner of `keys`. Nothing is forgotten yet.

        Raises:
            Undecipherable: it uses a prekey that the device does not have, or no longer.
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
        """The ratchet behind the message, and the message."""
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
        """The ratchet behind the message, and its plaintext.

        Raises:
            AlreadyReceived: as `Chain.take`.
            Undecipherable: it is not of this session, or damaged.
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
        """The peer has a new ratchet key; so have we."""
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
    """The first root key and chain, from the secrets of X3DH in their order."""
    derived = primitives.hkdf(b"".join([_DISCONTINUITY, *secrets]), b"WhisperText", 64)
    return derived[:32], Chain(derived[32:])


def _turn(root: bytes, ours: KeyPair, theirs: bytes) -> tuple[bytes, Chain]:
    """The next root key and a fresh chain."""
    derived = primitives.hkdf(primitives.agree(ours, theirs), b"WhisperRatchet", 64, salt=root)
    return derived[:32], Chain(derived[32:])


def _message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    """Keys of one message: cipher, MAC, and the initialization vector."""
    derived = primitives.hkdf(seed, b"WhisperMessageKeys", 80)
    return derived[:32], derived[32:64], derived[64:]


def _mac(key: bytes, sender: bytes, receiver: bytes, body: bytes) -> bytes:
    return primitives.mac(key, DJB_TYPE, sender, DJB_TYPE, receiver, body)
