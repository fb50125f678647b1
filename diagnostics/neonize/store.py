"""What a session's store says about itself, without connecting and without changing a byte of it.

Theory of operation. A store may hold hundreds of sessions, and reading it costs a pass through the whole file. So there
are two steps: `read_content` reads and checks the file once, and `Content.of` picks one session's device out of that,
by an index, without touching the file again. `read_store` is both for a single session.

The tables are whatsmeow's (store/sqlstore/upgrades): one row of `whatsmeow_device` for each paired device, deleted when
the device is logged out; `whatsmeow_pre_keys` with the one-time prekeys that nobody has used yet.
"""

from __future__ import annotations

import sqlite3
import stat
import time
from dataclasses import dataclass, replace
from pathlib import Path

from diagnostics.errors import TargetProblem
from diagnostics.model import StoreFacts, StoreFile
from diagnostics.neonize import snapshot

NEWEST_SCHEMA = 15  # the newest version of whatsmeow's tables that this module was tried with
_MAGIC = b"SQLite format 3\0"
_DEVICES = """
    SELECT CAST(device.jid AS TEXT), CAST(COALESCE(device.lid, '') AS TEXT),
           CAST(TOTAL(keys.uploaded) AS INTEGER), COUNT(keys.key_id)
    FROM whatsmeow_device AS device LEFT JOIN whatsmeow_pre_keys AS keys ON keys.jid = device.jid
    WHERE device.jid IS NOT NULL GROUP BY device.jid ORDER BY device.jid
"""
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
    """

    path: Path
    exists: bool | None
    detail: str
    facts: StoreFacts | None = None
    jid: str = ""
    paired: bool | None = None
    usable: bool = False


@dataclass(frozen=True, slots=True)
class _Device:
    """One paired device: its JID and LID with the device's number in them, and its prekeys."""

    jid: str
    lid: str
    prekeys: int
    prekeys_total: int

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
        facts = StoreFacts(
            intact=not found.problem,
            problem=found.problem,
            devices=None if found.devices is None else len(found.devices),
            file=StoreFile.FOREIGN if found.foreign else StoreFile.STORE,
        )
        if found.devices is None:
            detail = _TOO_SLOW if found.timed_out else f"{self.path}: {found.problem}"
            seen = None if found.timed_out else facts
            return StoreReading(self.path, exists=not found.foreign, detail=detail, facts=seen)
        device, why_not = self._pick(found.devices, session, jid)
        if device is not None:
            facts = replace(facts, prekeys=device.prekeys, prekeys_total=device.prekeys_total)
            newer = "" if found.schema is None or found.schema <= NEWEST_SCHEMA else ", newer than known here"
            detail = f"a paired device, {device.prekeys} prekeys left, tables of version {found.schema}{newer}"
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
        return tuple(dict.fromkeys(_account(device.jid).partition("@")[0] for device in devices))

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
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            return _no_store(path, f"{path} is {kind}, not a session store", StoreFile.FOREIGN)
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except (FileNotFoundError, NotADirectoryError):
        return _no_store(path, f"there is no file {path}", StoreFile.MISSING)
    except OSError as error:
        return StoreReading(path, exists=None, detail=f"{path} cannot be read: {error.strerror}")
    if not head:
        detail = "the file is empty: no client has used it yet"
        facts = StoreFacts(intact=True, devices=0)
        return StoreReading(path, exists=True, detail=detail, facts=facts, paired=False, usable=True)
    if head != _MAGIC:
        return _no_store(path, f"{path} is not a SQLite file", StoreFile.FOREIGN)
    try:
        return snapshot.read(path, _tables, until)
    except snapshot.Restless:
        detail = f"{path} kept changing while it was read ({snapshot.ATTEMPTS} attempts)"
        return StoreReading(path, exists=True, detail=detail)
    except snapshot.TooSlow:
        return StoreReading(path, exists=True, detail=f"{path} could not be copied within {deadline:.1f} s")
    except OSError as error:
        return StoreReading(path, exists=None, detail=f"{path} cannot be read: {error.strerror}")


def _no_store(path: Path, detail: str, file: StoreFile) -> StoreReading:
    return StoreReading(path, exists=False, detail=detail, facts=StoreFacts(intact=False, problem=detail, file=file))


def _tables(connection: sqlite3.Connection) -> _Tables:
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "whatsmeow_device" not in tables:
            return _Tables("it is a SQLite file, but not a session store (no table whatsmeow_device)", foreign=True)
        (schema,) = connection.execute("SELECT version FROM whatsmeow_version").fetchone()
        found = _Tables(schema=schema, devices=tuple(_Device(*row) for row in connection.execute(_DEVICES)))
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


def _late(error: Exception) -> bool:
    return str(error) == "interrupted"
