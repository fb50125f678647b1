"""Every scenario, played to the real neonize client, yields its own root cause and the verdict of docs/scenarios.md."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from diagnostics.catalogue import CHECK_BY_ID, with_upstream
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Diagnosis, Evidence, Mode, Outcome, Verdict
from diagnostics.running.collect import aspects_for, collect
from diagnostics.simulator import SCENARIOS
from tests.configured import opening
from tests.scenario_table import TABLE, Row

DEADLINE = 5.0  # the steps that never end take a fifth of it


@pytest.fixture(scope="module")
def evidence() -> Mapping[str, Evidence]:
    """All scenarios at once, each a session of its own, through one worker."""
    requests = [Request(name, aspects_for(CHECK_BY_ID), DEADLINE) for name in SCENARIOS]
    return asyncio.run(collect([(opening("simulator", {name: {"scenario": name} for name in SCENARIOS}), requests)]))


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
    requests = [Request(name, aspects_for([check]), DEADLINE) for name, (_, check) in names.items()]
    target = opening("simulator", {name: {"scenario": row.scenario} for name, (row, _) in names.items()})
    evidence = asyncio.run(collect([(target, requests)]))
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
