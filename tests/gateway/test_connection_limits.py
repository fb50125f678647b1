"""How long a client may keep the gateway waiting, and how many connections there may be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from diagnostics.gateway.connection_limits import ConnectionLimits, LimitedServer, server_config
from diagnostics.gateway.listen_socket import listen

LARGE = 50_000_000  # bytes: more than sockets buffer
SHORT = ConnectionLimits(connections=100, headers=0.2, body=0.2, reading=0.2)
LONG = ConnectionLimits(connections=2)


@dataclass
class App:
    """`/wait` is answered when `go_on` is set, `/large` is very long, `/body` reads its body, `/` answers at once."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope, receive, send) -> None:
        self.called.set()
        path = scope["path"]
        if path == "/body":
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
        headers = [(b"content-length", b"%d" % (LARGE if path == "/large" else 2))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if path == "/wait":
            await send({"type": "http.response.body", "body": b"<", "more_body": True})
            await self.go_on.wait()
            await send({"type": "http.response.body", "body": b">"})
            return
        await send({"type": "http.response.body", "body": b"x" * LARGE if path == "/large" else b"ok"})


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, path: str, *, length: int = 0) -> None:
        more = f"Content-Length: {length}\r\n" if length else ""
        await self.send(f"{'POST' if length else 'GET'} {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode())

    async def until(self, end: bytes) -> bytes:
        return await self.reader.readuntil(end)

    async def is_closed(self) -> bytes:
        """What was sent before the server closed the connection."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := await self.reader.read(65536):
                received += chunk
        return received


@dataclass
class Served:
    app: App
    port: int
    server: LimitedServer
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]


@contextlib.asynccontextmanager
async def serving(limits: ConnectionLimits) -> AsyncIterator[Served]:
    app = App()
    server = LimitedServer(server_config(app, limits=limits, lifespan="off"))
    with listen("127.0.0.1", 0) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        served = Served(app, listening.getsockname()[1], server)
        try:
            async with asyncio.timeout(60):
                yield served
        finally:
            app.go_on.set()
            for client in served.clients:
                client.writer.close()
            server.should_exit = True
            await task


async def drip(client: Client, data: bytes = b"a") -> None:
    """Send a byte again and again, until the connection is closed."""
    with contextlib.suppress(ConnectionError):
        while not client.reader.at_eof():
            await client.send(data)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("begun", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
async def test_headers_that_never_end_are_waited_for_so_long_and_no_longer(begun):
    async with serving(SHORT) as served:
        silent, dripping = await served.connect(), await served.connect()
        await silent.send(begun)
        await dripping.send(begun or b"G")
        assert await silent.is_closed() == b""
        await drip(dripping)


async def test_a_body_that_never_ends_is_waited_for_so_long_and_no_longer():
    async with serving(SHORT) as served:
        silent, dripping = await served.connect(), await served.connect()
        for each in (silent, dripping):
            await each.ask("/body", length=1_000_000)
        assert await silent.is_closed() == b""
        await drip(dripping)


async def test_the_body_of_a_request_that_is_answered_already_keeps_no_connection_open():
    async with serving(SHORT) as served:
        client = await served.connect()
        await client.ask("/", length=1_000_000)
        assert (await client.until(b"ok")).startswith(b"HTTP/1.1 200")
        await drip(client)


async def test_an_idle_connection_is_closed_and_may_be_used_until_then():
    async with serving(SHORT) as served:
        client = await served.connect()
        for _ in range(3):
            await client.ask("/")
            assert (await client.until(b"ok")).startswith(b"HTTP/1.1 200")
        assert await client.is_closed() == b""


async def test_a_client_that_does_not_read_its_answer_is_not_waited_for():
    async with serving(SHORT) as served:
        client = await served.connect()
        client.writer.transport.pause_reading()
        await client.ask("/large")
        await served.app.called.wait()
        await asyncio.wait(served.server.server_state.tasks)
        client.writer.transport.resume_reading()
        assert len(await client.is_closed()) < LARGE


async def test_an_answer_that_takes_long_is_not_cut_short():
    async with serving(SHORT) as served:
        streaming = await served.connect()
        await streaming.ask("/wait")
        await streaming.until(b"<")
        silent = await served.connect()
        assert await silent.is_closed() == b""  # by now the same time has passed for both
        served.app.go_on.set()
        assert await streaming.until(b">") == b">"


async def test_one_connection_too_many_closes_the_one_that_has_waited_longest(caplog):
    async with serving(LONG) as served:
        answered = await served.connect()
        await answered.ask("/wait")
        await answered.until(b"<")
        with caplog.at_level(logging.WARNING, "wadiag.gateway"):
            first = await served.connect()
            second = await served.connect()
            assert await first.is_closed() == b""
        assert caplog.messages == ["too many connections: closed one that waited for its client (limit 2)"]
        await second.ask("/")
        assert await second.until(b"ok")
        served.app.go_on.set()
        assert await answered.until(b">")


async def test_a_new_connection_is_closed_where_all_others_are_being_answered():
    async with serving(LONG) as served:
        busy = [await served.connect() for _ in range(2)]
        for each in busy:
            await each.ask("/wait")
            await each.until(b"<")
        assert await (await served.connect()).is_closed() == b""
        served.app.go_on.set()
        for each in busy:
            assert await each.until(b">") == b">"
