"""What a session's store says about itself, without connecting and without changing a byte of it.

Theory of operation. A store may hold hundreds of sessions, and reading it costs a pass through the whole file. So there
are two steps: `read_content` reads and checks the file once, and `Content.of` picks one session's device out of that,
by an index, without touching the file again. `read_store` is both for a single session.

The tables are whatsmeow's (store/sqlstore/upgrades): one row of `whatsmeow_device` for each paired device, deleted when
the device is logged out; `whatsmeow_pre_keys` with the one-time prekeys that nobody has used yet. Which tables and keys
must be there, `store_schema` knows. What is wrong with one device is said of that device's session only.

Whatever lies at the path, and whatever bytes are in it, is a reading that says so: nothing here raises for a bad store.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from diagnostics.descriptors import none_left, shortage
from diagnostics.errors import TargetProblem
from diagnostics.model import Absence, StoreFacts, StoreFile
from diagnostics.neonize import snapshot, store_schema
from diagnostics.neonize.snapshot import shown
from diagnostics.neonize.store_schema import NEWEST_SCHEMA

_MAGIC = b"SQLite format 3\0"
_LONGEST_JID = 200  # characters that are kept of one
_TOO_SLOW = "the store could not be read and checked in time"


@dataclass(frozen=True, slots=True)
class StoreReading:
    """One passive look at a store, for one session.

    Attributes:
        path: the store.
        exists: the file is there and holds the session; None where that could not be seen.
        detail: what was found, in words; for `exists` False or None why.
        facts: None where the file could not be read, or not in time; `intact` means usable in every way, so a sound
            SQLite file that is not a session store is not intact.
        jid: exact JID of the session's device, "" where it has none.
        paired: the session's device is in the store; None where that could not be seen.
        usable: a client may be given this store: it is one, not seen to be damaged, and holds this session or no
            device at all.
        absence: where `exists` is None: UNREACHABLE, or CRASHED if the probe itself is at fault.
    """

    path: Path
    exists: bool | None
    detail: str
    facts: StoreFacts | None = None
    jid: str = ""
    paired: bool | None = None
    usable: bool = False
    absence: Absence = Absence.UNREACHABLE


@dataclass(frozen=True, slots=True)
class _Device:
    """One paired device: its JID and LID with the device's number in them, its prekeys, and what is wrong with it."""

    jid: str
    lid: str
    prekeys: int
    prekeys_total: int
    problem: str = ""

    @property
    def names(self) -> set[str]:
        """What it answers to: its number, its account ("number@server") and itself ("number:device@server")."""
        jids = [jid for jid in (self.jid, self.lid) if jid]
        accounts = [_account(jid) for jid in jids]
        return {*jids, *accounts, *(account.partition("@")[0] for account in accounts)}


def _account(jid: str) -> str:
    """ "49151…@s.whatsapp.net" of "49151…:3@s.whatsapp.net"."""
    user, _, server = jid.partition("@")
    return f"{user.partition(':')[0].partition('.')[0]}@{server}"


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the database says; None for what it could not say, and `problem` for why."""

    problem: str = ""
    foreign: bool = False
    timed_out: bool = False
    schema: int | None = None
    devices: tuple[_Device, ...] | None = None

    @property
    def age(self) -> str:
        """How old the tables are, as the tail of a sentence; "" for the version that is known here."""
        if self.schema is None or self.schema == NEWEST_SCHEMA:
            return ""
        if self.schema > NEWEST_SCHEMA:
            return ", newer than known here"
        return f", which the next connect migrates to version {NEWEST_SCHEMA}"


class Content:
    """A store as it was read once. `of` and `numbers` say what it holds; neither touches the file.

    Attributes:
        path: the store.
        took: seconds that reading it took.
    """

    def __init__(self, path: Path, found: StoreReading | _Tables, took: float) -> None:
        self.path = path
        self.took = took
        self._found = found
        devices = found.devices if isinstance(found, _Tables) and found.devices else ()
        self._by_name: dict[str, list[_Device]] = {}
        for device in devices:
            for name in device.names:
                self._by_name.setdefault(name, []).append(device)

    def of(self, session: str, jid: str | None = None) -> StoreReading:
        """The store with regard to one session.

        The device is the one that `jid` names (with or without the device's number), else the one whose number is the
        session's name, else the only one.
        """
        found = self._found
        if isinstance(found, StoreReading):
            return found
        older = found.schema is not None and found.schema < NEWEST_SCHEMA
        facts = StoreFacts(
            intact=not found.problem,
            problem=found.problem,
            devices=None if found.devices is None else len(found.devices),
            file=StoreFile.FOREIGN if found.foreign else StoreFile.STORE,
            schema=found.schema,
            migrates_to=NEWEST_SCHEMA if older else None,
        )
        if found.devices is None:
            detail = _TOO_SLOW if found.timed_out else f"{shown(self.path)}: {found.problem}"
            seen = None if found.timed_out else facts
            return StoreReading(self.path, exists=not found.foreign, detail=detail, facts=seen)
        device, why_not = self._pick(found.devices, session, jid)
        if device is not None:
            problem = found.problem or device.problem
            facts = replace(facts, prekeys=device.prekeys, prekeys_total=device.prekeys_total)
            facts = replace(facts, intact=not problem, problem=problem)
            detail = f"a paired device, {device.prekeys} prekeys left, tables of version {found.schema}{found.age}"
        else:
            detail = why_not
        reading = StoreReading(
            self.path,
            exists=device is not None or not found.devices,
            detail=detail,
            facts=facts,
            jid=device.jid if device else "",
            paired=device is not None,
            usable=facts.intact and (device is not None or not found.devices),
        )
        return replace(reading, facts=None, detail=_TOO_SLOW) if found.timed_out else reading

    def numbers(self) -> tuple[str, ...]:
        """The accounts that have a device in the store, by number: each is a name that `of` finds it by.

        Raises:
            TargetProblem: the store cannot be read.
        """
        if isinstance(self._found, StoreReading) and self._found.exists and self._found.usable:
            return ()  # an empty file
        devices = self._found.devices if isinstance(self._found, _Tables) else None
        if devices is None:
            raise TargetProblem(self.of("").detail)
        named = tuple(dict.fromkeys(_account(device.jid).partition("@")[0] for device in devices))
        numbers = tuple(number for number in named if number.isascii() and number.isdecimal())
        if devices and not numbers:
            raise TargetProblem(f"{shown(self.path)}: no device in it has an account's JID")
        return numbers

    def _pick(self, devices: tuple[_Device, ...], session: str, jid: str | None) -> tuple[_Device | None, str]:
        fitting = self._by_name.get(jid or session, [])
        named = jid or (session.isdecimal() and len(session) >= 8) or "@" in session  # an account, not just a word
        candidates = fitting or ([] if named else devices)
        if len(candidates) == 1:
            return candidates[0], ""
        if not devices:
            return None, "the store holds no paired device"
        wanted = "the configured JID" if jid else f"the name {session!r}"
        return None, (
            f"of the store's {len(devices)} devices {len(fitting) or 'none'} fit {wanted}: configure the exact JID"
        )


def read_store(path: Path, session: str, jid: str | None = None, deadline: float = 2.0) -> StoreReading:
    """Look at the store at `path` for the device of `session`; see `read_content` and `Content.of`."""
    return read_content(path, deadline).of(session, jid)


def read_content(path: Path, deadline: float = 2.0) -> Content:
    """Read and check the whole store at `path`.

    Blocks for `deadline` seconds at most (and a little); never raises for what is wrong with the store.
    """
    started = time.monotonic()
    found = _found(path, started + deadline, deadline)
    return Content(path, found, time.monotonic() - started)


def _found(path: Path, until: float, deadline: float) -> StoreReading | _Tables:
    """What the tables say, or a reading that holds for every session."""
    try:
        if kind := snapshot.kind_of(path.stat().st_mode):
            return _no_store(path, f"{shown(path)} is {kind}, not a session store", StoreFile.FOREIGN)
        with snapshot.open_regular(path) as file:
            head = file.read(len(_MAGIC))
        if not head:
            snapshot.refuse_odd_side_files(path)
            detail = "the file is empty: no client has used it yet"
            facts = StoreFacts(intact=True, devices=0)
            return StoreReading(path, exists=True, detail=detail, facts=facts, paired=False, usable=True)
        if head != _MAGIC:
            return _no_store(path, f"{shown(path)} is not a SQLite file", StoreFile.FOREIGN)
        return snapshot.read(path, _tables, until)
    except (FileNotFoundError, NotADirectoryError):
        return _no_store(path, f"there is no file {shown(path)}", StoreFile.MISSING)
    except snapshot.OddFile as odd:
        return _Tables(f"{odd}, so no client can open this store")
    except snapshot.Restless:
        detail = f"{shown(path)} kept changing while it was read ({snapshot.ATTEMPTS} attempts)"
        return StoreReading(path, exists=True, detail=detail)
    except snapshot.TooSlow:
        return StoreReading(path, exists=True, detail=f"{shown(path)} could not be copied within {deadline:.1f} s")
    except Exception as error:  # noqa: BLE001 - a path or a file that nobody thought of is this session's finding only
        if ours := shortage(error) or none_left():
            return StoreReading(path, None, f"{shown(path)} was not read: {ours}", absence=Absence.CRASHED)
        return StoreReading(path, exists=None, detail=_unreadable(path, error))


def _unreadable(path: Path, error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"{shown(path)} cannot be read: {type(error).__name__}: {error}"
    culprit = path if error.filename is None else Path(os.fsdecode(error.filename))
    return f"{shown(culprit)} cannot be read: {error.strerror}"


def _no_store(path: Path, detail: str, file: StoreFile) -> StoreReading:
    return StoreReading(path, exists=False, detail=detail, facts=StoreFacts(intact=False, problem=detail, file=file))


def migration(path: Path, deadline: float = 1.0) -> tuple[int, int] | None:
    """The version of the store's tables and the one that a connecting client migrates them to.

    Blocks for `deadline` seconds at most (and a little).

    Returns:
        None if the tables are not older, or nothing can be said about them.
    """
    try:
        with snapshot.open_regular(path) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
        schema, _ = snapshot.read(path, store_schema.version, time.monotonic() + deadline)
    except Exception:  # noqa: BLE001 - what is wrong with the store is a finding, when it is looked at
        return None
    return (schema, NEWEST_SCHEMA) if schema < NEWEST_SCHEMA else None


def _tables(connection: sqlite3.Connection) -> _Tables:
    connection.text_factory = lambda data: data.decode("utf-8", "replace")  # nobody promises that a text is one
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "whatsmeow_device" not in tables:
            if any(name.startswith("whatsmeow_") for name in tables):
                return _Tables("the table whatsmeow_device is missing")
            return _Tables("it is a SQLite file, but not a session store (no table whatsmeow_device)", foreign=True)
        schema, compat = store_schema.version(connection)
        columns = {row[1] for row in connection.execute("PRAGMA table_info(whatsmeow_device)")}
        lost = store_schema.missing(store_schema.understood(schema, compat), tables, columns)
        if lost:
            return _Tables(f"{lost} (tables of version {schema})", schema=schema)
        found = _Tables(schema=schema, devices=tuple(_devices(connection, columns)))
    except ValueError as error:
        return _Tables(str(error))
    except (sqlite3.Error, TypeError) as error:
        return _Tables(f"its tables cannot be read: {error}", timed_out=_late(error))
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if _late(error):
            return replace(found, timed_out=True)
        return replace(found, problem=f"its integrity check failed: {error}")
    if verdict != "ok":
        return replace(found, problem=f"its integrity check says: {verdict}")
    return found


def _devices(connection: sqlite3.Connection, columns: Collection[str]) -> Iterator[_Device]:
    """Every paired device. Only lengths of keys are read, never a key."""
    lid = "device.lid" if "lid" in columns else "''"
    rows = connection.execute(
        f"""
        SELECT CAST(device.jid AS TEXT), CAST(COALESCE({lid}, '') AS TEXT),
               CAST(TOTAL(keys.uploaded) AS INTEGER), COUNT(keys.key_id),
               {", ".join(store_schema.device_expressions(columns))}
        FROM whatsmeow_device AS device LEFT JOIN whatsmeow_pre_keys AS keys ON keys.jid = device.jid
        WHERE device.jid IS NOT NULL GROUP BY device.jid ORDER BY device.jid
        """  # noqa: S608 - names of our own
    )
    for jid, lid, prekeys, total, *values in rows:
        problem = store_schema.device_problem(jid, values)
        yield _Device(jid[:_LONGEST_JID], lid[:_LONGEST_JID], prekeys, total, problem)


def _late(error: Exception) -> bool:
    return str(error) == "interrupted"
