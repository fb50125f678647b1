"""Have this worker's clients notice a dead connection in a second instead of minutes, for rehearsals of it.

whatsmeow asks the server for a sign of life every 20 to 30 s, waits 10 s for it, and connects anew when there was none
for 3 min (keepalive.go). Like the noise root key these spans are variables that cannot be given from outside.
"""

from __future__ import annotations

import struct
from pathlib import Path

from diagnostics.neonize import protocol
from diagnostics.neonize.worker import memory

_SECOND = 1_000_000_000  # Go counts nanoseconds
USUAL = protocol.Keepalive(answer=10, least=20, most=30, fail=180)


def replace_keepalive(library: Path, keepalive: protocol.Keepalive) -> None:
    """Overwrite the spans of the loaded `library`; they are read anew for every question.

    Raises:
        NotReplaced: the usual spans do not lie in the library's writable memory exactly once.
        ValueError: they are in no order that the client can work with.
    """
    if keepalive.answer <= 0 or keepalive.least < 0 or keepalive.most < keepalive.least + 0.001:
        msg = f"{keepalive}: Go panics unless `answer` is above 0 and `most` at least 1 ms more than `least`, from 0 on"
        raise ValueError(msg)
    memory.replace(library, _packed(USUAL), _packed(keepalive), "the keepalive's four spans")


def _packed(keepalive: protocol.Keepalive) -> bytes:
    spans = (keepalive.answer, keepalive.least, keepalive.most, keepalive.fail)
    return struct.pack("<4q", *(round(span * _SECOND) for span in spans))
