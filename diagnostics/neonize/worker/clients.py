"""The real neonize clients of one worker. Imports neonize: only the worker process may import this.

It works around what neonize 0.5.2 does to a process with several clients:

- Each open client occupies one thread of the default executor for life, so the executor is large.
- Go's tables of clients are unlocked maps, and concurrent writes abort the process. Opening and stopping take turns:
  an opening client is done with the tables when it reports its own identity (event 0), shows a QR code or fails.
- Calls for a client that Go does not know segfault, so nothing is called before that or after the end; and since Go
  looks a client up when a call has got to its thread, a client is taken out of the tables after its last call.
- Go itself looks a client up once more when its codes end (it was paired, it was refused, they ran out) or its
  handshake does, and panics if it is gone by then: `FetchMe` dereferences nil, and every session ends. So a client that
  has not reported its identity is disconnected only, and taken out of the tables if it ever does.
- Events are lost unless `event_global_loop` is the running loop.
- A Go thread may still call into the callbacks of a client that never ended, so such a client is kept for ever. Those
  of one that did end may be called for a while, too (a question that fails then is logged), and a call of what was
  freed ends the process: so they are kept for as long as Go waits for anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import neonize
from google.protobuf.message import Message  # type: ignore[import-untyped]
from neonize._binder import ProxySettings, gocode
from neonize.aioze import client as aioze_client
from neonize.aioze import events
from neonize.aioze.client import NewAClient
from neonize.proto.Neonize_pb2 import LogEntry

from diagnostics.neonize import client_facts, protocol, questions
from diagnostics.neonize.client_log import ClientLog
from diagnostics.neonize.worker import client_calls
from diagnostics.neonize.worker.extensions import Extension

REGISTRATION_LIMIT = 1.0  # s; a client that has not registered by then hangs in its handshake, past the tables
STOP_LIMIT = 2.0  # s for a stopped client's thread to end
LINGER = 180.0  # s for which Go may still call a client that has ended; it waits 75 s for an answer, some twice

_EVENTS = {name: getattr(events, f"{name}Ev") for name in client_facts.EVENTS}


class CallRefused(Exception):
    """The call cannot be made; `kind` as in `protocol.Failure`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Client:
    """One open client and where it stands.

    Attributes:
        registered: set once Go knows the client and is done with its tables.
        unpaired: it shows QR codes. Its thread never ends then, not even when it is stopped.
        removable: set once Go looks the client up no more by itself.
        calls: those that are under way.
        log: what the client's log says of it.
        task: ends when the client does; its exception says why.
    """

    def __init__(self, neonize_client: Any, log: ClientLog) -> None:
        self.neonize = neonize_client
        self.registered = asyncio.Event()
        self.unpaired = False
        self.removable = asyncio.Event()
        self.calls: set[asyncio.Task[Any]] = set()
        self.log = log
        self.task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        return self.task is not None and self.task.done()


class Clients:
    """All clients of this worker by session name; every public coroutine is one operation of the protocol."""

    def __init__(self, push: Callable[[protocol.Push], None], extensions: Sequence[Extension] = ()) -> None:
        self._push = push
        self._extensions = extensions
        self._clients: dict[str, Client] = {}
        self._removals: set[asyncio.Task[None]] = set()  # some never end, and hold their clients
        self._lingering: deque[tuple[float, Client]] = deque()  # when they ended, and what Go may still call
        self._turn = asyncio.Lock()
        self._made = 0
        logging.getLogger("neonize").setLevel(logging.ERROR)
        # The Go side takes this level: stanzas are logged at DEBUG. Nothing is printed; `_read_log` takes the lines.
        logging.getLogger("neonize.utils.log").setLevel(logging.DEBUG)

    async def connect(self, call: protocol.Connect) -> dict[str, Any]:
        if call.session in self._clients:
            raise CallRefused("already-open", f"the session {call.session!r} is open in this worker")
        self._made += 1
        jid, in_database = client_calls.jid(call.jid) if call.jid else None, call.store.startswith("postgres")
        log = ClientLog(lambda event, data: self._push(protocol.Push(call.session, event, time.time(), data)))
        client = Client(NewAClient(_database(call), jid=jid, new_device=call.create and in_database), log)
        # neonize names a client after its store or JID, so that two of them collide.
        client.neonize.uuid = f"client-{self._made}".encode()
        self._subscribe(call.session, client)
        if "Receipt" in call.listen:
            client_calls.listen_for_receipts(call.session, client.neonize, self._push)
        for extension in self._extensions:
            extension.listen(call.session, client.neonize, self._push, call.listen)
        self._clients[call.session] = client
        proxy = ProxySettings(call.proxy) if call.proxy else None
        async with self._turn:
            events.event_global_loop = asyncio.get_running_loop()
            with _read_log(client.log):
                task: asyncio.Task[None] = await client.neonize.connect(proxy)
            client.task = task
            task.add_done_callback(lambda task: self._ended(call.session, client, task))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(client.registered.wait(), REGISTRATION_LIMIT)
        return {}

    async def state(self, call: protocol.State) -> dict[str, Any]:
        client = self._get(call.session)
        return {name: await client_facts.read(client.neonize, name) for name in call.attributes}

    async def round_trip(self, call: protocol.RoundTrip) -> dict[str, Any]:
        with self._live(call.session) as client:
            return {"answers": await questions.ask(partial(self._question, call.session, client), call.limit)}

    async def _question(self, session: str, client: Any, kind: str) -> None:
        with self._live(session):  # a question outlives the round trip if it gets no answer
            await questions.call(client, kind)

    async def send_available(self, call: protocol.SendAvailable) -> dict[str, Any]:
        return client_facts.offers(self._get(call.session).neonize)

    async def send_text(self, call: protocol.SendText) -> dict[str, Any]:
        with self._live(call.session) as client:
            self._clients[call.session].log.keys_refused = None
            response = await client.send_message(client_calls.jid(call.to), call.text)
        return self._acknowledged(call.session, response.ID)

    async def send_image(self, call: protocol.SendImage) -> dict[str, Any]:
        # What `send_image` of neonize does, in its two steps, so that a hang can be told apart.
        with self._live(call.session) as client:
            self._clients[call.session].log.keys_refused = None
            message = await client.build_image_message(call.image, caption=call.caption or None)
            _refuse_without_address(message.imageMessage)
            self._push(protocol.Push(call.session, "uploaded", time.time()))
            if call.fetch:
                await client.download_any(message)
                self._push(protocol.Push(call.session, "fetched", time.time()))
            response = await client.send_message(client_calls.jid(call.to), message)
        return self._acknowledged(call.session, response.ID)

    def _acknowledged(self, session: str, message: str) -> dict[str, Any]:
        """The answer for a message of which the client says that it was acknowledged."""
        if session not in self._clients:  # stopped meanwhile
            return {"message_id": message, "devices": None, "keys_refused": None}
        log = self._clients[session].log
        if message in log.refused:
            raise CallRefused("ack-refused", f"server returned error {log.refused[message]}")
        return {"message_id": message, "devices": log.handed.get(message), "keys_refused": log.keys_refused}

    async def ask(self, call: client_calls.Call) -> dict[str, Any]:
        """Any of the operations that are one call of the client's."""
        with self._live(call.session) as client:
            if isinstance(call, client_calls.Call):
                return await client_calls.ask(call, client)
            (extension,) = (each for each in self._extensions if type(call) in each.CALLS)
            return await extension.answer(call, client)

    async def stop(self, call: protocol.Stop) -> dict[str, Any]:
        client = self._get(call.session)
        del self._clients[call.session]
        if not client.ended:
            await client.neonize.disconnect()  # what is under way fails by it
        removal = asyncio.create_task(self._remove(client))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)
        if not client.unpaired:
            await asyncio.wait([removal], timeout=STOP_LIMIT)
        return {"kept": len(self._removals)}

    async def _remove(self, client: Client) -> None:
        """Take the client out of Go's tables as soon as nothing there looks it up any more, and wait for its end."""
        await client.removable.wait()
        if client.calls:
            await asyncio.wait(client.calls)
        async with self._turn:
            await client.neonize.stop()
        if client.task is not None:
            await asyncio.wait([client.task])
        self._linger(client)

    def _linger(self, client: Client) -> None:
        now = time.monotonic()
        self._lingering.append((now, client))
        while self._lingering[0][0] < now - LINGER:
            self._lingering.popleft()

    def _get(self, session: str) -> Client:
        try:
            return self._clients[session]
        except KeyError:
            raise CallRefused("unknown-session", f"the session {session!r} is not open in this worker") from None

    @contextlib.contextmanager
    def _live(self, session: str) -> Iterator[Any]:
        """The neonize client, if Go knows it: anything else would segfault. It does until the end of the block."""
        client = self._get(session)
        if client.ended or not client.registered.is_set():
            raise CallRefused("not-connected", "the client has not come as far as that")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - every operation runs in one of its own
        client.calls.add(task)
        try:
            yield client.neonize
        finally:
            client.calls.discard(task)

    def _subscribe(self, session: str, client: Client) -> None:
        async def on_qr(_: object, code: bytes) -> None:
            client.unpaired = not client.removable.is_set()
            client.registered.set()
            self._push(protocol.Push(session, "qr", time.time(), {"code": code.decode()}))

        def handler(name: str) -> Callable[[object, Message], Awaitable[None]]:
            async def on_event(_: object, message: Message) -> None:
                self._push(protocol.Push(session, name, time.time(), client_facts.plain(message)))

            return on_event

        client.neonize.event.qr(on_qr)
        for name, event in _EVENTS.items():
            client.neonize.event(event)(handler(name))

        def on_identity() -> None:
            client.unpaired = False
            client.registered.set()
            client.removable.set()

        loop = asyncio.get_running_loop()
        execute = client.neonize.event.execute

        def execute_and_notice(uuid: int, binary: int, size: int, code: int) -> None:
            if code == client_facts.IDENTITY:
                loop.call_soon_threadsafe(on_identity)
            execute(uuid, binary, size, code)

        client.neonize.event.execute = execute_and_notice

    def _ended(self, session: str, client: Client, task: asyncio.Task[None]) -> None:
        client.registered.set()
        client.removable.set()
        error = None if task.cancelled() else task.exception()
        if self._clients.get(session) is client:
            self._push(protocol.Push(session, "connect-task-ended", time.time(), {"error": str(error or "")}))


@contextlib.contextmanager
def _read_log(log: ClientLog) -> Iterator[None]:
    """Have the client that connects within the block log to `log`.

    neonize gives every client the function `log_whatsmeow` of its module, which does not say whose line it is.
    """

    def line(binary: int, size: int) -> None:
        with contextlib.suppress(Exception):  # an exception in a callback of Go would be printed, and lost
            entry = LogEntry.FromString(ctypes.string_at(binary, size))
            log.line(entry.Name, entry.Message)

    neonizes, aioze_client.log_whatsmeow = aioze_client.log_whatsmeow, line
    try:
        yield
    finally:
        aioze_client.log_whatsmeow = neonizes


def _refuse_without_address(image: Any) -> None:
    """whatsmeow takes any JSON as the media host's answer, and sends a message that points to nothing."""
    address = urlsplit(image.URL)
    if not (address.scheme == "https" and address.hostname and len(address.path) > 1 and len(image.directPath) > 1):
        shown = {"url": image.URL, "direct_path": image.directPath}
        raise CallRefused("upload-unusable", f"the media host answered without an address of the file: {shown}")


def versions() -> dict[str, str]:
    return {"neonize": neonize.__version__, "library": gocode.GetVersion().decode()}


def _database(call: protocol.Connect) -> str:
    """The store as neonize must name it: it becomes `file:<name>?_foreign_keys=on` on the Go side.

    Path and own parameters go in front, the appended rest ends in a parameter that nobody reads. What begins with
    "postgres" is taken as it is.
    """
    if call.store.startswith("postgres"):
        return call.store
    parameters = ["_foreign_keys=on", "mode=rwc" if call.create else "mode=rw"]
    if call.fast_store:
        parameters += ["_journal_mode=WAL", "_synchronous=OFF"]
    return f"{quote(call.store)}?{'&'.join(parameters)}&rest="
