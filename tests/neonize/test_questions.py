"""Several questions of different kinds: one that is not answered decides nothing."""

from __future__ import annotations

import asyncio

import pytest

from diagnostics.neonize import questions
from diagnostics.neonize.questions import ask

PATIENCE = 60.0  # s for what takes none


def answering(**behaviour: str):
    asked = []

    async def question(kind: str) -> None:
        asked.append(kind)
        match behaviour.get(kind, "answers"):
            case "hangs":
                await asyncio.Event().wait()
            case "answers":
                return
            case error:
                raise RuntimeError(error)

    return question, asked


async def test_two_questions_that_are_answered_are_enough() -> None:
    question, asked = answering()
    answers = await ask(question, PATIENCE)
    assert sorted(asked) == ["blocklist", "people"]
    assert all("took" in answer for answer in answers.values())


@pytest.mark.parametrize("behaviour", ["hangs", "info query returned status 500"])
async def test_a_third_is_asked_if_one_fails_or_hangs_and_nobody_waits_for_the_hanging_one(
    behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "_FIRST_SHARE", 0.0001)
    question, asked = answering(blocklist=behaviour)
    async with asyncio.timeout(PATIENCE):
        answers = await ask(question, 10 * PATIENCE)
    assert sorted(asked) == ["blocklist", "groups", "people"]
    assert "took" in answers["groups"]


async def test_what_hangs_is_missing_after_the_limit() -> None:
    question, _ = answering(blocklist="hangs", people="hangs", groups="hangs")
    async with asyncio.timeout(PATIENCE):
        assert await ask(question, 0.2) == {}
