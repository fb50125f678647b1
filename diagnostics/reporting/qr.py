"""QR codes in a terminal, for a phone's camera.

A camera wants dark modules on a light ground, whatever the terminal's colours are, so both colours are said; they are
the content here, and stay where NO_COLOR is set. Half blocks make the modules square and the code half as high; where
the stream's encoding lacks them, two spaces are a module.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TextIO

import segno

_QUIET = 2  # modules around the code; the standard's four cost four lines, and cameras do with two
_LIGHT, _DARK = "231", "16"  # of the 256 colours: white and black, which no theme changes
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_HALVES = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # (upper, lower), 1 is dark; drawn in light


def drawn(text: str, *, encoding: str = "utf-8", plain: bool = False) -> list[str]:
    """The lines of a QR code.

    Args:
        encoding: of the stream.
        plain: for a terminal that knows no colours; it should be a dark one.
    """
    code = segno.make(text, error="l", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=_QUIET)]
    if not _can_say("".join(_HALVES.values()), encoding):
        light, dark = ("##", "  ") if plain else (f"\x1b[48;5;{_LIGHT}m  ", f"\x1b[48;5;{_DARK}m  ")
        end = "" if plain else "\x1b[0m"
        return ["".join(dark if module else light for module in row) + end for row in rows]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    start, end = ("", "") if plain else (f"\x1b[38;5;{_LIGHT};48;5;{_DARK}m", "\x1b[0m")
    return [
        start + "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True)) + end
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


class Screen:
    """Shows one picture after the other: in place on a terminal that is high enough, else in sequence."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._plain = os.environ.get("TERM") == "dumb"
        self._in_place = out.isatty() and not self._plain
        self._height = 0

    def show(self, text: str, below: str) -> None:
        """Draw a QR code with a line under it, over the picture before."""
        lines = drawn(text, encoding=self._out.encoding or "ascii", plain=self._plain)
        size = shutil.get_terminal_size()
        width, height = len(_COLOUR.sub("", lines[0])), len(lines) + 1
        if self._out.isatty() and (size.columns < width or size.lines <= height):
            below += f" (the terminal is too small for the code: it needs {width} columns and {height + 1} lines)"
        if self._height and self._in_place and self._height < size.lines:
            self._out.write(f"\x1b[{self._height}F\x1b[J")
        self._out.write("\n".join([*lines, below, ""]))
        self._out.flush()
        self._height = height


def _can_say(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
