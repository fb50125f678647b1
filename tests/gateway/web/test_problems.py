"""The table of problems, its page, and what a full disk becomes."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from diagnostics.gateway.web.problem_responses import install_problem_handlers
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


async def asked(path: str, *, raising: bool = True) -> httpx2.Response:
    """Ask an app that writes to a file which is full, or is a folder.

    Args:
        raising: what the app leaves to the server is raised here.
    """
    app = FastAPI()
    install_problem_handlers(app, Language.ENGLISH, body_limit=1)

    @app.get("/{name}")
    def write(name: str) -> None:
        Path("/dev", name).write_text("too much", encoding="utf-8")

    transport = httpx2.ASGITransport(app, raise_app_exceptions=raising)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        return await http.get(path)


async def test_a_full_disk_is_a_problem_with_its_reason_and_no_traceback():
    answer = await asked("/full")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert answer.json()["code"] == "state-unwritable"
    assert "(No space left on device)" in answer.json()["detail"]


async def test_another_fault_of_the_system_stays_a_fault_of_the_gateway():
    with pytest.raises(IsADirectoryError):  # the server logs its traceback
        await asked("/shm")
    answer = await asked("/shm", raising=False)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
