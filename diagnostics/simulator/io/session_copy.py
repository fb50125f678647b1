"""Copies of a linked session: the client's store, and what the server knows of its device, for another account.

Linking for real takes some 100 ms and a client process; a copy takes a few ms. The copy has the same keys as the
original, which is acceptable for tests only.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from copy import deepcopy
from pathlib import Path

from diagnostics.simulator.simulator_errors import SimulatorError
from diagnostics.simulator.world.account import Account


def copy_device(original: Account, to: Account) -> int:
    """Copy the companion that was linked last to `original` to another account.

    The phone's identity is copied too, because the device holds its signature.

    Returns:
        The number of the device.

    Raises:
        SimulatorError: the original has no linked device.
    """
    if not original.companions:
        raise SimulatorError(f"{original.phone} has no linked device to copy")
    number = max(original.companions)
    to.primary.identity = original.primary.identity
    device = deepcopy(original.companions[number])
    device.waiting.clear()  # encrypted for the original
    to.link(device)
    to.settings, to.name = deepcopy(original.settings), original.name  # the device has the key and the name
    return number


def copy_store(original: Path, to: Path, device: Account, number: int) -> None:
    """Copy a whatsmeow store with one device, which no process has open, and change its account.

    whatsmeow's tables refer to their device by its JID, with ON UPDATE CASCADE.

    Args:
        original: the store to copy.
        to: the path of the copy.
        device: the account of the copy.
        number: the number of the device.

    Raises:
        SimulatorError: the store does not hold exactly one device.
    """
    shutil.copyfile(original, to)
    with closing(sqlite3.connect(to, isolation_level=None)) as store:
        store.execute("PRAGMA synchronous = OFF")
        store.execute("PRAGMA foreign_keys = ON")
        rows = store.execute("SELECT jid, lid FROM whatsmeow_device").fetchall()
        if len(rows) != 1:
            raise SimulatorError(f"the template store holds {len(rows)} devices, not one")
        old_jid, old_lid = rows[0]
        store.execute("BEGIN")
        store.execute(
            "UPDATE whatsmeow_device SET jid = ?, lid = ? WHERE jid = ?",
            (device.device_jid(number), device.device_lid(number), old_jid),
        )
        store.execute(
            "UPDATE whatsmeow_lid_map SET lid = ?, pn = ? WHERE lid = ?", (device.lid, device.phone, _user(old_lid))
        )
        # The phone, as another device of the account: "<user>" or "<user>_1" and a suffix.
        for old, new in ((_user(old_jid), device.phone), (_user(old_lid), device.lid)):
            store.execute(
                "UPDATE whatsmeow_identity_keys SET their_id = ? || substr(their_id, ?) WHERE their_id LIKE ?",
                (new, len(old) + 1, f"{old}%"),
            )
        store.execute("COMMIT")


def _user(jid: str) -> str:
    return jid.partition("@")[0].partition(":")[0].partition(".")[0]
