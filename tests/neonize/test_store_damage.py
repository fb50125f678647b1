"""A store that opens as a database and cannot log in all the same: what is missing or empty is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from diagnostics.evidence.recorder import utc_now
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Aspect, Diagnosis, Mode, Outcome, Verdict
from diagnostics.neonize.observe import observe_store
from diagnostics.neonize.store import read_store
from diagnostics.neonize.store_schema import NEWEST_SCHEMA
from tests.neonize.stores import change, make_older

KEY_TABLES = (
    "identity_keys",
    "pre_keys",
    "sessions",
    "sender_keys",
    "app_state_sync_keys",
    "app_state_version",
    "app_state_mutation_macs",
    "lid_map",
    "version",
    "device",
)
KEYS = ("noise_key", "identity_key", "signed_pre_key", "signed_pre_key_sig", "adv_account_sig", "adv_device_sig")


async def diagnosed(store: Path, session: str = "testing", mode: Mode = Mode.PERMISSIVE) -> Diagnosis:
    """What `-m store` says of the store."""
    request = Request(session, frozenset({Aspect.EXISTS, Aspect.STORE}), 10.0, None)
    evidence = await observe_store(request, store)
    return judge(evidence, mode=mode, now=utc_now(), checks=["session.exists", "store.intact"])


@pytest.mark.parametrize("table", KEY_TABLES)
async def test_a_store_without_one_of_its_key_tables_is_damaged_and_the_table_is_named(store: Path, table: str) -> None:
    change(store, "PRAGMA foreign_keys = OFF", f"DROP TABLE whatsmeow_{table}")
    root = (await diagnosed(store)).root
    assert root is not None
    assert root.cause == "store-damaged"
    assert f"whatsmeow_{table} is missing" in root.claim
    assert not read_store(store, "testing").usable


def make_nullable(store: Path) -> None:
    """Let whatsmeow_device take anything, as a table that was made by hand does."""
    with closing(sqlite3.connect(store)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(whatsmeow_device)")]
        connection.execute(f"CREATE TABLE loose ({', '.join(columns)})")
        connection.execute("INSERT INTO loose SELECT * FROM whatsmeow_device")
        connection.execute("DROP TABLE whatsmeow_device")
        connection.execute("ALTER TABLE loose RENAME TO whatsmeow_device")
        connection.commit()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ZEROBLOB(LENGTH({key}))", "{key} is all zeros"),
        ("SUBSTR({key}, 1, 5)", "{key} has 5 bytes instead of"),
        ("NULL", ""),
        ("X''", ""),
    ],
)
async def test_a_key_that_is_no_key_is_damage_and_the_key_is_named(
    store: Path, key: str, value: str, said: str
) -> None:
    make_nullable(store)
    change(store, f"UPDATE whatsmeow_device SET {key} = {value.format(key=key)}")  # noqa: S608 - names of ours
    root = (await diagnosed(store)).root
    assert root is not None
    assert root.cause == "store-damaged"
    empty = "it has no signed prekey" if key == "signed_pre_key" else f"{key} is empty"
    assert (said.format(key=key) or empty) in root.claim


async def test_a_device_without_a_signed_prekey_is_damaged(store: Path) -> None:
    make_nullable(store)
    change(
        store, "UPDATE whatsmeow_device SET signed_pre_key = NULL, signed_pre_key_id = NULL, signed_pre_key_sig = ''"
    )
    root = (await diagnosed(store)).root
    assert root is not None
    assert "its device cannot log in: it has no signed prekey" in root.claim


async def test_prekeys_of_a_wrong_length_are_damage(store: Path) -> None:
    change(store, "UPDATE whatsmeow_pre_keys SET key = X'00' WHERE key_id < 4")
    root = (await diagnosed(store)).root
    assert root is not None
    assert "3 of its prekeys are no keys of 32 bytes" in root.claim or "integrity check" in root.claim


async def test_no_key_is_in_what_is_said_of_a_damaged_one(store: Path) -> None:
    make_nullable(store)
    change(store, "UPDATE whatsmeow_device SET noise_key = 'a secret in plain text'")
    assert "plain text" not in repr(await diagnosed(store))


async def test_only_the_session_of_the_damaged_device_is_damaged(store: Path) -> None:
    make_nullable(store)
    change(
        store,
        "CREATE TEMP TABLE other AS SELECT * FROM whatsmeow_device",
        "UPDATE other SET jid = '62811222333:4@s.whatsapp.net', lid = '777:4@lid', noise_key = ZEROBLOB(32)",
        "INSERT INTO whatsmeow_device SELECT * FROM other",
    )
    (sound,) = [jid for jid in jids(store) if not jid.startswith("62811222333:")]
    assert read_store(store, "a", sound).usable
    damaged = read_store(store, "62811222333")
    assert not damaged.usable
    assert damaged.facts is not None
    assert "noise_key is all zeros" in damaged.facts.problem


def jids(store: Path) -> list[str]:
    with closing(sqlite3.connect(store)) as connection:
        return [jid for (jid,) in connection.execute("SELECT jid FROM whatsmeow_device")]


@pytest.mark.parametrize("value", ["NULL", "'fifteen'", "X'0F'", "0", "1.5"])
async def test_a_version_that_is_no_number_is_damage(store: Path, value: str) -> None:
    change(store, f"UPDATE whatsmeow_version SET version = {value}")  # noqa: S608 - values of ours
    root = (await diagnosed(store)).root
    assert root is not None
    assert (root.cause, "holds no version" in root.claim) == ("store-damaged", True)


async def test_a_version_table_without_a_row_is_damage(store: Path) -> None:
    change(store, "DELETE FROM whatsmeow_version")
    root = (await diagnosed(store)).root
    assert root is not None
    assert root.cause == "store-damaged"


@pytest.mark.parametrize("version", range(6, NEWEST_SCHEMA))
async def test_a_store_of_an_older_version_is_sound_and_said_to_be_older(store: Path, version: int) -> None:
    before = read_store(store, "testing")
    make_older(store, version)
    found = read_store(store, "testing")
    assert (found.usable, found.paired, found.jid) == (True, True, before.jid)
    assert found.facts is not None
    assert (found.facts.intact, found.facts.schema, found.facts.migrates_to) == (True, version, NEWEST_SCHEMA)
    assert f"tables of version {version}, which the next connect migrates to version {NEWEST_SCHEMA}" in found.detail


@pytest.mark.parametrize("mode", Mode)
async def test_an_older_store_is_a_warning_and_nothing_is_removed(store: Path, mode: Mode) -> None:
    make_older(store, 6)
    diagnosis = await diagnosed(store, mode=mode)
    root = diagnosis.root
    assert root is not None
    assert (root.cause, diagnosis.verdict) == ("store-older", Verdict.UNKNOWN)  # nothing was connected
    intact = diagnosis.result("store.intact")
    assert intact is not None
    assert intact.outcome is Outcome.WARN
    remedy = " ".join(map(str, root.remedy))
    assert "nothing is to be repaired or removed" in remedy
    assert "keep a copy" in remedy


async def test_an_older_store_without_a_table_of_its_own_version_is_damaged(store: Path) -> None:
    make_older(store, 6)
    change(store, "DROP TABLE whatsmeow_privacy_tokens")
    root = (await diagnosed(store)).root
    assert root is not None
    assert root.cause == "store-damaged"
    assert "whatsmeow_privacy_tokens is missing (tables of version 6)" in root.claim


async def test_a_column_of_its_own_version_that_is_missing_is_damage(store: Path) -> None:
    change(store, "ALTER TABLE whatsmeow_device DROP COLUMN lid")
    root = (await diagnosed(store)).root
    assert root is not None
    assert "lid is missing from the table whatsmeow_device" in root.claim


async def test_the_tables_of_a_store_that_is_too_new_to_be_understood_are_not_judged(store: Path) -> None:
    newer = NEWEST_SCHEMA + 5
    change(store, f"UPDATE whatsmeow_version SET version = {newer}, compat = {newer}")  # noqa: S608
    change(store, "DROP TABLE whatsmeow_chat_settings")
    assert read_store(store, "testing").usable
    change(store, f"UPDATE whatsmeow_version SET compat = {NEWEST_SCHEMA}")  # noqa: S608 - a number of ours
    assert not read_store(store, "testing").usable
