"""The server's log for a person to read: the last stanzas and events.

It contains no key: stanzas show content bytes as their length. Characters that a terminal would interpret are
replaced, because clients choose part of the text.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

KEPT = 2_000  # lines


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        at: unix seconds.
        connection: number of the connection, 0 if it belongs to none.
        who: the device's JID if it is known, else "".
        kind: "←" from the client, "→" to the client, "·" an event.
        text: a stanza as XML, or a sentence.
    """

    at: float
    connection: int
    who: str
    kind: str
    text: str

    def __str__(self) -> str:
        clock = datetime.fromtimestamp(self.at, UTC).strftime("%H:%M:%S.%f")[:-3]
        return f"{clock} #{self.connection} {self.who or '-'} {self.kind} {self.text}"


class Journal:
    """The last lines, `kept` of them. `lines` may be read from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[Line] = deque(maxlen=kept)

    def add(self, line: Line) -> None:
        """Append a line."""
        if not line.text.isprintable():
            line = replace(line, text="".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line.text))
        self._lines.append(line)

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)  # atomic in CPython, so other threads may call it
