"""The worker's loop: a line in, an operation, a line out. Runs in the worker only."""

from __future__ import annotations

import asyncio
import os
import platform
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from diagnostics.neonize import protocol
from diagnostics.neonize.worker import extensions as further_calls
from diagnostics.neonize.worker import library

if TYPE_CHECKING:
    from diagnostics.neonize.worker.clients import Clients

MAX_THREADS = 4096  # each open client holds one for life, each call that hangs another; made when needed


async def serve(lines: queue.SimpleQueue[bytes], output: int, extensions: Sequence[str] = ()) -> None:
    """Answer every line; never returns.

    Args:
        lines: of `protocol.Asked`.
        output: the file descriptor for answers and events.
        extensions: names of modules with further calls (`extensions`).
    """
    executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="neonize")
    asyncio.get_running_loop().set_default_executor(executor)
    service = Service(output)
    loaded = service.load(extensions)
    decoder = further_calls.decoder(loaded)
    running: set[asyncio.Task[None]] = set()
    while True:
        asked = decoder.decode(await asyncio.to_thread(lines.get))
        task = asyncio.create_task(service.answer(asked))
        running.add(task)
        task.add_done_callback(running.discard)


class Service:
    """Dispatches calls to the clients."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._encoder = msgspec.json.Encoder()
        self._writing = threading.Lock()
        self._library: Path | None = None
        self._clients: Clients | None = None
        self._unavailable: library.Unavailable | None = None

    def load(self, extensions: Sequence[str]) -> list[further_calls.Extension]:
        """Load neonize, then the extensions; that neonize cannot be loaded is the answer to every call."""
        try:
            self._library = library.load()
        except library.Unavailable as error:
            self._unavailable = error
            return []
        from diagnostics.neonize.worker.clients import Clients  # noqa: PLC0415 - imports neonize

        loaded = further_calls.load(extensions)
        self._clients = Clients(self.write, loaded)
        return loaded

    def write(self, line: protocol.Answer | protocol.Push) -> None:
        """Write a line. Threads of Go do so, too, at once: after a line of the log that they write, they may panic."""
        data = memoryview(self._encoder.encode(line) + b"\n")
        with self._writing:
            while data:
                data = data[os.write(self._output, data) :]

    async def answer(self, asked: protocol.Asked) -> None:
        try:
            self.write(protocol.Answer(asked.id, result=await self._result(asked.call)))
        except Exception as error:  # noqa: BLE001 - the client's errors are what the parent wants to know
            kind = getattr(error, "kind", type(error).__name__)
            self.write(protocol.Answer(asked.id, error=protocol.Failure(kind, str(error))))

    async def _result(self, call: protocol.Call) -> dict[str, Any]:
        clients = self._clients
        if clients is None:
            raise self._unavailable or library.Unavailable("neonize is not loaded")
        match call:
            case protocol.Hello():
                return self._hello(call)
            case protocol.Connect():
                return await clients.connect(call)
            case protocol.State():
                return await clients.state(call)
            case protocol.RoundTrip():
                return await clients.round_trip(call)
            case protocol.SendAvailable():
                return await clients.send_available(call)
            case protocol.SendText():
                return await clients.send_text(call)
            case protocol.SendImage():
                return await clients.send_image(call)
            case protocol.Stop():
                return await clients.stop(call)
            case _:
                return await clients.ask(call)

    def _hello(self, call: protocol.Hello) -> dict[str, Any]:
        from diagnostics.neonize.worker.clients import versions  # noqa: PLC0415 - imports neonize

        if call.noise_root_key is not None and self._library is not None:
            from diagnostics.neonize.worker.trust import replace_noise_root_key  # noqa: PLC0415 - simulator only

            replace_noise_root_key(self._library, call.noise_root_key)
        if call.keepalive is not None and self._library is not None:
            from diagnostics.neonize.worker.keepalive import replace_keepalive  # noqa: PLC0415 - simulator only

            replace_keepalive(self._library, call.keepalive)
        return {**versions(), "python": platform.python_version(), "pid": os.getpid()}
