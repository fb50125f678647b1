"""Whatever lies where a store should be, and whatever bytes are in it: a finding about one session, and soon."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from diagnostics.errors import TargetProblem
from diagnostics.evidence.documents import of_diagnosis
from diagnostics.evidence.recorder import utc_now
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Aspect, Diagnosis, Evidence, Mode
from diagnostics.neonize.store import migration, read_content, read_store
from tests.configured import configured
from tests.neonize.stores import change, make_older

SIDES = ("-wal", "-shm", "-journal")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_socket(path: Path) -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{short}/s")  # a long path would not fit into its address
        Path(f"{short}/s").rename(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def renamed(store: Path, name: bytes) -> Path:
    return store.rename(store.with_name(os.fsdecode(name)))


async def look(store: Path, *sessions: str, connect: bool = False) -> dict[str, Evidence]:
    target = configured("neonize", store=os.fspath(store), connect=connect, proxy="http://127.0.0.1:9")
    requests = [Request(session, frozenset(Aspect), 6.0, None) for session in sessions]
    async with target.open({session: target.kind.session() for session in sessions}) as opened:
        return {evidence.session: evidence async for evidence in opened.look(requests)}


async def diagnosed(store: Path, *, connect: bool = False) -> Diagnosis:
    evidence = (await look(store, "testing", connect=connect))["testing"]
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=utc_now())
    assert msgspec.json.encode(of_diagnosis(diagnosis))
    return diagnosis


@pytest.mark.parametrize("connect", [False, True])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("make", [a_pipe, a_directory, a_socket, a_device])
async def test_a_side_file_that_is_no_file_is_damage_and_is_named(
    store: Path, side: str, make: Callable[[Path], None], connect: bool
) -> None:
    make(store.with_name(store.name + side))
    async with asyncio.timeout(20):
        root = (await diagnosed(store, connect=connect)).root
    assert root is not None
    assert root.cause == "store-damaged"
    assert f"{store.name}{side} is a" in root.claim


@pytest.mark.parametrize("make", [a_pipe, a_directory, a_socket, a_device])
async def test_something_else_in_the_place_of_a_store_is_said_to_be_that(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "store")
    root = (await diagnosed(tmp_path / "store", connect=True)).root
    assert root is not None
    assert root.cause == "not-a-store"
    assert names_in(tmp_path) == ["store"]


@pytest.mark.parametrize("name", ["store", "store-wal"])
async def test_a_circle_of_links_is_said_and_not_called_damage(store: Path, name: str) -> None:
    target = store.parent / name
    target.unlink(missing_ok=True)
    if name != "store":
        target = store.with_name(f"{store.name}-wal")
    a_circle(target)
    root = (await diagnosed(target if name == "store" else store)).root
    assert root is not None
    assert root.cause == "target-unreachable"
    assert f"{target} cannot be read: Too many levels of symbolic links" in root.claim


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\udcff\udcfe.db", "?immutable=1#%00.db"])
async def test_a_path_that_no_file_can_have_is_a_finding(tmp_path: Path, name: str) -> None:
    assert (await diagnosed(tmp_path / name)).root is not None


@pytest.mark.parametrize("connect", [False, True])
async def test_a_store_under_a_name_that_is_no_text_is_read(store: Path, connect: bool) -> None:
    os.utime(store, (0, 0))
    odd = renamed(store, b"b\xff\xfe.db")
    diagnosis = await diagnosed(odd, connect=connect)
    intact = diagnosis.result("store.intact")
    assert intact is not None
    assert intact.outcome == "pass"
    if connect:
        assert diagnosis.root is not None
        assert "its path is not UTF-8" in diagnosis.root.claim


UNDECODABLE = "CAST(X'36322F3131FFFE' AS TEXT)"


@pytest.mark.parametrize("column", ["push_name", "business_name", "platform", "jid", "lid"])
@pytest.mark.parametrize("value", [UNDECODABLE, "X'00FF'", "12345", "ZEROBLOB(50000000)", "''", "NULL"])
async def test_a_column_that_holds_something_else_never_breaks_the_look(store: Path, column: str, value: str) -> None:
    change(store, f"UPDATE whatsmeow_device SET {column} = {value}" if value != "NULL" else "SELECT 1")  # noqa: S608
    diagnosis = await diagnosed(store)
    assert diagnosis.result("probe.completed").outcome == "pass"  # type: ignore[union-attr]


async def test_a_device_whose_jid_is_no_text_is_a_finding_and_the_others_keep_theirs(store: Path) -> None:
    sound = read_store(store, "testing")
    change(
        store,
        "CREATE TEMP TABLE other AS SELECT * FROM whatsmeow_device",
        f"UPDATE other SET jid = {UNDECODABLE}, lid = {UNDECODABLE}",  # noqa: S608 - a value of ours
        "INSERT INTO whatsmeow_device SELECT * FROM other",
    )
    number = sound.jid.partition(":")[0]
    found = await look(store, number, "testing")
    assert found[number].observations[Aspect.STORE].value.intact
    assert found[number].observations[Aspect.AUTHENTICATED].value is True
    assert found["testing"].observations[Aspect.EXISTS].value is False
    assert read_content(store).numbers() == (number,)


async def test_a_store_in_which_no_device_has_an_accounts_jid_lists_none_and_says_so(store: Path) -> None:
    change(store, f"UPDATE whatsmeow_device SET jid = {UNDECODABLE}")  # noqa: S608 - a value of ours
    with pytest.raises(TargetProblem, match="no device in it has an account's JID"):
        read_content(store).numbers()
    root = (await diagnosed(store)).root
    assert root is not None
    assert (root.cause, "its JID is not an account's" in root.claim) == ("store-damaged", True)


def test_names_of_tables_that_are_no_text_are_read(store: Path) -> None:
    change(store, "CREATE TABLE songs (title TEXT)")
    store.write_bytes(store.read_bytes().replace(b"songs", b"so\xff\xfes"))
    assert asyncio.run(diagnosed(store)).root is not None


async def test_what_breaks_while_one_session_is_looked_at_takes_nothing_from_the_others(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(store, (0, 0))
    observe = "diagnostics.targets.neonize.look.observe"

    async def broken(worker: object, request: Request, *_: object, **__: object) -> object:
        if request.session == "bad":
            raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
        return await real(worker, request, *_, **__)  # type: ignore[arg-type]

    from diagnostics.neonize.observe import observe as real  # noqa: PLC0415

    monkeypatch.setattr(observe, broken)
    found = await look(store, "good", "bad", connect=True)
    assert set(found) == {"good", "bad"}
    assert found["bad"].observations[Aspect.SOCKET].absence == "crashed"
    assert found["good"].observations[Aspect.STORE].value.intact


async def test_a_pipe_is_refused_soon_and_by_the_header_too(store: Path) -> None:
    a_pipe(store.with_name(f"{store.name}-wal"))
    started = time.monotonic()
    assert migration(store) is None
    assert not read_store(store, "testing").usable
    assert time.monotonic() - started < 5


def test_the_header_says_before_the_look_that_connecting_migrates_an_older_store(store: Path) -> None:
    def notices(*, connect: bool) -> list[str]:
        return configured("neonize", store=str(store), connect=connect).notices()

    assert notices(connect=True) == []
    make_older(store, 6)
    assert notices(connect=False) == []
    (said,) = notices(connect=True)
    assert said.startswith("its tables are of version 6: connecting migrates them to version 15")
