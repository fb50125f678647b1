"""Several questions of different kinds: one that is not answered decides nothing."""

from __future__ import annotations

import asyncio
import time

from diagnostics.neonize.questions import ask

LIMIT = 0.4  # s


def answering(**behaviour: str):
    asked = []

    async def question(kind: str) -> None:
        asked.append(kind)
        match behaviour.get(kind, "answers"):
            case "hangs":
                await asyncio.sleep(30)
            case "answers":
                return
            case error:
                raise RuntimeError(error)

    return question, asked


async def test_two_questions_that_are_answered_are_enough() -> None:
    question, asked = answering()
    answers = await ask(question, LIMIT)
    assert sorted(asked) == ["blocklist", "people"]
    assert all("took" in answer for answer in answers.values())


async def test_a_third_is_asked_if_one_fails_or_hangs_and_nobody_waits_for_the_hanging_one() -> None:
    for behaviour in ("hangs", "info query returned status 500"):
        question, asked = answering(blocklist=behaviour)
        started = time.monotonic()
        answers = await ask(question, 2.0)
        assert time.monotonic() - started < 1.9
        assert sorted(asked) == ["blocklist", "groups", "people"]
        assert "took" in answers["groups"]


async def test_what_hangs_is_missing_after_the_limit() -> None:
    question, _ = answering(blocklist="hangs", people="hangs", groups="hangs")
    started = time.monotonic()
    assert await ask(question, LIMIT) == {}
    assert time.monotonic() - started < LIMIT + 1.0
