"""The worker process: its answers, its crashes, and how it is closed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from diagnostics.neonize import client_log, link_store, protocol
from diagnostics.neonize.process import CallFailed, Worker, WorkerCrashed, WorkerTimeout, WorkerUnavailable
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import BadHmac, Event, Fault, WhatsAppServer
from tests.neonize.conftest import PATIENCE, is_running

pytestmark = pytest.mark.asyncio(loop_scope="module")


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@asynccontextmanager
async def ready_worker(server: WhatsAppServer) -> AsyncIterator[Worker]:
    worker = Worker(environment(server.client_environment()))
    try:
        await worker.hello(PATIENCE, server.noise_root)
        yield worker
    finally:
        await worker.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker(server: WhatsAppServer) -> AsyncIterator[Worker]:
    """One for all tests here that do not harm it."""
    async with ready_worker(server) as worker:
        yield worker


@pytest_asyncio.fixture(loop_scope="module")
async def doomed(server: WhatsAppServer) -> AsyncIterator[Worker]:
    """A worker for one test, which may kill it."""
    async with ready_worker(server) as worker:
        yield worker


async def test_hello_answers_the_versions_and_the_process_id(worker: Worker) -> None:
    said = await worker.hello(PATIENCE)
    assert said["neonize"] == said["library"]
    assert said["pid"] == worker.pid != os.getpid()


async def test_a_worker_can_be_closed_before_it_was_used(new_worker: Callable[[], Worker]) -> None:
    worker = new_worker()
    await worker.close()
    worker = new_worker()
    worker.start()
    await worker.close()
    await worker.close()
    assert worker.pid is not None
    assert not is_running(worker.pid)
    with pytest.raises(WorkerCrashed, match="closed"):
        await worker.hello(PATIENCE)


async def test_a_call_for_a_session_that_is_not_open_is_refused(worker: Worker) -> None:
    for call in (protocol.State("b"), protocol.RoundTrip("b"), protocol.SendText("b", "1", "x"), protocol.Stop("b")):
        with pytest.raises(CallFailed, match="'b' is not open") as refused:
            await worker.call(call, PATIENCE)
        assert refused.value.kind == "unknown-session"


async def test_queries_through_a_client_that_could_not_connect_are_refused(worker: Worker, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    await worker.call(protocol.Connect("a", store, proxy="http://127.0.0.1:9", create=True), PATIENCE)
    state = await worker.call(protocol.State("a"), PATIENCE)
    assert state == {"is_connected": {"value": False}, "is_logged_in": {"value": False}}
    with pytest.raises(CallFailed) as refused:  # in Go it would be a nil dereference
        await worker.call(protocol.RoundTrip("a"), PATIENCE)
    assert refused.value.kind == "not-connected"


async def test_a_missing_store_is_not_created_unless_requested(worker: Worker, tmp_path: Path) -> None:
    ended: asyncio.Queue[protocol.Push] = asyncio.Queue()
    worker.subscribe("missing", ended.put_nowait)
    await worker.call(protocol.Connect("missing", str(tmp_path / "store"), proxy="http://127.0.0.1:9"), PATIENCE)
    push = await asyncio.wait_for(ended.get(), PATIENCE)
    assert push.event == "connect-task-ended"
    assert "unable to open database file" in push.data["error"]
    assert files_below(tmp_path) == []


async def next_event(pushes: asyncio.Queue[protocol.Push]) -> protocol.Push:
    """The client's next event, without what its log says."""
    while (push := await asyncio.wait_for(pushes.get(), PATIENCE)).event in client_log.EVENTS:
        pass
    return push


async def test_a_client_without_a_proxy_uses_that_of_the_environment(worker: Worker, tmp_path: Path) -> None:
    ended: asyncio.Queue[protocol.Push] = asyncio.Queue()
    worker.subscribe("forgot", ended.put_nowait)
    await worker.call(protocol.Connect("forgot", str(tmp_path / "store"), create=True), PATIENCE)
    push = await next_event(ended)
    assert "proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused" in push.data["error"]


async def test_a_stores_path_may_hold_any_character(worker: Worker, server: WhatsAppServer, tmp_path: Path) -> None:
    store = tmp_path / "a b%41?c=d&mode=memory#e.db"
    shown: asyncio.Queue[protocol.Push] = asyncio.Queue()
    worker.subscribe("path", shown.put_nowait)
    await worker.call(protocol.Connect("path", str(store), proxy=server.proxy_url, create=True), PATIENCE)
    assert (await next_event(shown)).event == "qr"
    assert files_below(tmp_path) == [store]


async def test_output_of_the_library_does_not_mix_with_answers(
    worker: Worker, server: WhatsAppServer, tmp_path: Path
) -> None:
    account, store = server.add_account(), tmp_path / "first.sqlite3"
    scan = partial(server.scan, account=account)
    await link_store.pair(worker, "first", store, show=scan, deadline=PATIENCE, proxy=server.proxy_url, fast_store=True)
    await worker.call(protocol.Connect("prints", "/dev/null/store"), PATIENCE)  # Go prints this error, and a greeting
    assert await worker.call(protocol.State("prints"), PATIENCE)


async def test_clients_may_be_stopped_while_their_pairing_fails(
    worker: Worker, server: WhatsAppServer, tmp_path: Path
) -> None:
    async def refused(session: str) -> None:
        account = server.add_account()
        server.apply(account, [Fault(Event.SCAN, BadHmac())])
        shown: asyncio.Queue[protocol.Push] = asyncio.Queue()
        worker.subscribe(session, shown.put_nowait)
        store = str(tmp_path / session)
        connect = protocol.Connect(session, store, proxy=server.proxy_url, create=True, fast_store=True)
        await worker.call(connect, PATIENCE)
        server.scan((await next_event(shown)).data["code"], account)
        await worker.call(protocol.Stop(session), PATIENCE)

    await asyncio.gather(*(refused(f"refused-{number}") for number in range(20)))
    assert worker.crash is None


async def test_a_client_may_be_stopped_while_calls_are_running(worker: Worker, server: WhatsAppServer, pair) -> None:
    store = pair("busy").store
    heard: asyncio.Queue[protocol.Push] = asyncio.Queue()
    worker.subscribe("busy", heard.put_nowait)
    await worker.call(protocol.Connect("busy", str(store), proxy=server.proxy_url, fast_store=True), PATIENCE)
    while (await asyncio.wait_for(heard.get(), PATIENCE)).event != "Connected":
        pass
    asked = [asyncio.create_task(worker.call(protocol.RoundTrip("busy"), PATIENCE)) for _ in range(20)]
    await worker.call(protocol.Stop("busy"), PATIENCE)
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        assert answer == {"asked": "blocklist"} or isinstance(answer, CallFailed)


async def test_a_crash_fails_all_pending_calls_with_the_signal(doomed: Worker) -> None:
    assert doomed.pid is not None
    heard: list[protocol.Push] = []
    doomed.subscribe("a", heard.append)
    os.kill(doomed.pid, signal.SIGSTOP)  # so that it has no time to answer
    calls = [asyncio.create_task(doomed.call(protocol.State("a"), PATIENCE)) for _ in range(3)]
    while len(doomed._pending_calls) < len(calls):  # noqa: ASYNC110 - sent calls set no event
        await asyncio.sleep(0)
    os.kill(doomed.pid, signal.SIGKILL)
    for call in calls:
        with pytest.raises(WorkerCrashed, match="the worker died of SIGKILL"):
            await call
    assert [push.event for push in heard] == ["worker-ended"]
    with pytest.raises(WorkerCrashed, match="SIGKILL"):
        await doomed.call(protocol.State("a"), PATIENCE)


async def test_a_segmentation_fault_is_reported_with_the_output_of_the_library(doomed: Worker) -> None:
    assert doomed.pid is not None
    os.kill(doomed.pid, signal.SIGSEGV)
    with pytest.raises(WorkerCrashed, match="SIGSEGV"):
        await doomed.call(protocol.RoundTrip("a"), PATIENCE)


async def test_a_call_to_a_hanging_worker_times_out_and_close_kills_the_worker(
    new_worker: Callable[[], Worker],
) -> None:
    worker = new_worker()
    await worker.hello(PATIENCE)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerTimeout, match=r"no answer within 0\.1 s"):
        await worker.call(protocol.State("a"), 0.1)
    await worker.close(grace=0.1)
    assert not is_running(worker.pid)


async def test_the_worker_ignores_ctrl_c(doomed: Worker) -> None:
    assert doomed.pid is not None
    os.kill(doomed.pid, signal.SIGINT)
    with pytest.raises(CallFailed):
        await doomed.call(protocol.State("a"), PATIENCE)
    assert os.getsid(doomed.pid) == doomed.pid


@pytest.mark.parametrize(
    ("module", "text", "sentence"),
    [
        (
            "magic.py",
            "raise ImportError('failed to find libmagic.  Check your installation')",
            "neonize needs libmagic, which is not installed here. Debian, Ubuntu: apt-get install libmagic1",
        ),
        (
            "neonize/__init__.py",
            "",
            "neonize came without its library neonize-",
        ),
        (
            "google/protobuf/__init__.py",
            "raise RuntimeError('built for another protobuf')",
            "neonize could not be loaded (RuntimeError: built for another protobuf)",
        ),
    ],
)
async def test_the_error_says_in_one_sentence_what_to_install(
    tmp_path: Path, module: str, text: str, sentence: str
) -> None:
    (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / module).write_text(text)
    worker = Worker(environment({"PYTHONPATH": str(tmp_path)}))
    try:
        with pytest.raises(WorkerUnavailable) as unavailable:
            await worker.hello(PATIENCE)
        assert str(unavailable.value).startswith(sentence)
        with pytest.raises(WorkerUnavailable):
            await worker.call(protocol.State("a"), PATIENCE)
    finally:
        await worker.close()
    assert {path.suffix for path in files_below(tmp_path)} <= {".py", ".pyc"}  # nothing was downloaded


async def test_the_root_key_can_be_replaced_once_only(worker: Worker) -> None:
    with pytest.raises(CallFailed, match="lies 0 times in the memory") as refused:
        await worker.call(protocol.Hello(b"\1" * 32), PATIENCE)  # the fixture's hello has replaced it already
    assert refused.value.kind == "no-key-patch"
    with pytest.raises(CallFailed, match="32 bytes, not 31"):
        await worker.call(protocol.Hello(b"\1" * 31), PATIENCE)
