"""The documentation says what the code does."""

from __future__ import annotations

from pathlib import Path

from diagnostics.reporting.reference import reference

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_checks_and_causes_is_what_the_catalogue_says():
    assert (DOCS / "checks.md").read_text(encoding="utf-8") == reference()
