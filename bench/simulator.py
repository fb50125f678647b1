"""How fast the simulator is, and whether it is the bottleneck: real clients in one process, the server in another.

    python bench/simulator.py [CLIENTS …]        (default: 1 10 100)

For each number of clients: linking by QR (each in turn, as people do it), login of all at once, texts and images of
all at once, and the return of all after a TCP reset. "server share" is the server process's CPU time divided by the
client process's while texts are sent: below 1, the server is not the bottleneck. Worker and server talk over loopback
only. The last line is a copied session for a test (see `diagnostics.testing`), median of 20.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from diagnostics.evidence import probe_messages
from diagnostics.neonize import protocol
from diagnostics.neonize.link_store import pair
from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import Drop, Event, Fault, SimulatedAccount, WhatsAppServer
from diagnostics.testing.sessions import Template

TEXTS, IMAGES = 400, 100  # of all clients together, at least one each
PATIENCE = 60.0


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Fleet:
    """Many real clients in one worker."""

    def __init__(self, server: WhatsAppServer, worker: Worker, folder: Path, size: int) -> None:
        self.server, self.worker = server, worker
        self.stores = [folder / f"{number}.db" for number in range(size)]
        self.names = [f"fleet-{size}-{number}" for number in range(size)]
        self.accounts: list[SimulatedAccount] = []
        self.connected = [asyncio.Event() for _ in self.names]
        for name, event in zip(self.names, self.connected, strict=True):
            worker.subscribe(name, partial(self.heard, event))

    @staticmethod
    def heard(event: asyncio.Event, push: protocol.Push) -> None:
        if push.event == "Connected":
            event.set()
        elif push.event == "Disconnected":
            event.clear()

    async def link(self) -> None:
        for name, store in zip(self.names, self.stores, strict=True):
            account = self.server.add_account(name=name)
            self.accounts.append(account)
            scan = partial(self.server.scan, account=account)
            proxy = self.server.proxy_url
            await pair(self.worker, name, store, show=scan, deadline=PATIENCE, proxy=proxy, fast_store=True)

    async def login(self) -> None:
        for event in self.connected:
            event.clear()
        await self.each(
            lambda name, store: protocol.Connect(name, str(store), proxy=self.server.proxy_url, fast_store=True)
        )
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in self.connected)), PATIENCE)

    async def send(self, rounds: int, call: Callable[[str], protocol.Call]) -> None:
        async def one(name: str) -> None:
            for _ in range(rounds):
                await self.worker.call(call(name), PATIENCE)

        await asyncio.gather(*map(one, self.names))

    async def come_back(self) -> None:
        for event in self.connected:
            event.clear()
        for account in self.accounts:
            self.server.apply(account, [Fault(Event.TIME, Drop("reset"))])
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in self.connected)), PATIENCE)

    async def each(self, call: Callable[[str, Path], protocol.Call]) -> None:
        pairs = zip(self.names, self.stores, strict=True)
        await asyncio.gather(*(self.worker.call(call(name, store), PATIENCE) for name, store in pairs))


async def seconds(work: Awaitable[None]) -> float:
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def measure(size: int) -> str:
    with WhatsAppServer() as server, tempfile.TemporaryDirectory() as folder:
        worker = Worker(environment(server.client_environment()))
        try:
            pid = (await worker.hello(PATIENCE, server.noise_root))["pid"]
            fleet = Fleet(server, worker, Path(folder), size)
            to, image = server.contact.phone, probe_messages.image()
            linking = await seconds(fleet.link())
            login = await seconds(fleet.login())
            await fleet.send(1, lambda name: protocol.SendText(name, to, "first"))  # opens the encrypted sessions
            ours, theirs = time.process_time(), cpu_of(pid)
            rounds = max(1, TEXTS // size)
            texts = size * rounds / await seconds(fleet.send(rounds, lambda name: protocol.SendText(name, to, "text")))
            share = (time.process_time() - ours) / (cpu_of(pid) - theirs)
            rounds = max(1, IMAGES // size)
            images = size * rounds / await seconds(fleet.send(rounds, lambda n: protocol.SendImage(n, to, image)))
            back = await seconds(fleet.come_back())
        finally:
            await worker.close()
    return (
        f"| {size} | {linking / size * 1000:.0f} ms | {login * 1000:.0f} ms | {texts:.0f}/s | {images:.0f}/s "
        f"| {share:.2f} | {back:.2f} s |"
    )


def copies() -> str:
    with WhatsAppServer() as server, tempfile.TemporaryDirectory() as folder:
        template = Template.link(server, Path(folder))
        taken = []
        for number in range(20):
            start = time.perf_counter()
            template.copy(server, Path(folder) / f"copy-{number}.db")
            taken.append((time.perf_counter() - start) * 1000)
    return f"a copied session: median {statistics.median(taken):.1f} ms, at most {max(taken):.1f} ms of 20"


def main(sizes: list[int]) -> None:
    print("| clients | linking, each | login, all | texts | images | server share | all back after a reset |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        print(asyncio.run(measure(size)), flush=True)
    print(f"\n{copies()}")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1, 10, 100])
