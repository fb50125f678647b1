"""A websocket client of one thread: until 3.13, Python's TLS loses data when one thread reads and another writes,
which is what the threads of `websockets.sync` do."""

from __future__ import annotations

import socket
import ssl
from typing import Self

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri


class WebSocket:
    """A websocket over a TLS connection, opened when it is made; `status` is the answer to that."""

    def __init__(self, tls: ssl.SSLSocket, path: str) -> None:
        self._tls = tls
        self._protocol = ClientProtocol(parse_uri(f"wss://web.whatsapp.com{path}"))
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while not (answers := [e for e in self._protocol.events_received() if isinstance(e, Response)]):
            self._read()
        self.status = answers[0].status_code

    def send(self, data: bytes | str) -> None:
        if isinstance(data, str):
            self._protocol.send_text(data.encode())
        else:
            self._protocol.send_binary(data)
        self._flush()

    def closed(self) -> int | None:
        """Read until the server has ended it; the close code, None where the connection just ended."""
        while self._protocol.state is not State.CLOSED and self._read():
            pass
        return self._protocol.close_code if self._protocol.close_rcvd else None

    def frames(self) -> list[Frame]:
        return [event for event in self._protocol.events_received() if isinstance(event, Frame)]

    def _read(self) -> bool:
        try:
            data = self._tls.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()
        return bool(data)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                try:
                    self._tls.sendall(data)
                except (ConnectionError, ssl.SSLError):
                    return

    def close(self) -> None:
        self._tls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(sock: socket.socket, context: ssl.SSLContext, path: str = "/ws/chat") -> WebSocket:
    """A websocket through a connection on which the proxy has said yes."""
    return WebSocket(context.wrap_socket(sock, server_hostname="web.whatsapp.com"), path)
