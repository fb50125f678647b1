"""The documentation matches the code."""

from __future__ import annotations

from pathlib import Path

from diagnostics.reporting.reference import reference
from diagnostics.simulator import REHEARSALS, SCENARIOS

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_checks_and_causes_is_generated_from_the_catalogue():
    assert (DOCS / "checks.md").read_text(encoding="utf-8") == reference()


def test_the_page_of_the_simulator_names_every_scenario_over_time():
    page = (DOCS / "simulator.md").read_text(encoding="utf-8")
    assert [name for name in REHEARSALS.keys() - SCENARIOS.keys() if f"`{name}`" not in page] == []
