"""The table of problems, and its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from diagnostics.gateway.web.problem_table import PROBLEMS
from diagnostics.model import Language

PAGE = Path(__file__).parents[3] / "docs" / "gateway.md"
PLACES = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_words_in_every_language_with_the_same_facts(code):
    kind = PROBLEMS[code]
    facts = set()
    for language in Language:
        words = kind.words[language]
        assert words.title
        assert words.detail
        assert words.remedy
        facts.add(frozenset(PLACES.findall(words.detail + " ".join(words.remedy))))
    assert len(facts) == 1
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert kind.type == f"urn:wadiag:problem:{code}"


def test_the_page_lists_every_problem_as_the_table_has_it():
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    table = [(kind.code, str(kind.status), kind.words[Language.ENGLISH].title) for kind in PROBLEMS.values()]
    assert sorted(rows) == sorted(table)
