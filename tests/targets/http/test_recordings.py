"""What a diagnosis finds in real products, state by state: the state was produced on purpose, so it is the truth."""

from __future__ import annotations

import pytest

from diagnostics.judging.judge import judge
from diagnostics.model import Aspect, Mode
from diagnostics.targets import registry
from diagnostics.targets.http.kind import HttpKind
from tests.targets.http.replay import NOW, RECORDINGS, Recording, look, recorded

STATES = recorded()


@pytest.mark.parametrize(("product", "state", "expected"), STATES, ids=[f"{p}-{s}" for p, s, _ in STATES])
async def test_a_recorded_state_is_diagnosed_as_what_it_was(product, state, expected):
    kind = registry.kind("", product)
    assert isinstance(kind, HttpKind)
    recording = Recording(product, [state, *expected.get("with", ())])
    evidence = await look(kind.dialect, recording, expected["session"], expected.get("send_to"))
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=NOW)
    assert (diagnosis.root.cause if diagnosis.root else "", diagnosis.verdict) == (
        expected["cause"],
        expected["verdict"],
    )
    assert set(evidence.observations) == set(Aspect), "every aspect is observed, or says why it is not"
    if "send_to" not in expected:
        assert {ask.method for ask in recording.asked} == {"GET"}, "a look changes nothing"


def test_every_recording_is_expected_to_be_something():
    files = {(path.parent.name, path.stem) for path in RECORDINGS.glob("*/*.json")}
    assert files == {(product, state) for product, state, _ in STATES}
