"""Shorten the keepalive intervals of this worker's clients, so that they notice a dead connection in a second.

whatsmeow sends a keepalive every 20 to 30 s, waits 10 s for the answer, and reconnects after 3 min without one
(keepalive.go). Like the noise root key, these durations are variables that cannot be configured.
"""

from __future__ import annotations

import struct
from pathlib import Path

from diagnostics.neonize import protocol
from diagnostics.neonize.worker import memory

_NANOSECONDS = 1_000_000_000  # Go counts nanoseconds
WHATSMEOW_DEFAULTS = protocol.Keepalive(answer=10, least=20, most=30, fail=180)


def replace_keepalive(library: Path, keepalive: protocol.Keepalive) -> None:
    """Overwrite the durations in the loaded `library`. They are read again for every keepalive.

    Raises:
        NotReplaced: the defaults do not occur in the library's writable memory exactly once.
        ValueError: Go would panic with these durations.
    """
    if keepalive.answer <= 0 or keepalive.least < 0 or keepalive.most < keepalive.least + 0.001:
        msg = f"{keepalive}: Go panics unless `answer` is above 0 and `most` at least 1 ms more than `least`, from 0 on"
        raise ValueError(msg)
    old, new = _as_go_durations(WHATSMEOW_DEFAULTS), _as_go_durations(keepalive)
    memory.replace(library, old, new, "the keepalive's four durations")


def _as_go_durations(keepalive: protocol.Keepalive) -> bytes:
    spans = (keepalive.answer, keepalive.least, keepalive.most, keepalive.fail)
    return struct.pack("<4q", *(round(span * _NANOSECONDS) for span in spans))
