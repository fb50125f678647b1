"""Reading a store passively: what is found, and that no file is changed or left over."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from diagnostics.model import StoreFile
from diagnostics.neonize import snapshot
from diagnostics.neonize.store import read_content, read_store
from diagnostics.neonize.store_schema import NEWEST_SCHEMA
from tests.neonize.conftest import Paired


def everything_in(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of the last write of every file."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()}


def change(store: Path, *statements: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_linked_store_says_whose_it_is_and_how_many_prekeys_are_left(store: Path, linked: Paired) -> None:
    found = read_store(store, "testing")
    assert found.exists is True
    assert found.paired is True
    assert found.usable
    assert found.jid.startswith(f"{linked.account.phone}:")
    assert found.facts is not None
    assert found.facts.intact
    assert (found.facts.devices, found.facts.problem) == (1, "")
    assert found.facts.prekeys == found.facts.prekeys_total != 0
    assert f"version {NEWEST_SCHEMA}" in found.detail


def test_prekeys_that_were_never_uploaded_do_not_count(store: Path) -> None:
    before = read_store(store, "testing").facts
    change(store, "UPDATE whatsmeow_pre_keys SET uploaded = false WHERE key_id > 43")
    after = read_store(store, "testing").facts
    assert before is not None
    assert after is not None
    assert after.prekeys == (before.prekeys or 0) - 7
    assert after.prekeys_total == before.prekeys_total


def test_a_store_without_a_device_is_not_paired(store: Path) -> None:
    change(store, "DELETE FROM whatsmeow_device")
    found = read_store(store, "testing")
    assert (found.exists, found.paired, found.usable) == (True, False, True)
    assert found.detail == "the store holds no paired device"


def test_an_empty_file_is_a_store_that_no_client_has_used(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.touch()
    found = read_store(path, "testing")
    assert (found.exists, found.paired, found.usable) == (True, False, True)
    assert found.facts is not None
    assert found.facts.intact


def test_a_missing_file_is_a_session_that_does_not_exist(tmp_path: Path) -> None:
    found = read_store(tmp_path / "nowhere" / "store", "testing")
    assert (found.exists, found.usable) == (False, False)
    assert found.facts is not None
    assert found.facts.file is StoreFile.MISSING
    assert found.detail == f"there is no file {tmp_path / 'nowhere' / 'store'}"
    assert not list(tmp_path.iterdir())


def test_a_directory_is_not_a_store(tmp_path: Path) -> None:
    found = read_store(tmp_path, "testing")
    assert (found.exists, found.usable) == (False, False)
    assert "is a directory" in found.detail


def test_a_pipe_is_not_a_store_and_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = read_store(tmp_path / "pipe", "testing")
    assert (found.exists, found.usable) == (False, False)


@contextmanager
def without_privileges() -> Iterator[None]:
    """As a user other than root, who ignores permissions."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_without_permission_it_is_unknown_whether_the_store_exists(what: str) -> None:
    # Not below tmp_path, whose parents other users may not enter.
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        path = directory / "closed" / "store"
        path.parent.mkdir()
        path.write_bytes(b"x")
        closed = path if what == "file" else path.parent
        closed.chmod(0)
        with without_privileges():
            found = read_store(path, "testing")
        closed.chmod(0o700)
    assert (found.exists, found.usable) == (None, False)
    assert found.detail == f"{path} cannot be read: Permission denied"


def test_a_file_that_is_not_sqlite_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("name = 'testing'\n")
    found = read_store(path, "testing")
    assert (found.exists, found.usable, found.paired) == (False, False, None)
    assert found.facts is not None
    assert (found.facts.intact, found.facts.file) == (False, StoreFile.FOREIGN)
    assert found.facts.problem == f"{path} is not a SQLite file"


def test_a_database_of_another_program_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "store"
    change(path, "CREATE TABLE songs (title TEXT)")
    found = read_store(path, "testing")
    assert found.facts is not None
    assert not found.facts.intact
    assert "not a session store" in found.facts.problem
    assert found.facts.file is StoreFile.FOREIGN
    assert not found.usable


def test_a_damaged_page_is_a_finding_and_the_device_is_still_read(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'whatsmeow_lid_map'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with store.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    found = read_store(store, "testing")
    assert found.facts is not None
    assert not found.facts.intact
    assert "integrity check" in found.facts.problem
    assert found.paired is True
    assert not found.usable


@pytest.mark.parametrize("length", [20, 100, 5000])
def test_a_truncated_store_is_a_finding(store: Path, length: int) -> None:
    os.truncate(store, length)
    found = read_store(store, "testing")
    assert found.facts is not None
    assert not found.facts.intact
    assert not found.usable


def test_a_newer_schema_is_reported_and_read_as_far_as_possible(store: Path) -> None:
    change(store, f"UPDATE whatsmeow_version SET version = {NEWEST_SCHEMA + 1}")  # noqa: S608 - a number of ours
    found = read_store(store, "testing")
    assert found.paired is True
    assert "newer than known here" in found.detail


def test_tables_with_unknown_columns_are_a_finding(store: Path) -> None:
    change(store, "ALTER TABLE whatsmeow_pre_keys RENAME COLUMN uploaded TO sent")
    found = read_store(store, "testing")
    assert found.facts is not None
    assert not found.facts.intact
    assert "no such column" in found.facts.problem


def add_device(store: Path, jid: str, lid: str) -> None:
    """Another device in the same store: a copy of the first under another name."""
    with closing(sqlite3.connect(store)) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(whatsmeow_device)")][2:]
        others = ", ".join(columns)
        connection.execute(
            f"INSERT INTO whatsmeow_device (jid, lid, {others}) SELECT ?, ?, {others} FROM whatsmeow_device LIMIT 1",  # noqa: S608
            (jid, lid),
        )
        connection.commit()


def test_of_several_devices_the_one_with_the_sessions_number_is_read(store: Path, linked: Paired) -> None:
    add_device(store, "62811:4@s.whatsapp.net", "777:4@lid")
    assert read_store(store, "62811").jid == "62811:4@s.whatsapp.net"
    assert read_store(store, linked.account.phone).jid.startswith(linked.account.phone)


@pytest.mark.parametrize("jid", ["62811:4@s.whatsapp.net", "62811@s.whatsapp.net", "777@lid", "777:4@lid"])
def test_a_configured_jid_selects_the_device_with_or_without_a_device_number(store: Path, jid: str) -> None:
    add_device(store, "62811:4@s.whatsapp.net", "777:4@lid")
    found = read_store(store, "testing", jid)
    assert (found.exists, found.jid) == (True, "62811:4@s.whatsapp.net")


def test_without_a_matching_name_or_jid_no_device_is_chosen(store: Path) -> None:
    add_device(store, "62811:4@s.whatsapp.net", "777:4@lid")
    by_name = read_store(store, "testing")
    assert (by_name.exists, by_name.jid, by_name.usable) == (False, "", False)
    assert by_name.detail == "of the store's 2 devices none fit the name 'testing': configure the exact JID"
    assert read_store(store, "testing", "62899@s.whatsapp.net").exists is False
    add_device(store, "62811:5@s.whatsapp.net", "777:5@lid")
    assert "2 fit the configured JID" in read_store(store, "testing", "62811@s.whatsapp.net").detail


def test_a_store_that_was_read_once_answers_for_each_of_its_sessions_as_if_it_were_read_for_it(store: Path) -> None:
    add_device(store, "62811:4@s.whatsapp.net", "777:4@lid")
    add_device(store, "62811:5@s.whatsapp.net", "777:5@lid")
    content = read_content(store)
    for session, jid in (("62811", None), ("testing", None), ("a", "777:5@lid"), ("a", "62899@s.whatsapp.net")):
        assert content.of(session, jid) == read_store(store, session, jid)
    assert content.numbers()[-1] == "62811"
    assert len(content.numbers()) == 2


def test_a_configured_jid_that_is_not_there_is_not_replaced_by_the_only_device(store: Path) -> None:
    found = read_store(store, "testing", "62899@s.whatsapp.net")
    assert (found.exists, found.jid) == (False, "")


def left_as_neonize_leaves_it(_: Path) -> None:
    pass


def in_wal_mode_and_closed(store: Path) -> None:
    change(store, "PRAGMA journal_mode = WAL")


def with_a_log_left_by_a_crash(store: Path) -> None:
    crash(store, "PRAGMA journal_mode = WAL", "DELETE FROM whatsmeow_pre_keys WHERE key_id > 41", commit=True)
    store.with_name(f"{store.name}-shm").unlink()


def with_a_transaction_left_half_done(store: Path) -> None:
    """A hot journal: pages of the database are overwritten, and the journal holds what they were."""
    crash(store, "PRAGMA cache_size = 1", "DELETE FROM whatsmeow_pre_keys", commit=False)
    assert store.with_name(f"{store.name}-journal").stat().st_size > 0


def crash(store: Path, *statements: str, commit: bool) -> None:
    """Run the statements in a process that ends without closing the database."""
    script = (
        "import sqlite3, sys, os\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for statement in sys.argv[3:]: connection.execute(statement)\n"
        "if sys.argv[2] == 'commit': connection.execute('COMMIT')\n"
        "os._exit(0)\n"
    )
    first, *rest = statements
    command = [sys.executable, "-c", script, str(store), "commit" if commit else "leave", first, "BEGIN", *rest]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    "prepare",
    [
        left_as_neonize_leaves_it,
        in_wal_mode_and_closed,
        with_a_log_left_by_a_crash,
        with_a_transaction_left_half_done,
    ],
)
def test_reading_changes_nothing(store: Path, prepare: Callable[[Path], None]) -> None:
    prepare(store)
    before = everything_in(store.parent)
    found = read_store(store, "testing")
    assert found.paired is True
    assert found.facts is not None
    assert found.facts.intact
    assert everything_in(store.parent) == before


def test_changes_that_are_only_in_the_log_are_read(store: Path) -> None:
    before = read_store(store, "testing").facts
    with_a_log_left_by_a_crash(store)
    after = read_store(store, "testing").facts
    assert before is not None
    assert after is not None
    assert after.prekeys_total == (before.prekeys_total or 0) - 9


def test_changes_of_an_unfinished_transaction_are_not_read(store: Path) -> None:
    before = read_store(store, "testing").facts
    with_a_transaction_left_half_done(store)
    assert read_store(store, "testing").facts == before


READINGS = 40  # while the bot writes
WRITER = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)  # the first lock in its way ends it
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
print("writing", flush=True)
key = 10_000
while not select.select([sys.stdin], [], [], 0.004)[0]:  # until it is closed
    connection.execute("BEGIN IMMEDIATE")
    for half in (0, 1):  # always two at once, so that an odd number is half a transaction
        connection.execute(
            "INSERT INTO whatsmeow_pre_keys SELECT jid, ?, zeroblob(32), true FROM whatsmeow_device", (key + half,))
    connection.execute("COMMIT")
    if key % 40 == 0 and sys.argv[2] == "WAL":
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    key += 2
print(key - 10_000, flush=True)
"""


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_reading_and_a_writing_bot_do_not_block_each_other(store: Path, mode: str) -> None:
    start = read_store(store, "testing").facts
    assert start is not None
    assert start.prekeys_total is not None
    seen: list[int] = []
    beside = {store.name, *(f"{store.name}-{side}" for side in ("wal", "shm", "journal"))}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        while writer.poll() is None and len(seen) < READINGS:
            found = read_store(store, "testing")
            assert {path.name for path in store.parent.iterdir()} <= beside
            if found.facts is not None:
                assert found.facts.intact, found.facts
                assert found.facts.prekeys_total is not None
                seen.append(found.facts.prekeys_total - start.prekeys_total)
        written, complaint = writer.communicate()
    assert complaint == ""
    assert len(seen) == READINGS
    assert all(number % 2 == 0 for number in seen)
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= int(written)


def make_large(store: Path) -> None:
    """Some 12 MB, which take SQLite some 0.1 s to check."""
    change(
        store,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) INSERT INTO whatsmeow_lid_map "
        "SELECT i || 'padding-padding-padding', i || 'padding-padding-padding' FROM n",
    )


def test_a_store_that_keeps_changing_is_unknown_and_not_damaged(
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt, times = snapshot._attempt, count()

    def disturbed(*arguments: Any) -> Any:
        os.utime(store, ns=(0, next(times)))  # as a bot does that writes meanwhile
        return attempt(*arguments)

    monkeypatch.setattr(snapshot, "_attempt", disturbed)
    monkeypatch.setattr(snapshot, "PAUSE", 0.0)
    found = read_store(store, "testing")
    assert (found.exists, found.facts, found.usable) == (True, None, False)
    assert "kept changing" in found.detail


def test_a_store_too_large_to_check_in_time_is_unknown_and_not_damaged(store: Path) -> None:
    make_large(store)
    started = time.monotonic()
    found = read_store(store, "testing", deadline=0.005)
    assert time.monotonic() - started < 1
    assert (found.exists, found.facts, found.paired) == (True, None, True)
    assert "in time" in found.detail
