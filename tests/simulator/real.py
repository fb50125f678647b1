"""Real, unmodified neonize clients for tests: one worker process, one server, and plain calls without `await`."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from diagnostics.neonize import client_log, protocol
from diagnostics.neonize.link_store import pair
from diagnostics.neonize.process import CallFailed, Worker, WorkerCrashed, WorkerTimeout
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import Settings, SimulatedAccount, WhatsAppServer

T = TypeVar("T")

ACKNOWLEDGED = "acknowledged"
HANGS = "hangs"
PEOPLE = {
    *("Message", "Receipt", "Presence", "ChatPresence"),
    *("JoinedGroup", "GroupInfo", "Picture", "HistorySync"),
}
EXTENSION = "tests.simulator.worker_extension"
HANG_SECONDS = 0.7  # where others take 0.05; the client itself waits for 75
ANSWER_SECONDS = 20.0
SETTINGS = Settings(share_settings=True)


class Real:
    """A server, and a worker that trusts it. The server outlives workers that die."""

    def __init__(self, stores: Path, keepalive: protocol.Keepalive | None, settings: Settings) -> None:
        self._keepalive = keepalive
        self.server = WhatsAppServer(settings=settings)
        self.worker = self._start_worker()
        self.server.start()
        self._stores = stores
        self._numbers = itertools.count(1)
        self._template: Client | None = None
        self._copying = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._greet()

    def _greet(self) -> None:
        self.run(self.worker.hello(30, self.server.noise_root, self._keepalive))

    def _start_worker(self) -> Worker:
        worker = Worker(environment(self.server.client_environment()), extensions=[EXTENSION])
        worker.start()
        return worker

    @property
    def crash(self) -> WorkerCrashed | None:
        """Why the worker is gone, if it is, with its last words."""
        return self.worker.crash

    def revive(self) -> None:
        """Replace a worker that died. A client that was connected in it connects again when it is next used."""
        if self.crash is not None:
            self.run(self.worker.close())
            self.worker = self._start_worker()
            self._greet()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def client(self, account: SimulatedAccount | None = None) -> Client:
        """A client with a store of its own, not connected."""
        name = f"client{next(self._numbers)}"
        account = account or self.server.add_account()
        return Client(self, name, account, self._stores / f"{name}.db")

    def paired(self, account: SimulatedAccount | None = None) -> Client:
        """A client that was linked by QR code, and is not connected."""
        client = self.client(account)
        client.pair()
        client.stop()
        return client

    def copied(self) -> Client:
        """A client with a copy of a session that was linked before, not connected. Linking itself is not repeated."""
        with self._copying:
            if self._template is None:
                self._template = self._linked_template()
        client = self.client()
        self.server.copy_session(self._template.store, self._template.account, client.store, client.account)
        return client

    def _linked_template(self) -> Client:
        """A session to copy. Its store is written to disk when it ends, unlike those of other clients."""
        template = self.client()
        scan, proxy = partial(self.server.scan, account=template.account), self.server.proxy_url
        self.run(pair(self.worker, template.name, template.store, show=scan, deadline=ANSWER_SECONDS, proxy=proxy))
        return template

    def connected(self, account: SimulatedAccount | None = None) -> Client:
        """A client that is linked and logged in."""
        client = self.client(account)
        client.pair()
        return client

    def close(self) -> None:
        self.run(self.worker.close())
        self.server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Client:
    """One session of the worker. `events` are the names, `pushes` the whole, since the last `connect`."""

    def __init__(self, real: Real, name: str, account: SimulatedAccount, store: Path) -> None:
        self.real = real
        self.name = name
        self.account = account
        self.store = store
        self.pushes: list[protocol.Push] = []
        self._heard = threading.Condition()
        self._worker: Worker | None = None  # in which it is open

    def _listen(self, push: protocol.Push) -> None:
        with self._heard:
            self.pushes.append(push)
            self._heard.notify_all()

    @property
    def events(self) -> list[str]:
        """The events of the connection, without those of people."""
        return [push.event for push in self.pushes if push.event not in PEOPLE | client_log.EVENTS]

    def call(self, call: msgspec.Struct, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        if self._worker is not None and self._worker is not self.real.worker:
            self._reopen()
        return self.real.run(self.real.worker.call(call, seconds))

    def _reopen(self) -> None:
        was_connected = "Connected" in self.events
        self.connect()
        if was_connected:
            self.heard("Connected")

    def connect(self) -> None:
        if self._worker is not self.real.worker:
            self._worker = self.real.worker
            self._worker.subscribe(self.name, self._listen)
        self.pushes.clear()
        store, proxy = str(self.store), self.real.server.proxy_url
        listen = tuple(PEOPLE)
        self.call(protocol.Connect(self.name, store, proxy=proxy, create=True, fast_store=True, listen=listen))

    def pair(self) -> None:
        self.connect()
        self.real.server.scan(self.heard("qr").data["code"], self.account)
        self.heard("Connected")

    def stop(self) -> None:
        self.call(protocol.Stop(self.name))

    def heard(self, event: str, seconds: float = ANSWER_SECONDS, *, nth: int = 1, **data: object) -> protocol.Push:
        """The nth such event, once it is there."""

        def found() -> list[protocol.Push]:
            return [p for p in self.pushes if p.event == event and data.items() <= p.data.items()]

        with self._heard:
            self._heard.wait_for(lambda: len(found()) >= nth or self.real.crash, seconds)
            if len(found()) < nth and self.real.crash:
                raise self.real.crash
            assert len(found()) >= nth, f"{event} not among {self.pushes}"
            return found()[nth - 1]

    def states(self) -> tuple[bool, bool]:
        """Connected and logged in, by the client's own word."""
        values = self.call(protocol.State(self.name))
        return values["is_connected"]["value"], values["is_logged_in"]["value"]

    def text(self, text: str = "hello", to: str = "", seconds: float = ANSWER_SECONDS) -> str:
        """What becomes of a text."""
        return self._outcome(protocol.SendText(self.name, to or self.real.server.contact.phone, text), seconds)

    def image(self, image: bytes, to: str = "", seconds: float = ANSWER_SECONDS) -> str:
        """What becomes of an image."""
        return self._outcome(protocol.SendImage(self.name, to or self.real.server.contact.phone, image), seconds)

    def _outcome(self, call: protocol.Call, seconds: float) -> str:
        try:
            self.call(call, seconds)
        except WorkerTimeout:
            return HANGS
        except CallFailed as failed:
            return str(failed)
        return ACKNOWLEDGED


def eventually(holds: Callable[[], object], seconds: float = ANSWER_SECONDS) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(holds())


@contextmanager
def real_clients(
    stores: Path, *, keepalive: protocol.Keepalive | None = None, settings: Settings = SETTINGS
) -> Iterator[Real]:
    real = Real(stores, keepalive, settings)
    try:
        yield real
    finally:
        real.close()
