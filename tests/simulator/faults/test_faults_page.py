"""docs/faults.md says the same in Python and at the console, leaves nothing out, and names tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

from diagnostics.simulator import Event, SimulatorError, WhatsAppServer
from diagnostics.simulator.faults.actions import NOBODYS, Action
from diagnostics.simulator.faults.fault_text import parse_faults
from diagnostics.simulator.io.console import Console
from tests.simulator.faults.faults_page import PLAYED, ROWS, Played, Row, typed

HERE = Path(__file__).parents[1]

every = pytest.mark.parametrize("row", [*ROWS, *PLAYED], ids=lambda row: row.name.replace(" ", "-"))


@every
def test_python_and_console_mean_the_same(row: Row | Played) -> None:
    assert typed(row.console) == row.faults


@pytest.mark.parametrize("file", sorted({row.test.partition("::")[0] for row in PLAYED}))
def test_every_named_test_exists(file: str) -> None:
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {row.test.partition("::")[2] for row in PLAYED if row.test.startswith(f"{file}::")} <= functions


def test_no_fault_is_left_out() -> None:
    faults = [fault for row in (*ROWS, *PLAYED) for fault in row.faults]
    assert {type(fault.action) for fault in faults} == set(get_args(Action))
    assert {fault.event for fault in faults} == set(Event)


def test_names_stand_for_one_fault_each() -> None:
    names = [row.name for row in (*ROWS, *PLAYED)]
    assert len(set(names)) == len(names)


# At the console


def test_what_the_console_is_told_holds_until_it_is_healed() -> None:
    with WhatsAppServer() as server:
        console = Console(server)
        account = console._find(console.answer("account")["phone"])._account
        for row in (*ROWS, *PLAYED):
            if not row.faults:
                continue
            whom = "all" if row.faults[0].event in NOBODYS else account.phone
            plan = (lambda: server._running().hub.plan) if whom == "all" else (lambda: account.plan)
            assert console.answer(f"fault {whom} {row.console}")["ok"], row.name
            assert plan().faults == row.faults
            assert console.answer(f"heal {whom}")["ok"]
            assert plan().faults == ()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "a fault is an event and an action"),
        ("message", "a fault is an event and an action"),
        ("mesage silence", "there is no event 'mesage'; there are: dial, "),
        ("message nothing", "there is no action 'nothing'; there are: silence, "),
        ("message refusal", "message refusal: Object missing required field `error`"),
        ("message refusal error=many", "Expected `int`"),
        ("message refusal error=463 often=2", "refusal knows no often; it knows: error, word, after, every, "),
        ("message refusal error=463 nth=first", "Expected `int`"),
        ("message refusal error=463 nth=0", "both count from 1"),
        ("message refusal 463", "'463' is not NAME=VALUE"),
        ("message failure reason=401", "Failure cannot happen on message"),
        ("hello certificate wrong=old", "Invalid enum value 'old'"),
        ("message silence +", "a fault is an event and an action"),
    ],
)
def test_words_that_name_no_fault_are_answered_with_one_sentence(words: str, complaint: str) -> None:
    with pytest.raises(SimulatorError) as refused:
        parse_faults(words.split())
    assert complaint in str(refused.value)
