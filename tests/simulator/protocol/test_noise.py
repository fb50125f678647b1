from __future__ import annotations

import pytest

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import KeyPair, signed_by
from diagnostics.simulator.protocol.noise import HEADER, MAX_HANDSHAKE_FRAME, NoiseServer, framed
from diagnostics.simulator.protocol.noise_identity import NoiseIdentity
from diagnostics.simulator.simulator_errors import ProtocolError
from tests.simulator.light_client import NOW, LightClient, new_hub, seeded

ROUTING = b"ED\0\1\0\0\5route"


def noise_server() -> NoiseServer:
    return NoiseServer(NoiseIdentity.create(NOW, seeded()), KeyPair.generate(seeded(1)))


def feed(data: bytes) -> None:
    for _ in noise_server().receive(data):
        pass


def test_a_client_and_the_server_agree_on_keys() -> None:
    client = LightClient(new_hub())
    client.handshake(client.registration_payload())
    assert [node.tag for node in client.received] == ["iq"]


def test_the_certificate_chain_leads_from_the_root_to_the_servers_key() -> None:
    """What whatsmeow checks, from its public source: serials, issuers, signatures, validity, key."""
    hub = new_hub()
    client = LightClient(hub)
    client.handshake(client.registration_payload())
    details = wire.CertChain.NoiseCertificate.Details
    intermediate = details.FromString(client.chain.intermediate.details)
    leaf = details.FromString(client.chain.leaf.details)
    assert (intermediate.serial, intermediate.issuerSerial, leaf.issuerSerial) == (1, 0, 1)
    assert signed_by(hub.identity.root, client.chain.intermediate.details, client.chain.intermediate.signature)
    assert signed_by(intermediate.key, client.chain.leaf.details, client.chain.leaf.signature)
    assert leaf.key == hub.identity.static.public
    for certificate in (intermediate, leaf):
        assert certificate.notBefore < NOW < certificate.notAfter


def test_the_handshake_survives_any_cut_of_the_stream() -> None:
    client = LightClient(new_hub())
    give = client.give
    client.give = lambda data: [give(data[at : at + 1]) for at in range(len(data))][-1]  # type: ignore[method-assign]
    client.handshake(client.registration_payload())
    assert client.received[0].child("pair-device") is not None


def test_routing_information_before_the_header_is_skipped() -> None:
    client = LightClient(new_hub())
    client.handshake(client.registration_payload(), header=ROUTING + HEADER)
    assert client.open


def test_another_token_dictionary_is_refused_by_its_number() -> None:
    with pytest.raises(ProtocolError, match="token dictionary 2, this server only 3"):
        feed(b"WA\6\2")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1.1", "does not begin with WhatsApp's header"),
        (b"W\0", "does not begin with WhatsApp's header"),
        (b"ED\0\2", "does not begin with WhatsApp's header"),
        (b"ED\0\1\xff\xff\xff", "routing information"),
        (HEADER + b"\xff\xff\xff", f"larger than {MAX_HANDSHAKE_FRAME}"),
        (HEADER + framed(b"\xff" * 8), "not a valid protobuf"),
        (HEADER + framed(b""), "ephemeral key of 0 bytes"),
        (
            HEADER
            + framed(
                wire.HandshakeMessage(
                    clientHello=wire.HandshakeMessage.ClientHello(ephemeral=bytes(32))
                ).SerializeToString()
            ),
            "public key of 32 bytes cannot be used",
        ),
    ],
)
def test_a_malformed_handshake_is_refused_by_name(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        feed(data)


def test_a_forged_finish_does_not_decrypt() -> None:
    client = LightClient(new_hub())
    hello = wire.HandshakeMessage.ClientHello(ephemeral=client.identity.public)
    client.give(HEADER + framed(wire.HandshakeMessage(clientHello=hello).SerializeToString()))
    finish = wire.HandshakeMessage.ClientFinish(static=b"s" * 48, payload=b"p" * 48)
    client.give(framed(wire.HandshakeMessage(clientFinish=finish).SerializeToString()))
    assert client.closed is not None
    assert "does not decrypt" in client.hub.journal.lines[-1].text


def test_nothing_can_be_sent_before_the_handshake() -> None:
    with pytest.raises(ProtocolError, match="not complete"):
        noise_server().send(b"")


def test_a_signature_is_checked_for_key_message_and_shape() -> None:
    pair, other = KeyPair.generate(seeded(2)), KeyPair.generate(seeded(3))
    signature = pair.sign(b"message", seeded(4))
    assert signed_by(pair.public, b"message", signature)
    assert not signed_by(other.public, b"message", signature)
    assert not signed_by(pair.public, b"another", signature)
    assert not signed_by(pair.public, b"message", signature[:63])
    assert not signed_by(b"", b"message", signature)


def test_a_private_key_is_never_shown() -> None:
    pair = KeyPair.generate(seeded())
    assert repr(pair.private) not in repr(pair)
