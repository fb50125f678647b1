"""What a session's store says about itself, without connecting and without changing a byte of it.

The tables are whatsmeow's (store/sqlstore/upgrades): one row of `whatsmeow_device` for each paired device, deleted when
the device is logged out; `whatsmeow_pre_keys` with the one-time prekeys that nobody has used yet.
"""

from __future__ import annotations

import sqlite3
import stat
import time
from dataclasses import dataclass, replace
from pathlib import Path

from diagnostics.model import StoreFacts
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
        facts: None where there is no file, or it could not be read in time; `intact` means usable in every way, so a
            sound SQLite file that is no session store is not intact.
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

    def answers_to(self, name: str) -> bool:
        """Whether `name` is its number, its account ("number@server") or itself ("number:device@server")."""
        return any(name in (jid, _account(jid), _account(jid).partition("@")[0]) for jid in (self.jid, self.lid) if jid)


def _account(jid: str) -> str:
    """ "49151…@s.whatsapp.net" of "49151…:3@s.whatsapp.net"."""
    user, _, server = jid.partition("@")
    return f"{user.partition(':')[0].partition('.')[0]}@{server}"


@dataclass(frozen=True, slots=True)
class _Content:
    """What the database says; None for what it could not say, and `problem` for why."""

    problem: str = ""
    timed_out: bool = False
    schema: int | None = None
    devices: tuple[_Device, ...] | None = None


def read_store(path: Path, session: str, jid: str | None = None, deadline: float = 2.0) -> StoreReading:
    """Look at the store at `path` for the device of `session`.

    The device is the one that `jid` names (with or without the device's number), else the one whose number is the
    session's name, else the only one. Blocks for `deadline` seconds at most (and a little); never raises for what is
    wrong with the store.
    """
    until = time.monotonic() + deadline
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            return StoreReading(path, exists=False, detail=f"{path} is {kind}, not a store")
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except (FileNotFoundError, NotADirectoryError):
        return StoreReading(path, exists=False, detail=f"there is no file {path}")
    except OSError as error:
        return StoreReading(path, exists=None, detail=f"{path} cannot be read: {error.strerror}")
    if not head:
        detail = "the file is empty: no client has used it yet"
        facts = StoreFacts(intact=True, devices=0)
        return StoreReading(path, exists=True, detail=detail, facts=facts, paired=False, usable=True)
    if head != _MAGIC:
        facts = StoreFacts(intact=False, problem="it is no SQLite file")
        return StoreReading(path, exists=True, detail=f"{path} is no SQLite file", facts=facts)
    try:
        content = snapshot.read(path, _content, until)
    except snapshot.Restless:
        detail = f"{path} kept changing while it was read ({snapshot.ATTEMPTS} attempts)"
        return StoreReading(path, exists=True, detail=detail)
    except snapshot.TooSlow:
        return StoreReading(path, exists=True, detail=f"{path} could not be copied within {deadline:.1f} s")
    except OSError as error:
        return StoreReading(path, exists=None, detail=f"{path} cannot be read: {error.strerror}")
    return _judged(path, content, session, jid)


def _judged(path: Path, content: _Content, session: str, jid: str | None) -> StoreReading:
    facts = StoreFacts(
        intact=not content.problem,
        problem=content.problem,
        devices=None if content.devices is None else len(content.devices),
    )
    if content.devices is None:
        detail = _TOO_SLOW if content.timed_out else f"{path}: {content.problem}"
        return StoreReading(path, exists=True, detail=detail, facts=None if content.timed_out else facts)
    device, why_not = _pick(content.devices, session, jid)
    if device is not None:
        facts = replace(facts, prekeys=device.prekeys, prekeys_total=device.prekeys_total)
        newer = "" if content.schema is None or content.schema <= NEWEST_SCHEMA else ", newer than known here"
        detail = f"a paired device, {device.prekeys} prekeys left, tables of version {content.schema}{newer}"
    else:
        detail = why_not
    reading = StoreReading(
        path,
        exists=device is not None or not content.devices,
        detail=detail,
        facts=facts,
        jid=device.jid if device else "",
        paired=device is not None,
        usable=facts.intact and (device is not None or not content.devices),
    )
    if content.timed_out:
        return replace(reading, facts=None, detail=_TOO_SLOW)
    return reading


def _pick(devices: tuple[_Device, ...], session: str, jid: str | None) -> tuple[_Device | None, str]:
    fitting = [device for device in devices if device.answers_to(jid or session)]
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


def _content(connection: sqlite3.Connection) -> _Content:
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "whatsmeow_device" not in tables:
            return _Content("it is a SQLite file, but no store of whatsmeow (no table whatsmeow_device)")
        (schema,) = connection.execute("SELECT version FROM whatsmeow_version").fetchone()
        found = _Content(schema=schema, devices=tuple(_Device(*row) for row in connection.execute(_DEVICES)))
    except (sqlite3.Error, TypeError) as error:
        return _Content(f"its tables cannot be read: {error}", timed_out=_late(error))
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
