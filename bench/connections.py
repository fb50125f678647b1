"""What a held connection costs the server: many light clients in one process, the server in another.

    python -m bench.connections [CONNECTIONS …]        (default: 100 1000)

The clients are those of the tests: Noise, a login, pings, and no end-to-end encryption. "memory" is what the server's
process grows by while they are held, for each; the accounts and their devices exist before.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from diagnostics.simulator import WhatsAppServer
from tests.simulator.remote_client import Device, allow_open_files, devices, login_all


def memory() -> int:
    """Bytes of this process's memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def hold(pipe: Connection, known: list[Device], proxy: str, ca_file: str) -> None:
    """The clients' process: log in, say how long it took, ping when told to, and end with the pipe."""

    async def held() -> None:
        begun = time.perf_counter()
        clients = await login_all(known, proxy, ca_file)
        pipe.send(time.perf_counter() - begun)
        pipe.recv()
        begun = time.perf_counter()
        await asyncio.gather(*(client.ping() for client in clients))
        pipe.send(time.perf_counter() - begun)
        pipe.recv()

    allow_open_files(len(known) + 200)
    asyncio.run(held())


def measure(count: int) -> str:
    allow_open_files(count + 200)
    with WhatsAppServer() as server:
        known = devices(server, count)
        before, used = memory(), time.process_time()
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        arguments = (theirs, known, server.proxy_url, str(server.ca_file))
        process = multiprocessing.get_context("spawn").Process(target=hold, args=arguments, daemon=True)
        process.start()
        login, used = ours.recv(), time.process_time() - used
        each = (memory() - before) / count
        ours.send("ping")
        ping = ours.recv()
        ours.send("end")
        process.join()
    return f"| {count} | {login:.2f} s | {used / count * 1000:.2f} ms | {ping:.2f} s | {each / 1024:.0f} KiB |"


def main(counts: list[int]) -> None:
    print("| connections | login of all | server's CPU, each | a ping of all | server's memory, each |")
    print("|---|---|---|---|---|")
    for count in counts:
        print(measure(count), flush=True)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [100, 1000])
