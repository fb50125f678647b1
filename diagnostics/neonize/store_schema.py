"""What whatsmeow's tables must look like, by the version of the tables that the store itself names.

Theory of operation. whatsmeow writes the version of its tables into `whatsmeow_version` and migrates older tables when
a client opens the store (store/sqlstore/upgrades in its sources). So a table or a column that a later version added may
be missing from an older store, which is sound; one that the named version must have, may not. A newer store says down
to which version older clients understand it (`compat`): if this module's version is among them, everything that is
known here must still be there.

A paired device is one row of `whatsmeow_device`. Its keys have fixed lengths, and none of them can be all zeros.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from typing import Any

NEWEST_SCHEMA = 15  # the newest version of whatsmeow's tables that this module was tried with
_FIRST = 1
# Table -> the version that added it.
_TABLES = {
    "whatsmeow_device": _FIRST,
    "whatsmeow_identity_keys": _FIRST,
    "whatsmeow_pre_keys": _FIRST,
    "whatsmeow_sessions": _FIRST,
    "whatsmeow_sender_keys": _FIRST,
    "whatsmeow_app_state_sync_keys": _FIRST,
    "whatsmeow_app_state_version": _FIRST,
    "whatsmeow_app_state_mutation_macs": _FIRST,
    "whatsmeow_contacts": _FIRST,
    "whatsmeow_chat_settings": _FIRST,
    "whatsmeow_message_secrets": 3,
    "whatsmeow_privacy_tokens": 4,
    "whatsmeow_lid_map": 8,
    "whatsmeow_event_buffer": 9,
    "whatsmeow_retry_buffer": 13,
    "whatsmeow_nct_salt": 14,
}
# Column of whatsmeow_device -> the version that added it.
_DEVICE_COLUMNS = {
    "jid": _FIRST,
    "registration_id": _FIRST,
    "noise_key": _FIRST,
    "identity_key": _FIRST,
    "signed_pre_key": _FIRST,
    "signed_pre_key_id": _FIRST,
    "signed_pre_key_sig": _FIRST,
    "adv_key": _FIRST,
    "adv_details": _FIRST,
    "adv_account_sig": _FIRST,
    "adv_device_sig": _FIRST,
    "adv_account_sig_key": 2,
    "facebook_uuid": 6,
    "lid": 7,
    "lid_migration_ts": 10,
    "companion_meta_nonce": 15,
}
# Column of whatsmeow_device -> length of the key in it, in bytes.
KEYS = {
    "noise_key": 32,
    "identity_key": 32,
    "signed_pre_key": 32,
    "signed_pre_key_sig": 64,
    "adv_account_sig": 64,
    "adv_account_sig_key": 32,
    "adv_device_sig": 64,
}
_NUMBERS = ("registration_id", "signed_pre_key_id")
_SIGNED_PREKEY = ("signed_pre_key", "signed_pre_key_id", "signed_pre_key_sig")
_PREKEY_LENGTH = 32
_JID = re.compile(r"[0-9]+(?:[._:][0-9]+)*@[a-z.]+")


def version(connection: sqlite3.Connection) -> tuple[int, int]:
    """The version of the tables, and the oldest version whose clients understand them.

    Raises:
        ValueError: the store does not say, in words.
        sqlite3.Error: it cannot be read.
    """
    found = [row[1] for row in connection.execute("PRAGMA table_info(whatsmeow_version)")]
    if "version" not in found:
        raise ValueError("the table whatsmeow_version is missing, so its tables cannot be understood")
    compat = "compat" if "compat" in found else "version"
    row = connection.execute(f"SELECT version, {compat} FROM whatsmeow_version").fetchone()  # noqa: S608 - one of two
    if row is None or not isinstance(row[0], int) or row[0] < _FIRST:
        raise ValueError("the table whatsmeow_version holds no version, so its tables cannot be understood")
    return row[0], row[1] if isinstance(row[1], int) else row[0]


def understood(schema: int, compat: int) -> int:
    """The version by which the tables are checked: the store's own, or ours if a newer store is compatible with it.

    Returns:
        0 for a store that is too new to be checked.
    """
    if schema <= NEWEST_SCHEMA:
        return schema
    return NEWEST_SCHEMA if compat <= NEWEST_SCHEMA else 0


def missing(schema: int, tables: Collection[str], device_columns: Collection[str]) -> str:
    """Which tables and columns of that version are missing, in words; "" if all are there."""
    lost = [name for name, since in _TABLES.items() if since <= schema and name not in tables]
    if lost:
        return f"the {'table' if len(lost) == 1 else 'tables'} {', '.join(lost)} {_is(lost)} missing"
    lost = [name for name, since in _DEVICE_COLUMNS.items() if since <= schema and name not in device_columns]
    return f"{', '.join(lost)} {_is(lost)} missing from the table whatsmeow_device" if lost else ""


def device_expressions(device_columns: Collection[str]) -> list[str]:
    """SQL expressions over `device` and `keys`, in the order in which `device_problem` takes their values.

    They say how long each key is and whether it is all zeros, so that no key leaves the database.
    """
    expressions = []
    for name, length in KEYS.items():
        if name in device_columns:
            blob = f"CAST(device.{name} AS BLOB)"
            expressions += [f"LENGTH({blob})", f"{blob} = ZEROBLOB({length})"]
        else:
            expressions += [str(length), "0"]
    expressions += [f"TYPEOF(device.{name})" for name in _NUMBERS]
    expressions += ["LENGTH(CAST(device.adv_details AS BLOB))"]
    expressions += [f"TOTAL(keys.key_id IS NOT NULL AND LENGTH(CAST(keys.key AS BLOB)) IS NOT {_PREKEY_LENGTH})"]
    return expressions


def device_problem(jid: str, values: list[Any]) -> str:
    """Why a client cannot log in with this device, in words; "" if nothing speaks against it.

    Args:
        jid: of the device.
        values: of `device_expressions`.
    """
    problems = []
    if not _JID.fullmatch(jid):
        problems.append("its JID is not an account's")
    absent = set()
    for place, (name, length) in enumerate(KEYS.items()):
        found, zero = values[2 * place : 2 * place + 2]
        if not found:
            absent.add(name)
        elif found != length:
            problems.append(f"{name} has {found} bytes instead of {length}")
        elif zero:
            problems.append(f"{name} is all zeros")
    numbers = dict(zip(_NUMBERS, values[2 * len(KEYS) :], strict=False))
    absent |= {name for name, kind in numbers.items() if kind != "integer"}
    details, short_prekeys = values[-2:]
    if not details:
        absent.add("adv_details")
    if absent.issuperset(_SIGNED_PREKEY) or "signed_pre_key" in absent:
        problems.append("it has no signed prekey")
        absent.difference_update(_SIGNED_PREKEY)
    if absent:
        problems.append(f"{', '.join(sorted(absent))} {_is(absent)} empty")
    if short_prekeys:
        problems.append(f"{short_prekeys:.0f} of its prekeys {_is(range(int(short_prekeys)))} no keys of 32 bytes")
    return f"its device cannot log in: {'; '.join(problems)}" if problems else ""


def _is(things: Collection[Any]) -> str:
    return "is" if len(things) == 1 else "are"
