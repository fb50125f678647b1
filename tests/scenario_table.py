"""The table of docs/scenarios.md, as data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from diagnostics.model import Mode, Verdict

_PAGE = Path(__file__).parents[1] / "docs" / "scenarios.md"


class Row(NamedTuple):
    scenario: str
    cause: str | None
    check: str | None
    verdicts: dict[Mode, Verdict]


def _rows() -> list[Row]:
    rows = []
    for line in _PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            scenario, _, cause, check, permissive, strict = cells
            verdicts = {Mode.PERMISSIVE: Verdict(permissive), Mode.STRICT: Verdict(strict)}
            rows.append(Row(scenario, None if cause == "–" else cause, None if check == "–" else check, verdicts))
    return rows


TABLE = _rows()
