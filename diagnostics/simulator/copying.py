"""A linked session, copied: the store and what the server knows of its device, under another account's name.

Linking for real takes some 100 ms and a client process; a copy takes a few. The keys are those of the original, which
is fine for tests, and for nothing else.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from copy import deepcopy
from pathlib import Path

from diagnostics.simulator.accounts import Account
from diagnostics.simulator.errors import SimulatorError


def copy_device(original: Account, to: Account) -> int:
    """Give an account the companion device that was linked last to the original; its number.

    The phone's identity goes along: the device holds the phone's signature.
    """
    if not original.companions:
        raise SimulatorError(f"{original.phone} has no linked device to copy")
    number = max(original.companions)
    to.primary.identity = original.primary.identity
    device = deepcopy(original.companions[number])
    device.waiting.clear()  # it is the original's, which alone can read it
    to.link(device)
    to.settings, to.name = deepcopy(original.settings), original.name  # the device has the key, and knows the name
    return number


def copy_store(original: Path, to: Path, device: Account, number: int) -> None:
    """Copy a whatsmeow store that holds one device, which nobody has open, and make it the account's.

    whatsmeow's tables refer to their device by its JID, with ON UPDATE CASCADE.

    Raises:
        SimulatorError: it holds no device, or more than one.
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
        # The phone, as a peer of its own device: "<user>" or "<user>_1" and what follows.
        for old, new in ((_user(old_jid), device.phone), (_user(old_lid), device.lid)):
            store.execute(
                "UPDATE whatsmeow_identity_keys SET their_id = ? || substr(their_id, ?) WHERE their_id LIKE ?",
                (new, len(old) + 1, f"{old}%"),
            )
        store.execute("COMMIT")


def _user(jid: str) -> str:
    return jid.partition("@")[0].partition(":")[0].partition(".")[0]
