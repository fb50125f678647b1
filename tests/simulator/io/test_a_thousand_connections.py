"""A thousand logged-in connections at one server, held by light clients. What one costs: bench/README.md."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from diagnostics.simulator import WhatsAppServer
from diagnostics.simulator.core.stream import Stream
from diagnostics.simulator.io.shell import Shell
from tests.simulator.io.leftovers import Belongings
from tests.simulator.io.remote_client import allow_open_files, devices, login_all

CONNECTIONS = 1000


@pytest.fixture
def server() -> Iterator[WhatsAppServer]:
    """Started once this process may have both ends of every connection open."""
    allow_open_files(2 * CONNECTIONS + 200)
    server = WhatsAppServer()
    yield server
    server.close()


def streams(shell: Shell) -> weakref.WeakSet[Stream]:
    return weakref.WeakSet(socket._stream for socket in shell._sockets.values())


async def test_a_thousand_clients_are_served_at_once_and_leave_nothing_open(server: WhatsAppServer) -> None:
    threads = threading.enumerate()
    server.start()
    its = Belongings(server)
    clients = await login_all(devices(server, CONNECTIONS), server.proxy_url, str(server.ca_file))
    held = server._do(streams)
    assert len(held) == CONNECTIONS
    assert all(stream.ready for stream in held)
    await asyncio.gather(*(client.ping() for client in clients))

    gone, staying = clients[::2], clients[1::2]
    await asyncio.gather(*(client.close() for client in gone))
    while server._do(lambda shell: len(shell._sockets)) > len(staying):  # noqa: ASYNC110 - the server sees it later
        await asyncio.sleep(0.01)
    gc.collect()
    assert len(held) == len(staying), "the memory of a connection goes with it"
    await asyncio.gather(*(client.ping() for client in staying))

    server.close()
    await asyncio.gather(*(client.close() for client in staying))
    assert threading.enumerate() == threads
    assert its.open() == set()
