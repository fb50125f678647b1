"""A simulator for all tests here, a worker for each test, and stores that the real client created."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from diagnostics.neonize import link_store
from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import SCENARIOS, SimulatedAccount, WhatsAppServer

PATIENCE = 20.0  # s, a timeout for what takes 0.3 s on an idle machine


def is_running(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture(scope="session")
def server() -> Iterator[WhatsAppServer]:
    with WhatsAppServer() as server:
        yield server


@pytest.fixture
def new_worker(server: WhatsAppServer) -> Callable[[], Worker]:
    """Makes workers that can reach the simulator only; they trust it after `hello` with its key."""
    return lambda: Worker(environment(server.client_environment()))


@pytest.fixture
async def worker(server: WhatsAppServer, new_worker: Callable[[], Worker]) -> AsyncIterator[Worker]:
    worker = new_worker()
    try:
        await worker.hello(PATIENCE, server.noise_root)
        yield worker
    finally:
        await worker.close()


@dataclass(frozen=True)
class Paired:
    """A store that was linked with the simulator, and the account it is linked to."""

    store: Path
    account: SimulatedAccount


Pair = Callable[..., Paired]


@pytest.fixture(scope="session")
def linked(server: WhatsAppServer, tmp_path_factory: pytest.TempPathFactory) -> Paired:
    """A linked store to be copied, in the journal mode that neonize uses by default."""
    account = server.add_account()
    store = tmp_path_factory.mktemp("linked") / "store.sqlite3"

    def scan(code: str) -> None:
        server.scan(code, account)

    async def make() -> None:
        worker = Worker(environment(server.client_environment()))
        try:
            await worker.hello(PATIENCE, server.noise_root)
            await link_store.pair(worker, "linked", store, show=scan, deadline=PATIENCE, proxy=server.proxy_url)
        finally:
            await worker.close()

    with ThreadPoolExecutor(1) as thread:  # with an event loop of its own
        thread.submit(asyncio.run, make()).result()
    return Paired(store, account)


@pytest.fixture
def pair(server: WhatsAppServer, linked: Paired, tmp_path: Path) -> Pair:
    """Makes a store that is linked to an account of its own, with the faults of a scenario."""

    def pair(session: str = "a", scenario: str = "healthy") -> Paired:
        account = server.add_account()
        store = tmp_path / f"{session}.sqlite3"
        server.copy_session(linked.store, linked.account, store, account)
        server.apply(account, SCENARIOS[scenario].faults)
        return Paired(store, account)

    return pair


@pytest.fixture
def store(linked: Paired, tmp_path: Path) -> Path:
    """A linked store of the test's own, alone in its directory."""
    directory = tmp_path / "store"
    directory.mkdir()
    return Path(shutil.copy(linked.store, directory / "store.sqlite3"))
