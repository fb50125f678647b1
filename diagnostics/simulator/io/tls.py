"""TLS for the two hosts that clients ask for: a certificate authority of this run (trustme), and one certificate.

trustme costs about 12 ms of a server's start more than the same certificates made with `cryptography` by hand.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from diagnostics.simulator.protocol.wire import MEDIA_HOST, WEBSOCKET_HOST

HOSTS = (WEBSOCKET_HOST, MEDIA_HOST)


def server_context(folder: Path, ca_file: Path) -> ssl.SSLContext:
    """A context with a certificate for `HOSTS`.

    Args:
        folder: holds the certificate's private key while it is loaded. Must be private to this user.
        ca_file: the authority's certificate is written there, for clients to trust. Its key is not kept.
    """
    authority = trustme.CA(path_length=0, organization_name="whatsapp-diagnostics simulator")
    certificate = authority.issue_cert(*HOSTS)
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    with certificate.private_key_and_cert_chain_pem.tempfile(dir=str(folder)) as chain:
        context.load_cert_chain(chain)
    return context
