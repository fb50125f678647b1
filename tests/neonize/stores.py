"""Stores in a state that a test wants: changed by SQL, or as an older version of whatsmeow left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

# Version of whatsmeow's tables -> what undoes the step to it (store/sqlstore/upgrades in its sources).
_UNDO = {
    15: ["ALTER TABLE whatsmeow_device DROP COLUMN companion_meta_nonce"],
    14: ["DROP TABLE whatsmeow_nct_salt"],
    13: ["DROP TABLE whatsmeow_retry_buffer"],
    12: [
        "DROP INDEX idx_whatsmeow_privacy_tokens_our_jid_timestamp",
        "ALTER TABLE whatsmeow_privacy_tokens DROP COLUMN sender_timestamp",
    ],
    11: ["ALTER TABLE whatsmeow_contacts DROP COLUMN redacted_phone"],
    10: ["ALTER TABLE whatsmeow_device DROP COLUMN lid_migration_ts"],
    9: ["DROP TABLE whatsmeow_event_buffer"],
    8: ["DROP TABLE whatsmeow_lid_map"],
    7: ["ALTER TABLE whatsmeow_device DROP COLUMN lid"],
}


def change(store: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    """Run statements that the tables' own constraints would refuse, too."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()


def make_older(store: Path, version: int) -> None:
    """Take the tables back to that version, with the device that is in them."""
    for step in sorted((step for step in _UNDO if step > version), reverse=True):
        change(store, *_UNDO[step])
    change(store, f"UPDATE whatsmeow_version SET version = {version}, compat = {min(version, 8)}")  # noqa: S608
