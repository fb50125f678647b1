"""Overwrite values that are compiled into the loaded library, in the memory of this process.

The library's file is not changed. Only workers of the simulator do this, for values that cannot be configured. The old
value is searched for in the writable memory that /proc/self/maps lists for the library, and must occur exactly once.
"""

from __future__ import annotations

import ctypes
from pathlib import Path


class NotReplaced(Exception):
    """The value was not replaced; the message says why."""

    kind = "not-replaced"  # as in `protocol.Failure`


def replace(library: Path, old: bytes, new: bytes, what: str) -> None:
    """Write `new` over `old`, which has the same length.

    Args:
        library: path of the loaded library.
        what: names the value in the error.

    Raises:
        NotReplaced: `old` does not occur in the library's writable memory exactly once.
    """
    places = [
        start + offset
        for start, end in _writable_ranges(library)
        for offset in _offsets(ctypes.string_at(start, end - start), old)
    ]
    if len(new) != len(old) or len(places) != 1:
        msg = f"{what} lies {len(places)} times in the memory of {library.name}, not once"
        raise NotReplaced(msg)
    ctypes.memmove(places[0], new, len(new))


def _writable_ranges(library: Path) -> list[tuple[int, int]]:
    maps = Path("/proc/self/maps")
    try:
        lines = maps.read_text().splitlines()
    except OSError as error:
        msg = f"the simulator works on Linux only: {maps} cannot be read ({error.strerror})"
        raise NotReplaced(msg) from error
    ranges = []
    for line in lines:
        fields = line.split(maxsplit=5)  # 7f00-7f10 rw-p 00000000 08:01 1234 /path
        if len(fields) == 6 and fields[1].startswith("rw") and Path(fields[5]).name == library.name:
            start, _, end = fields[0].partition("-")
            ranges.append((int(start, 16), int(end, 16)))
    return ranges


def _offsets(memory: bytes, pattern: bytes) -> list[int]:
    found = []
    at = memory.find(pattern)
    while at >= 0:
        found.append(at)
        at = memory.find(pattern, at + 1)
    return found
