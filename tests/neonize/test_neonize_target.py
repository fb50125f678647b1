"""The target "neonize": passive by default, connected only under a lease."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from diagnostics.errors import TargetProblem
from diagnostics.evidence.recorder import utc_now
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Aspect, Evidence, Mode, Verdict
from diagnostics.neonize import lease
from diagnostics.neonize.store import Content, read_content
from diagnostics.targets.base import ConfiguredTarget
from tests.configured import configured

NEEDS_CONNECTION = (Aspect.DISCONNECT, Aspect.SOCKET, *list(Aspect)[list(Aspect).index(Aspect.ROUND_TRIP) :])


def request(session: str = "testing", deadline: float = 6.0, send_to: str | None = "15550009999") -> Request:
    return Request(session, frozenset(Aspect), deadline, send_to)


def files_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def neonize(store: Path | str | None, **settings: Any) -> ConfiguredTarget:
    return configured("neonize", store=store and str(store), **settings)


async def look(
    target: ConfiguredTarget, *requests: Request, jids: Mapping[str, str] | None = None
) -> dict[str, Evidence]:
    sessions = {each.session: target.kind.session(jid=(jids or {}).get(each.session)) for each in requests}
    async with target.open(sessions) as opened:
        return {evidence.session: evidence async for evidence in opened.look(requests)}


@pytest.fixture
def rested(store: Path) -> Path:
    """A linked store that was last written an hour ago."""
    os.utime(store, (time.time() - 3600,) * 2)
    return store


async def test_a_passive_look_reads_the_store_without_changing_any_file(rested: Path) -> None:
    before = [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in rested.parent.iterdir()]
    seen = (await look(neonize(rested), request()))["testing"].observations
    assert (seen[Aspect.EXISTS].value, seen[Aspect.AUTHENTICATED].value) == (True, True)
    assert seen[Aspect.STORE].value.intact
    for aspect in NEEDS_CONNECTION:
        assert seen[aspect].absence is Absence.NOT_ASKED
        assert seen[aspect].detail == "passive: nothing was connected (--connect opens the real client)"
    assert [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in rested.parent.iterdir()] == before


async def test_a_passive_look_never_says_that_a_session_can_send(rested: Path) -> None:
    evidence = (await look(neonize(rested), request()))["testing"]
    assert judge(evidence, mode=Mode.PERMISSIVE, now=utc_now()).verdict is Verdict.UNKNOWN


async def test_several_sessions_of_one_store_are_distinguished_by_their_jids(rested: Path) -> None:
    with closing(sqlite3.connect(rested)) as connection:
        connection.execute("UPDATE whatsmeow_device SET jid = '62811:4@s.whatsapp.net'")
        connection.commit()
    jids = {"shop": "62811@s.whatsapp.net", "office": "62822@s.whatsapp.net"}
    found = await look(neonize(rested), request("shop"), request("office"), jids=jids)
    assert found["shop"].observations[Aspect.EXISTS].value is True
    assert found["office"].observations[Aspect.EXISTS].value is False


async def test_the_store_is_read_once_for_all_of_its_sessions(rested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[Path] = []

    def counted(path: Path, deadline: float) -> Content:
        readings.append(path)
        return read_content(path, deadline)

    monkeypatch.setattr("diagnostics.targets.neonize.look.read_content", counted)
    found = await look(neonize(rested), *(request(f"s{number}") for number in range(20)))
    assert all(each.observations[Aspect.STORE].value.intact for each in found.values())
    assert (len(found), readings) == (20, [rested])


async def test_all_sessions_of_a_store_are_listed_by_numbers_that_find_them(rested: Path) -> None:
    target = neonize(rested)
    (number,) = await target.sessions()
    assert (await look(target, request(number)))[number].observations[Aspect.AUTHENTICATED].value is True


async def test_what_is_not_a_store_lists_no_sessions_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(TargetProblem, match=f"^there is no file {tmp_path}/none$"):
        await neonize(tmp_path / "none").sessions()
    (tmp_path / "empty").touch()
    assert await neonize(tmp_path / "empty").sessions() == ()


@pytest.mark.parametrize("connect", [False, True])
async def test_a_missing_store_is_said_to_be_missing_and_nothing_is_created(tmp_path: Path, connect: bool) -> None:
    target = neonize(tmp_path / "store", connect=connect, proxy="http://127.0.0.1:9")
    evidence = (await look(target, request()))["testing"]
    root = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now()).root
    assert root is not None
    assert (root.check, root.cause) == ("session.exists", "store-missing")
    assert f"there is no file {tmp_path / 'store'}" in root.claim
    needs = (Aspect.AUTHENTICATED, *NEEDS_CONNECTION)
    assert {evidence.observations[aspect].absence for aspect in needs} == {Absence.BLOCKED}
    assert files_in(tmp_path) == []


async def test_a_directory_is_said_not_to_be_a_store(tmp_path: Path) -> None:
    evidence = (await look(neonize(tmp_path), request()))["testing"]
    root = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now()).root
    assert root is not None
    assert (root.cause, f"{tmp_path} is a directory" in root.claim) == ("not-a-store", True)


async def test_no_lease_file_is_written_beside_a_file_that_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("my recorder")
    target = neonize(tmp_path / "store", connect=True, proxy="http://127.0.0.1:9")
    evidence = (await look(target, request()))["testing"]
    root = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now()).root
    assert root is not None
    assert root.cause == "not-a-store"
    seen = evidence.observations
    assert not seen[Aspect.STORE].value.intact
    assert seen[Aspect.SOCKET].absence is Absence.BLOCKED
    assert files_in(tmp_path) == ["store"]


@pytest.mark.parametrize("url", ["postgres://u:p@db/wa", "postgresql://db/wa"])
async def test_a_store_in_postgresql_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(TargetProblem, match=r"^stores in PostgreSQL cannot be read yet"):
        await look(neonize(url), request())


async def test_without_a_store_the_error_names_the_missing_option() -> None:
    with pytest.raises(TargetProblem, match="--store PATH"):
        await look(neonize(None), request())


def test_the_header_says_what_is_connected_and_shows_no_password() -> None:
    assert neonize("/s").describe() == "neonize store /s (passive: read only, nothing is connected)"
    header = neonize("/s", connect=True, proxy="http://me:secret@proxy.example:8080").describe()
    assert "opens the real client with this store's credentials" in header
    assert "through http://proxy.example:8080" in header
    assert "secret" not in header
    assert "secret" not in neonize("postgres://me:secret@db/wa").describe()


FEW = 12  # descriptors, of which Python and Go have some ten open when the client starts


@contextmanager
def limited_workers(descriptors: int) -> Iterator[None]:
    """Worker processes may have so few files open once they have loaded the library, which itself opens many."""
    script = (
        "import resource, runpy, sys\n"
        "from diagnostics.neonize.worker import library\n"
        "load = library.load\n"
        "def limited():\n"
        "    loaded = load()\n"
        f"    resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))\n"
        "    return loaded\n"
        "library.load = limited\n"
        "runpy.run_module('diagnostics.neonize.worker', run_name='__main__', alter_sys=True)\n"
    )
    command = (sys.executable, "-P", "-W", "ignore", "-c", script)
    with mock.patch("diagnostics.neonize.process._WORKER", command):
        yield


@asynccontextmanager
async def refusing_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that refuses every request: its URL, and the request lines it received."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_without_network_whatsapp_is_unreachable(rested: Path) -> None:
    async with refusing_proxy() as (proxy, asked):
        started = time.monotonic()
        evidence = (await look(neonize(rested, connect=True, proxy=proxy), request()))["testing"]
        assert time.monotonic() - started < 6.0
    seen = evidence.observations
    assert asked == ["CONNECT web.whatsapp.com:443 HTTP/1.1"]
    assert seen[Aspect.AUTHENTICATED].value is True
    refused = seen[Aspect.DISCONNECT].value
    assert (refused.code, refused.permanent) == (None, True)
    assert "Forbidden" in refused.reason
    assert "closed" in seen[Aspect.SOCKET].value
    assert seen[Aspect.TEXT].absence is Absence.BLOCKED
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now())
    assert diagnosis.root is not None
    assert diagnosis.root.cause == "whatsapp-unreachable"


async def test_a_session_in_use_is_not_connected_but_its_store_is_read(rested: Path) -> None:
    async with refusing_proxy() as (proxy, asked):
        with lease.acquire(rested):
            evidence = (await look(neonize(rested, connect=True, proxy=proxy), request()))["testing"]
    seen = evidence.observations
    assert asked == []
    assert seen[Aspect.STORE].value.intact
    for aspect in NEEDS_CONNECTION:
        assert (seen[aspect].absence, seen[aspect].source) == (Absence.HELD, "lease")
        assert "would kick the running bot out" in seen[aspect].detail
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now())
    assert diagnosis.root is not None
    assert diagnosis.root.cause == "held-elsewhere"


async def test_a_store_that_may_not_be_written_to_is_unknown_and_not_called_held(
    rested: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: Path) -> lease.Lease:
        raise lease.StoreUnwritable(f"the lease file {store}.wadiag-lease cannot be written: Permission denied (…)")

    monkeypatch.setattr(lease, "acquire", refuse)
    async with refusing_proxy() as (proxy, asked):
        evidence = (await look(neonize(rested, connect=True, proxy=proxy), request()))["testing"]
    assert asked == []
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now())
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert [finding.cause for finding in diagnosis.findings] == ["store-unwritable"]
    assert "cannot be written: Permission denied" in diagnosis.findings[0].claim


@pytest.mark.parametrize("where", ["diagnostics.neonize.lease.hold", "diagnostics.neonize.process.subprocess.Popen"])
async def test_a_probe_without_descriptors_is_at_fault_itself(
    rested: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(where, exhausted)
    async with refusing_proxy() as (proxy, asked):
        found = await look(neonize(rested, connect=True, proxy=proxy), request("a"), request("b"))
    assert asked == []
    for evidence in found.values():
        assert evidence.observations[Aspect.STORE].value.intact
        diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now())
        assert diagnosis.verdict is Verdict.UNKNOWN
        assert diagnosis.root is not None
        assert (diagnosis.root.cause, "ulimit -n" in diagnosis.root.claim) == ("probe-crashed", True)
    assert len(found) == 2


async def test_a_client_without_descriptors_does_not_make_whatsapp_unreachable(rested: Path) -> None:
    """The worker's own limit is what a proxy, the store and the connection need, less a few."""
    async with refusing_proxy() as (proxy, asked):
        with limited_workers(FEW):
            evidence = (await look(neonize(rested, connect=True, proxy=proxy), request()))["testing"]
    assert asked == []
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now())
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert diagnosis.root is not None
    assert (diagnosis.root.cause, "ulimit -n" in diagnosis.root.claim) == ("probe-crashed", True)


async def test_the_lease_is_released_so_that_the_next_look_can_follow_at_once(rested: Path) -> None:
    async with refusing_proxy() as (proxy, asked):
        for _ in range(2):
            await look(neonize(rested, connect=True, proxy=proxy), request())
    assert len(asked) == 2


async def test_a_deadline_that_passes_at_once_still_gives_evidence(rested: Path) -> None:
    async with refusing_proxy() as (proxy, _):
        target = neonize(rested, connect=True, proxy=proxy)
        evidence = (await look(target, request(deadline=0.01)))["testing"]
    assert evidence.observations[Aspect.EXISTS].value is True
    assert evidence.observations[Aspect.SOCKET].absence is Absence.TIMEOUT
    assert evidence.took < 2.0


def remote_addresses(pid: int) -> set[str]:
    """Where the process's TCP and UDP sockets are connected to, as /proc has it ("0100007F" is 127.0.0.1)."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            kind, _, inode = str(descriptor.readlink()).partition(":[")
        except OSError:
            continue
        if kind == "socket":
            inodes.add(inode.rstrip("]"))
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                found.add(fields[2].partition(":")[0])
    return found


@contextmanager
def recorded_worker_pids(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    from diagnostics.neonize.process import Worker  # noqa: PLC0415

    pids: list[int] = []
    start = Worker.start

    def remember(worker: Worker) -> None:
        start(worker)
        if worker.pid is not None and worker.pid not in pids:
            pids.append(worker.pid)

    monkeypatch.setattr(Worker, "start", remember)
    yield pids


async def test_all_connections_go_to_the_proxy(rested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with refusing_proxy() as (proxy, asked):
        with recorded_worker_pids(monkeypatch) as pids:
            looking = asyncio.create_task(look(neonize(rested, connect=True, proxy=proxy), request()))
            dialled: set[str] = set()
            while not looking.done():
                for pid in pids:
                    try:
                        dialled |= remote_addresses(pid)
                    except OSError:
                        continue  # it has just exited
                await asyncio.sleep(0)
            await looking
    assert asked == ["CONNECT web.whatsapp.com:443 HTTP/1.1"]
    assert dialled - {"00000000", "0" * 32} <= {"0100007F"}
