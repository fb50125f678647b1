"""Find out at which step the way to WhatsApp ends, when a client's dialing gets no answer.

The client's library tells nothing while it dials: to the proxy, through it, TLS, and the upgrade to a websocket are one
call for it. So the same steps are taken here, up to the server's answer to the upgrade.
Nothing of the session is sent, and no certificate is checked: the client does that.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

HOST = "web.whatsapp.com"
_PORT = 443
_PATH = "/ws/chat"
_LINE = 200  # bytes of an answer that are shown
_PROXY_PORTS = {"http": 80, "https": 443}
_OK = 200
_SWITCHING = 101


class _Ends(Exception):
    """The way ends here; the message says where."""


async def where_it_ends(proxy: str, limit: float) -> str:
    """Take the steps, and say which of them fails.

    Args:
        proxy: URL of the proxy, "" for none. Of a SOCKS proxy only the address is tried.
        limit: seconds for all steps.

    Returns:
        One sentence; "" if WhatsApp's server answered the upgrade.
    """
    until = time.monotonic() + limit
    opened: list[asyncio.StreamWriter] = []
    try:
        way = urlsplit(proxy)
        host, port = (way.hostname or "", way.port or _PROXY_PORTS.get(way.scheme, 1080)) if proxy else (HOST, _PORT)
        named = f"the proxy {host}:{port}" if proxy else f"{host}:{port}"
        reader, writer = await _step(asyncio.open_connection(host, port), until, f"{named} does not take a connection")
        opened.append(writer)
        if proxy and way.scheme.startswith("socks"):
            return ""
        if way.scheme == "https":
            await _step(writer.start_tls(_unchecked(), server_hostname=host), until, f"{named} does not speak TLS")
        if proxy:
            secret = _authorization(way.username, way.password)
            asked = f"CONNECT {HOST}:{_PORT} HTTP/1.1\r\nHost: {HOST}:{_PORT}\r\n{secret}\r\n"
            await _answer(reader, writer, asked, _OK, until, f"{named}, asked for {HOST}")
        await _step(writer.start_tls(_unchecked(), server_hostname=HOST), until, f"no TLS with {HOST}")
        key = base64.b64encode(os.urandom(16)).decode()
        asked = (
            f"GET {_PATH} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Origin: https://{HOST}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        await _answer(reader, writer, asked, _SWITCHING, until, f"{HOST}, asked for a websocket")
    except _Ends as end:
        return str(end)
    except ValueError as error:
        return f"the proxy's address cannot be used: {error}"
    finally:
        for writer in opened:
            writer.transport.abort()
    return ""


async def _step(what: Awaitable[T], until: float, name: str) -> T:
    """Raises `_Ends` if the step fails, or is not done in time."""
    try:
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            return await what
    except TimeoutError:
        raise _Ends(f"{name}: no answer") from None
    except OSError as error:  # ssl.SSLError and socket.gaierror are such
        raise _Ends(f"{name}: {error.strerror or error}") from None


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: str, wanted: int, until: float, name: str
) -> None:
    """Send a request, and read the head of its answer; raises `_Ends` if that has not the wanted status."""
    writer.write(asked.encode())
    try:
        head = await _step(reader.readuntil(b"\r\n\r\n"), until, name)
    except asyncio.IncompleteReadError:
        raise _Ends(f"{name}: closed the connection without an answer") from None
    except asyncio.LimitOverrunError:
        raise _Ends(f"{name}: answered with something that is not HTTP") from None
    line = head.partition(b"\r\n")[0][:_LINE].decode("latin-1")
    if line.split(" ")[1:2] != [str(wanted)]:
        raise _Ends(f"{name}: answered {line.partition(' ')[2] or line}")


def _authorization(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    secret = f"{unquote(user)}:{unquote(password or '')}".encode()
    return f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}\r\n"


def _unchecked() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - slow to load, and seldom needed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
