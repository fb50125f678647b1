"""The tables of docs/faults.md, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import diagnostics.simulator
from diagnostics.simulator import Fault
from diagnostics.simulator.faults.fault_text import parse_faults

_PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
_NAMES = {name: getattr(diagnostics.simulator, name) for name in diagnostics.simulator.__all__}

Given = Literal["before the login", "connected", "whom it writes to"]


@dataclass(frozen=True)
class Row:
    """One fault of a connected session: what the client reports, says of itself, and what becomes of a text.

    Attributes:
        again: the last event comes more often.
        times: texts.
        kept: the session is still in the client's store.
    """

    name: str
    given: Given
    faults: tuple[Fault, ...]
    console: str
    events: tuple[str, ...]
    again: bool
    connected: bool
    logged_in: bool
    text: str
    times: int
    kept: bool


@dataclass(frozen=True)
class Played:
    """One fault that has a test of its own."""

    name: str
    faults: tuple[Fault, ...]
    console: str
    test: str


def _python(cell: str) -> tuple[Fault, ...]:
    faults: tuple[Fault, ...] = eval(f"({cell},)", {"__builtins__": {}}, _NAMES)  # noqa: S307 - the project's own page
    return faults


def _row(cells: list[str]) -> Row:
    name, given, python, console, events, states, text, session = cells
    words = events.removesuffix(" …")
    becomes, _, times = text.partition(" ×")
    assert (given, session) in {(g, s) for g in Given.__args__ for s in ("kept", "deleted")}, name  # type: ignore[attr-defined]
    connected, logged_in = (state == "yes" for state in states.split(", "))
    return Row(
        name=name,
        given=cast(Given, given),
        faults=_python(python),
        console=console,
        events=() if words == "none" else tuple(words.split(", ")),
        again=words != events,
        connected=connected,
        logged_in=logged_in,
        text=becomes,
        times=int(times or 1),
        kept=session == "kept",
    )


def _played(cells: list[str]) -> Played:
    name, python, console, _, test = cells
    return Played(name, () if python == "–" else _python(python), "" if console == "–" else console, test)


def _tables() -> tuple[list[Row], list[Played]]:
    lines = [line for line in _PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines]
    body = [row for row in cells if row[0] != "Fault"]
    return [_row(row) for row in body if len(row) == 8], [_played(row) for row in body if len(row) == 5]


ROWS, PLAYED = _tables()


def typed(console: str) -> tuple[Fault, ...]:
    """What the console makes of it."""
    return parse_faults(console.split()) if console else ()
