"""How somebody called the suite, and the words that call it so again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from diagnostics.running.invocation import Invocation, typed_command, typed_words


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on PATH, and a current directory with a virtual environment in it."""
    for folder in ("bin", "here/.venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def script(path: Path) -> str:
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_program_that_the_shell_finds_is_called_by_its_name(shell):
    assert typed_command("pytest", script(shell / "bin/pytest")) == ("pytest",)


def test_a_program_that_the_shell_does_not_find_is_called_by_a_path_that_works_from_here(shell):
    assert typed_command("pytest", script(shell / "here/.venv/bin/pytest")) == (".venv/bin/pytest",)


def test_another_program_of_that_name_on_the_path_is_not_meant(shell):
    script(shell / "bin/pytest")
    assert typed_command("pytest", script(shell / "here/.venv/bin/pytest")) == (".venv/bin/pytest",)


def test_a_module_is_called_through_its_interpreter(shell):
    main = script(shell / "here/__main__.py")
    assert typed_command("pytest", main) == (os.path.normpath(sys.executable), "-m", "pytest")


def test_only_options_that_were_typed_and_change_what_is_seen_are_repeated():
    given = {"target": "neonize", "store": "my bot.db", "connect": True, "mode": None, "reports": "r", "lang": ""}
    assert typed_words(given) == ("--target", "neonize", "--store", "my bot.db", "--connect")
    assert Invocation(typed=typed_words(given)).again("shop") == (
        "pytest checks --session shop --target neonize --store 'my bot.db' --connect"
    )


def test_the_scenario_belongs_to_the_session():
    assert Invocation(("wadiag", "check"), option="").again("a", "closed") == "wadiag check a=closed"
