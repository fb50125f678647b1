"""Every scenario, played to the real neonize client, yields its own root cause and the verdict of docs/scenarios.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diagnostics.catalogue import with_upstream
from diagnostics.config import CommandLine, plan
from diagnostics.judging.judge import judge
from diagnostics.model import Diagnosis, Evidence, Mode, Outcome, Verdict
from diagnostics.running.run import Run
from diagnostics.simulator import SCENARIOS
from tests.scenario_table import TABLE, Row

DEADLINE = 5.0  # the steps that never end take a fifth of it


def looked_at(scenarios: Mapping[str, str], checks: Mapping[str, str]) -> Mapping[str, Evidence]:
    """Evidence of sessions that play scenarios, for one check each, or for all ("")."""
    line = CommandLine(sessions=tuple(f"{name}={played}" for name, played in scenarios.items()), deadline=str(DEADLINE))
    run = Run(plan(line, {}, cwd=Path("/")))
    for name, check in checks.items():
        run.select(name, check)
    run.execute()
    return {name: found.evidence for name, found in run.diagnoses.items() if found.evidence is not None}


@pytest.fixture(scope="module")
def evidence() -> Mapping[str, Evidence]:
    """All scenarios at once, each a session of its own, through one worker."""
    return looked_at({name: name for name in SCENARIOS}, dict.fromkeys(SCENARIOS, ""))


def diagnosed(evidence: Mapping[str, Evidence], row: Row, mode: Mode) -> Diagnosis:
    return judge(evidence[row.scenario], mode=mode, now=datetime.now(UTC))


def test_the_table_lists_every_scenario_once():
    assert sorted(row.scenario for row in TABLE) == sorted(SCENARIOS)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.scenario)
def test_each_scenario_has_its_own_root_cause_and_verdict(evidence, row, mode):
    diagnosis = diagnosed(evidence, row, mode)
    assert (diagnosis.root and diagnosis.root.cause) == row.cause
    assert (diagnosis.root and diagnosis.root.check) == row.check
    assert diagnosis.verdict is row.verdicts[mode]


def test_every_sick_scenario_has_a_remedy_of_its_own(evidence):
    remedies = {diagnosed(evidence, row, Mode.STRICT).root.remedy for row in TABLE if row.cause}
    assert len(remedies) == len([row for row in TABLE if row.cause])


def test_no_scenario_but_the_healthy_one_is_green_in_strict_mode(evidence):
    for row in TABLE:
        diagnosis = diagnosed(evidence, row, Mode.STRICT)
        failed = any(result.outcome in (Outcome.FAIL, Outcome.UNKNOWN) for result in diagnosis.results)
        assert failed is (row.scenario != "healthy")


def test_one_root_cause_stands_out_in_every_scenario(evidence):
    for row in TABLE:
        assert len(diagnosed(evidence, row, Mode.STRICT).findings) == (0 if row.cause is None else 1)


# The checks that end before anything is sent: what is selected alone must not be judged too early.
ALONE = ("session.authenticated", "connection.accepted", "socket.state", "send.available")


def test_no_selection_makes_a_sick_session_look_healthy():
    names = {f"{row.scenario}--{index}": (row, check) for row in TABLE for index, check in enumerate(ALONE)}
    scenarios = {name: row.scenario for name, (row, _) in names.items()}
    evidence = looked_at(scenarios, {name: check for name, (_, check) in names.items()})
    for name, (row, check) in names.items():
        found = judge(evidence[name], mode=Mode.STRICT, now=datetime.now(UTC), checks=[check])
        if row.check in {c.id for c in with_upstream([check])}:
            assert found.root, name
            assert found.root.cause == row.cause, name


def test_the_zombie_is_found_although_the_client_says_connected_and_logged_in(evidence):
    socket = evidence["zombie"].observations["socket"]
    assert "is_connected=True is_logged_in=True" in socket.raw
    assert (
        diagnosed(evidence, next(r for r in TABLE if r.scenario == "zombie"), Mode.PERMISSIVE).verdict
        is Verdict.UNHEALTHY
    )
