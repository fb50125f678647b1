"""What was said, for a person to read: the last lines only, never a key (stanzas show bytes as their number), and
nothing that a terminal would obey: what a client says goes through here."""

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
        connection: number of the connection.
        who: the device's JID once it is known, else "".
        kind: "←" from the client, "→" to the client, "·" what happened.
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
    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[Line] = deque(maxlen=kept)

    def add(self, line: Line) -> None:
        if not line.text.isprintable():
            line = replace(line, text="".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line.text))
        self._lines.append(line)

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)  # one step of the interpreter's, so any thread may ask
