"""The suite says of every case of docs/accuracy.md what was done to it; `make accuracy` plays more of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from diagnostics.catalogue import CAUSE_BY_ID
from diagnostics.model import Mode, Severity, SocketState, Verdict
from tests.accuracy.accuracy_play import play
from tests.accuracy.accuracy_score import (
    HEALTHY_AND_WAS_NOT,
    LATE,
    OTHER_VERDICT,
    SICK_AND_WAS_WELL,
    WRONG_CAUSE,
    Played,
    mistakes,
)
from tests.accuracy.accuracy_table import BOT, GATEWAY, NEONIZE, cases
from tests.evidence_samples import evidence

ALL = cases()
PLAYED = [case for case in ALL if case.ci]
_VERDICTS = {
    Severity.CRITICAL: Verdict.UNHEALTHY,
    Severity.UNKNOWN: Verdict.UNKNOWN,
    Severity.WARNING: Verdict.DEGRADED,
}


def test_the_table_has_enough_cases_with_names_of_their_own_for_every_target():
    assert len(ALL) * len(Mode) >= 150
    for target in (NEONIZE, GATEWAY, BOT):
        names = [case.session for case in ALL if case.target == target]
        assert len(names) == len(set(names)) >= 12


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.target}-{case.session}")
def test_the_table_agrees_with_the_catalogue(case):
    for mode in Mode:
        expected = _VERDICTS[CAUSE_BY_ID[case.cause].severity(mode)] if case.cause else Verdict.HEALTHY
        assert case.verdicts[mode] is expected
    warned = case.cause and case.verdicts[Mode.PERMISSIVE] is Verdict.DEGRADED and case.cause != "socket-connecting"
    assert (case.sends == "yes") is (not case.cause or bool(warned))


@pytest.mark.parametrize("target", [NEONIZE, GATEWAY, BOT])
def test_what_was_done_to_each_session_is_what_is_said_of_it(target, tmp_path):
    wanted = [case.session for case in PLAYED if case.target == target]
    played = list(play([case for case in PLAYED if case.target == target], tmp_path))
    assert wanted
    assert sorted(each.case.session for each in played) == sorted(wanted)
    assert [str(mistake) for mistake in mistakes(played)] == []


WELL, ILL = (next(case for case in ALL if (case.sends == sends)) for sends in ("yes", "no"))


@pytest.mark.parametrize(
    ("case", "seen", "arrived", "kinds"),
    [
        (WELL, evidence(), 2, set()),
        (WELL, evidence(), 1, {HEALTHY_AND_WAS_NOT}),
        (WELL, evidence(socket=SocketState.CLOSED, round_trip=..., text=..., image=...), 0,
         {SICK_AND_WAS_WELL, OTHER_VERDICT}),
        (ILL, evidence(), 2, {HEALTHY_AND_WAS_NOT, OTHER_VERDICT}),
        (ILL, evidence(exists=False), 0, {WRONG_CAUSE}),
        (WELL, replace(evidence(), took=14.0), 2, {LATE}),
    ],
)  # fmt: skip
def test_a_mistake_is_counted_as_what_it_is(case, seen, arrived, kinds):
    just_now = {aspect: replace(each, at=datetime.now(UTC)) for aspect, each in seen.observations.items()}
    found = mistakes([Played(case, replace(seen, observations=just_now), 10.0, arrived)])
    assert {mistake.kind for mistake in found} == kinds
