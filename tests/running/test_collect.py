"""One target that breaks never touches another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from diagnostics.errors import TargetProblem
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence
from diagnostics.running.collect import Job, aspects_for, collect
from tests.evidence_samples import NOW, evidence


@dataclass
class Scripted:
    """A target that answers for some sessions, then does something else."""

    answers: tuple[str, ...] = ()
    then: BaseException | None = None
    hangs: bool = False
    closed: bool = False

    def describe(self) -> str:
        return "scripted"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Scripted]:
        try:
            yield self
        finally:
            self.closed = True

    async def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:  # noqa: ARG002
        for name in self.answers:
            yield evidence(name)
        if self.hangs:
            await asyncio.Event().wait()
        if self.then is not None:
            raise self.then


def request(name: str) -> Request:
    return Request(name, aspects_for(["socket.state"]), deadline=0.05)


async def gathered(*jobs: tuple[Scripted, list[str]]) -> dict[str, Evidence]:
    work = [Job("scripted", target.open, [request(name) for name in names]) for target, names in jobs]
    return {found.session: found async for found in collect(work, clock=lambda: NOW, start_and_stop=0.05)}


@pytest.mark.parametrize(
    ("broken", "absence", "said"),
    [
        (Scripted(then=RuntimeError("boom")), Absence.CRASHED, "RuntimeError: boom"),
        (Scripted(then=TargetProblem("no such host")), Absence.UNREACHABLE, "no such host"),
        (Scripted(hangs=True), Absence.TIMEOUT, "answered nothing for"),
        (Scripted(), Absence.CRASHED, "without looking"),
    ],
)
async def test_a_target_that_breaks_leaves_evidence_that_says_so_and_the_others_their_own(broken, absence, said):
    sound = Scripted(answers=("good",))
    found = await gathered((broken, ["bad"]), (sound, ["good"]))
    assert found["good"] == evidence("good")
    assert {o.absence for o in found["bad"].observations.values()} == {absence}
    assert said in found["bad"].observations[Aspect.SOCKET].detail
    assert broken.closed


async def test_what_a_target_said_before_it_broke_is_kept():
    found = await gathered((Scripted(answers=("first",), then=RuntimeError("boom")), ["first", "second"]))
    assert found["first"] == evidence("first")
    assert found["second"].observations[Aspect.EXISTS].absence is Absence.CRASHED


def test_only_what_the_selected_checks_need_is_observed():
    assert aspects_for(["session.exists"]) == {Aspect.EXISTS}
    assert Aspect.TEXT not in aspects_for(["send.image"])
    assert Aspect.IMAGE in aspects_for(["send.image"])
