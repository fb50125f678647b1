"""The socket that HTTP is served on."""

from __future__ import annotations

import socket


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    asyncio sets TCP_NODELAY only on sockets that it made itself. Without, an answer's second packet waits until the
    caller has acknowledged the first, which callers delay by 40 ms.

    Raises:
        socket.gaierror: the host is not known.
        OSError: it is not this machine's, or the port is taken.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listening = socket.create_server((host, port), family=family)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address(listening: socket.socket) -> str:
    """ "http://127.0.0.1:3000"."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
