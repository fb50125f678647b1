"""TLS for the two hosts that a client asks for: a certificate authority of the run's own and one leaf."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from diagnostics.simulator.wire import MEDIA_HOST, WEBSOCKET_HOST

HOSTS = (WEBSOCKET_HOST, MEDIA_HOST)


def server_context(folder: Path, ca_file: Path, now: float) -> ssl.SSLContext:
    """A context that serves `HOSTS`; `ca_file` is written for clients to trust.

    `folder` holds the leaf's key while it is loaded and must be private to this user; the authority's own key
    never leaves this function.
    """
    start = dt.datetime.fromtimestamp(now, dt.UTC) - dt.timedelta(days=1)
    end = start + dt.timedelta(days=366)
    authority_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatsapp-diagnostics simulator")])
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        x509.CertificateBuilder(authority_name, authority_name, authority_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signing=False), critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName(host) for host in HOSTS]
    leaf = (
        x509.CertificateBuilder(authority_name, x509.Name([]), leaf_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signing=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file.write_bytes(authority.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    chain = folder / "leaf.pem"
    chain.touch(mode=0o600)
    try:
        chain.write_bytes(
            leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + leaf.public_bytes(pem)
        )
        context.load_cert_chain(chain)
    finally:
        chain.unlink()
    return context


def _usage(*, signing: bool) -> x509.KeyUsage:
    """Key usage of a leaf that signs handshakes, or of an authority that signs certificates."""
    return x509.KeyUsage(
        digital_signature=signing,
        key_cert_sign=not signing,
        crl_sign=not signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
