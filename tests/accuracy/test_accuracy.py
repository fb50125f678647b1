"""The suite says of every case of docs/accuracy.md what was done to it; `make accuracy` plays more of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from diagnostics.catalogue import CAUSE_BY_ID
from diagnostics.model import Mode, Severity, Verdict
from tests.accuracy.accuracy_play import play
from tests.accuracy.accuracy_score import Played, mistakes
from tests.accuracy.accuracy_table import BOT, GATEWAY, NEONIZE, Case, cases

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


@pytest.fixture(scope="module", params=[NEONIZE, GATEWAY, BOT])
def played(request, tmp_path_factory) -> Mapping[Case, Played]:
    wanted: Sequence[Case] = [case for case in PLAYED if case.target == request.param]
    return {each.case.session: each for each in play(wanted, tmp_path_factory.mktemp("accuracy"))}


def test_what_was_done_to_each_session_is_what_is_said_of_it(played):
    assert [str(mistake) for mistake in mistakes(played.values())] == []
