"""The client's side of WhatsApp's Noise handshake, without I/O."""

from __future__ import annotations

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import KeyPair, Random
from diagnostics.simulator.protocol.noise import HEADER, _Cipher, _Symmetric, framed


class NoiseClient:
    """Give `hello` to the server, and `finish` for what it answers; then `seal` and `open` are the channel.

    Attributes:
        chain: the server's certificates.
    """

    def __init__(self, static: KeyPair, random: Random) -> None:
        self._static = static
        self._ephemeral = KeyPair.generate(random)
        self._symmetric = _Symmetric()
        self._writer: _Cipher | None = None
        self._reader: _Cipher | None = None
        self.chain = wire.CertChain()

    def hello(self, header: bytes = HEADER) -> bytes:
        self._symmetric.mix_hash(HEADER)
        self._symmetric.mix_hash(self._ephemeral.public)
        hello = wire.HandshakeMessage.ClientHello(ephemeral=self._ephemeral.public)
        return header + framed(wire.HandshakeMessage(clientHello=hello).SerializeToString())

    def finish(self, frame: bytes, payload: bytes) -> bytes:
        """Answer the server's frame, with the client's payload in it."""
        symmetric, answer = self._symmetric, wire.HandshakeMessage.FromString(frame[3:]).serverHello
        symmetric.mix_hash(answer.ephemeral)
        symmetric.mix_key(self._ephemeral.agree(answer.ephemeral))
        static = symmetric.decrypt(answer.static)
        symmetric.mix_key(self._ephemeral.agree(static))
        self.chain = wire.CertChain.FromString(symmetric.decrypt(answer.payload))
        encrypted = symmetric.encrypt(self._static.public)
        symmetric.mix_key(self._static.agree(answer.ephemeral))
        finish = wire.HandshakeMessage(
            clientFinish=wire.HandshakeMessage.ClientFinish(static=encrypted, payload=symmetric.encrypt(payload))
        )
        to_server, from_server = symmetric.split()
        self._writer, self._reader = _Cipher(to_server), _Cipher(from_server)
        return framed(finish.SerializeToString())

    def seal(self, plaintext: bytes) -> bytes:
        """The frame that carries it."""
        assert self._writer is not None
        return framed(self._writer.encrypt(plaintext))

    def open(self, frame: bytes) -> bytes:
        """What a frame carries."""
        assert self._reader is not None
        return self._reader.decrypt(frame[3:])
