"""At which step the way to WhatsApp ends, said within the limit, by a real proxy, TLS and websocket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from diagnostics.neonize.line_probe import where_it_ends
from diagnostics.simulator import Drop, Event, Fault, HttpStatus, Silence, WhatsAppServer

LIMIT = 1.0  # s; what answers takes some milliseconds
PATIENCE = 60.0  # s within which whatever never answers is given up


@pytest.fixture
def server() -> Iterator[WhatsAppServer]:
    with WhatsAppServer() as server:
        yield server


async def test_a_way_without_an_obstacle_ends_nowhere(server: WhatsAppServer) -> None:
    assert await where_it_ends(server.proxy_url, 10.0) == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(Event.DIAL, Silence()), "the proxy HERE, asked for web.whatsapp.com: no answer"),
        (Fault(Event.DIAL, HttpStatus(403)), "the proxy HERE, asked for web.whatsapp.com: answered 403"),
        (Fault(Event.DIAL, Drop()), "the proxy HERE, asked for web.whatsapp.com: closed the connection"),
        (Fault(Event.UPGRADE, Silence()), "web.whatsapp.com, asked for a websocket: no answer"),
        (Fault(Event.UPGRADE, HttpStatus(503)), "web.whatsapp.com, asked for a websocket: answered 503"),
    ],
)
async def test_the_step_that_fails_is_named(server: WhatsAppServer, fault: Fault, said: str) -> None:
    server.apply(None, [fault])
    async with asyncio.timeout(PATIENCE):
        found = await where_it_ends(server.proxy_url, LIMIT)
    assert found.startswith(said.replace("HERE", server.proxy_url.rpartition("/")[2]))


async def test_a_proxy_that_is_not_there_does_not_take_a_connection() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        port = nobody.getsockname()[1]
        found = await where_it_ends(f"http://127.0.0.1:{port}", LIMIT)
    assert found.startswith(f"the proxy 127.0.0.1:{port} does not take a connection: ")


async def test_a_proxy_that_takes_connections_and_says_nothing_is_no_answer() -> None:
    taken: list[asyncio.StreamWriter] = []
    waiting = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
    port = waiting.sockets[0].getsockname()[1]
    try:
        found = await where_it_ends(f"http://someone:secret@127.0.0.1:{port}", LIMIT)
    finally:
        waiting.close()
        for writer in taken:
            writer.transport.abort()
        await asyncio.sleep(0)  # for the transports to close
    assert found == f"the proxy 127.0.0.1:{port}, asked for web.whatsapp.com: no answer"
    assert "secret" not in found


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:99999", "http://[::1"])
async def test_an_address_that_is_none_is_said(proxy: str) -> None:
    assert (await where_it_ends(proxy, LIMIT)).startswith("the proxy's address cannot be used: ")
