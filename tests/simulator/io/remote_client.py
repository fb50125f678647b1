"""Clients of the tests' own over real sockets, thousands to a process: through the proxy, TLS and the websocket."""

from __future__ import annotations

import asyncio
import resource
import secrets
import ssl
from dataclasses import dataclass
from typing import Self

import pytest
from websockets.asyncio.client import ClientConnection, connect

from diagnostics.simulator import SimulatedAccount, WhatsAppServer
from diagnostics.simulator.io.session_copy import copy_device
from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import KeyPair
from diagnostics.simulator.protocol.stanza import Node, decode, element, encode
from tests.simulator.light_client import LightClient, paired_client
from tests.simulator.noise_client import NoiseClient

SERVER = "s.whatsapp.net"
AT_ONCE = 64  # handshakes


@dataclass(frozen=True, slots=True)
class Device:
    """What a client logs in with."""

    phone: str
    number: int
    noise: KeyPair


def devices(server: WhatsAppServer, count: int) -> list[Device]:
    """Devices of as many accounts, copies of one that was linked."""
    original = server.add_account()
    client: LightClient = server._do(lambda shell: paired_client(shell.hub, original._account))

    def copy(account: SimulatedAccount) -> Device:
        return Device(account.phone, copy_device(original._account, account._account), client.noise)

    accounts = [server.add_account() for _ in range(count)]
    return server._do(lambda _: [copy(account) for account in accounts])


class RemoteClient:
    """One device, logged in."""

    def __init__(self, connection: ClientConnection, noise: NoiseClient) -> None:
        self._connection = connection
        self._noise = noise

    @classmethod
    async def login(cls, device: Device, proxy: str, context: ssl.SSLContext) -> Self:
        address = "wss://web.whatsapp.com/ws/chat"
        connection = await connect(
            address, proxy=proxy, ssl=context, compression=None, ping_interval=None, open_timeout=60, max_queue=4
        )
        noise = NoiseClient(device.noise, secrets.token_bytes)
        await connection.send(noise.hello())
        payload = wire.ClientPayload(username=int(device.phone), device=device.number).SerializeToString()
        await connection.send(noise.finish(await connection.recv(decode=False), payload))
        client = cls(connection, noise)
        assert [(await client.hear()).tag for _ in range(2)] == ["success", "ib"]
        await client.ask("passive", element("active"), kind="set")
        return client

    async def say(self, node: Node) -> None:
        await self._connection.send(self._noise.seal(encode(node)))

    async def hear(self) -> Node:
        """The next stanza."""
        return decode(self._noise.open(await self._connection.recv(decode=False)))

    async def ask(self, xmlns: str, *children: Node, kind: str = "get") -> Node:
        """A question, and its answer."""
        attrs = {"to": SERVER, "xmlns": xmlns, "type": kind, "id": secrets.token_hex(4)}
        await self.say(Node("iq", attrs, children or None))
        answer = await self.hear()
        assert (answer.get("id"), answer.get("type")) == (attrs["id"], "result")
        return answer

    async def ping(self) -> None:
        """What whatsmeow sends every 20 to 30 s."""
        await self.ask("w:p")

    async def close(self) -> None:
        await self._connection.close()


async def login_all(devices: list[Device], proxy: str, ca_file: str) -> list[RemoteClient]:
    """All of them at once."""
    context, turn = ssl.create_default_context(cafile=ca_file), asyncio.Semaphore(AT_ONCE)

    async def login(device: Device) -> RemoteClient:
        async with turn:
            return await RemoteClient.login(device, proxy, context)

    return list(await asyncio.gather(*map(login, devices)))


def allow_open_files(count: int) -> None:
    """Have this process open so many files. Skips the test where the machine does not let it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard < count and hard != resource.RLIM_INFINITY:
        pytest.skip(f"needs {count} open files and may open {hard}; raise it: ulimit -Hn {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
