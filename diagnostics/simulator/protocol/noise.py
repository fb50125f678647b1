"""The server's side of WhatsApp's Noise channel: encrypted bytes in, plaintext frames out, and the other way round.

Noise_XX_25519_AESGCM_SHA256 after a four-byte header, in frames with a three-byte big-endian length. It deviates from
the Noise specification: the empty payload of message 1 is not mixed into the hash, so no Noise library can be used.

    client  WA\\x06\\x03, e                    ──▶ HEADER, HELLO
    server  e, ee, s, es, certificate chain   ◀──
    client  s, se, ClientPayload              ──▶ FINISH
    both    frames, one AES key per direction, a counter as nonce    OPEN

`WA\\x06` is followed by the version of the client's token dictionary. Only version 3 is supported. Another version
is refused by name, because stanzas that are decoded with the wrong dictionary are wrong without any error.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import KeyPair
from diagnostics.simulator.protocol.noise_identity import NoiseIdentity
from diagnostics.simulator.protocol.stanza import MAX_STANZA
from diagnostics.simulator.simulator_errors import ProtocolError

HEADER = b"WA\x06" + bytes((wire.DICTIONARY_VERSION,))
_PATTERN = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"  # 32 bytes, so it is its own hash
_TAG_SIZE = 16  # what AES-GCM adds
MAX_HANDSHAKE_FRAME = 1 << 16
MAX_FRAME = MAX_STANZA + 1 + _TAG_SIZE
# Some clients first send routing information for the edge server that they used before: ED, 0, 1, a three-byte length,
# the information.
_EDGE = b"ED\0\1"


@dataclass(frozen=True, slots=True)
class Handshaken:
    """The handshake is complete. `static` is the client's public key, `payload` its serialized ClientPayload."""

    static: bytes
    payload: bytes = field(repr=False)


class _Phase(Enum):
    HEADER = auto()
    HELLO = auto()
    FINISH = auto()
    OPEN = auto()


class NoiseServer:
    """One connection's channel.

    `receive` yields one `Handshaken` and then the plaintext of every frame. After malformed input, which raises
    ProtocolError, the channel cannot be used any more.

    Attributes:
        replies: the server's handshake messages that are still to be sent, in order.
        chain: the certificate chain that the server will show.
    """

    def __init__(self, identity: NoiseIdentity, ephemeral: KeyPair) -> None:
        self.replies: list[bytes] = []
        self.chain = identity.chain
        self._identity = identity
        self._ephemeral = ephemeral
        self._phase = _Phase.HEADER
        self._buffer = bytearray()
        self._symmetric = _Symmetric()
        self._reader: _Cipher | None = None
        self._writer: _Cipher | None = None

    def receive(self, data: bytes) -> Iterator[Handshaken | bytes]:
        """Take the client's next bytes, which may end anywhere in the stream.

        Yields:
            Each event that `data` completes, in order.

        Raises:
            ProtocolError: the bytes do not follow the protocol, or do not decrypt.
        """
        self._buffer += data
        while True:
            if self._phase is _Phase.HEADER:
                if not self._header():
                    return
                self._phase = _Phase.HELLO
            frame = self._frame()
            if frame is None:
                return
            if self._phase is _Phase.HELLO:
                self.replies.append(framed(self._hello(frame)))
                self._phase = _Phase.FINISH
            elif self._phase is _Phase.FINISH:
                handshaken = self._finish(frame)
                self._phase = _Phase.OPEN
                yield handshaken
            elif self._reader is not None:
                yield self._reader.decrypt(frame)

    def send(self, plaintext: bytes) -> bytes:
        """The frame that carries `plaintext`. Frames must be sent in the order of the calls: the nonce is a counter.

        Raises:
            ProtocolError: the handshake is not complete.
        """
        if self._writer is None:
            raise ProtocolError("the handshake is not complete")
        return framed(self._writer.encrypt(plaintext))

    def _header(self) -> bool:
        """Take the connection header off the buffer; False while it is incomplete."""
        buffer = self._buffer
        if buffer[:4] == _EDGE:
            if len(buffer) < 7:
                return False
            length = int.from_bytes(buffer[4:7], "big")
            if length > MAX_HANDSHAKE_FRAME:
                raise ProtocolError(f"routing information of {length} bytes is too long")
            if len(buffer) < 7 + length:
                return False
            del buffer[: 7 + length]
        if not HEADER.startswith(buffer[:4]) and not _EDGE.startswith(buffer[:4]):
            if buffer[:3] == HEADER[:3] and len(buffer) >= 4:
                raise ProtocolError(
                    f"the client speaks token dictionary {buffer[3]}, this server only {wire.DICTIONARY_VERSION}"
                )
            if not HEADER[:3].startswith(buffer[:3]):
                raise ProtocolError("the connection does not begin with WhatsApp's header WA\\x06\\x03")
        if len(buffer) < 4:
            return False
        self._symmetric.mix_hash(HEADER)
        del buffer[:4]
        return True

    def _frame(self) -> bytes | None:
        if len(self._buffer) < 3:
            return None
        length = int.from_bytes(self._buffer[:3], "big")
        limit = MAX_FRAME if self._phase is _Phase.OPEN else MAX_HANDSHAKE_FRAME
        if length > limit:
            raise ProtocolError(f"a frame of {length} bytes is larger than {limit}")
        if len(self._buffer) < 3 + length:
            return None
        frame = bytes(self._buffer[3 : 3 + length])
        del self._buffer[: 3 + length]
        return frame

    def _hello(self, frame: bytes) -> bytes:
        theirs = wire.parse(wire.HandshakeMessage, frame, "the client's hello").clientHello.ephemeral
        if len(theirs) != 32:
            raise ProtocolError(f"the client's hello has an ephemeral key of {len(theirs)} bytes")
        symmetric, static = self._symmetric, self._identity.static
        symmetric.mix_hash(theirs)
        symmetric.mix_hash(self._ephemeral.public)
        symmetric.mix_key(self._ephemeral.agree(theirs))
        encrypted_static = symmetric.encrypt(static.public)
        symmetric.mix_key(static.agree(theirs))
        hello = wire.HandshakeMessage.ServerHello(
            ephemeral=self._ephemeral.public, static=encrypted_static, payload=symmetric.encrypt(self.chain)
        )
        answer: bytes = wire.HandshakeMessage(serverHello=hello).SerializeToString()
        return answer

    def _finish(self, frame: bytes) -> Handshaken:
        finish = wire.parse(wire.HandshakeMessage, frame, "the client's finish").clientFinish
        symmetric = self._symmetric
        static = symmetric.decrypt(finish.static)
        symmetric.mix_key(self._ephemeral.agree(static))
        payload = symmetric.decrypt(finish.payload)
        from_client, to_client = symmetric.split()
        self._reader, self._writer = _Cipher(from_client), _Cipher(to_client)
        return Handshaken(static, payload)


def framed(data: bytes) -> bytes:
    """`data` with its length in front, as one frame."""
    return len(data).to_bytes(3, "big") + data


class _Cipher:
    """One direction of the channel: AES-256-GCM, with the number of the frame as nonce."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._count = 0

    def _nonce(self) -> bytes:
        nonce = self._count.to_bytes(12, "big")  # 8 zero bytes and a 32-bit counter, which no test run exhausts
        self._count += 1
        return nonce

    def encrypt(self, plaintext: bytes, associated: bytes | None = None) -> bytes:
        return self._aead.encrypt(self._nonce(), plaintext, associated)

    def decrypt(self, ciphertext: bytes, associated: bytes | None = None) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(), ciphertext, associated)
        except (InvalidTag, ValueError):
            raise ProtocolError(f"a frame of {len(ciphertext)} bytes does not decrypt") from None


class _Symmetric:
    """Noise's SymmetricState: the hash over the handshake so far, and the key derived from all agreements so far."""

    def __init__(self) -> None:
        self._hash = _PATTERN
        self._salt = _PATTERN
        self._cipher = _Cipher(_PATTERN)

    def mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_key(self, secret: bytes) -> None:
        self._salt, key = _expand(self._salt, secret)
        self._cipher = _Cipher(key)

    def encrypt(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.encrypt(plaintext, self._hash)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.decrypt(ciphertext, self._hash)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        return _expand(self._salt, b"")


def _expand(salt: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """HKDF-SHA256 (RFC 5869) without info, as two keys of 32 bytes."""
    key = hmac.digest(salt, secret, "sha256")
    first = hmac.digest(key, b"\1", "sha256")
    return first, hmac.digest(key, first + b"\2", "sha256")
