"""A pytest that lacks packages says so in one sentence: which pytest, which package, what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.check_runs import ROOT, USAGE, environment

# A pytest of somebody's system, as far as these packages are concerned.
WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {names!r} else found(name, package)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


def pytest_without(*names: str, arguments: tuple[str, ...], cwd: Path = ROOT) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=names), "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("missing", ["msgspec", "neonize"])
def test_the_systems_pytest_is_told_which_one_to_call_instead(missing):
    code, said = pytest_without(missing, arguments=("checks", "--session", "testing"))
    assert code == USAGE
    assert "Traceback" not in said
    assert f"the package {missing} is not installed there" in said
    assert "make check" in said or ".venv/bin/pytest" in said


def test_a_bare_pytest_without_the_packages_of_the_tests_is_told_how_to_run_them():
    code, said = pytest_without("hypothesis", arguments=())
    assert code == USAGE
    assert "Traceback" not in said
    assert "run the project's tests with: make test" in said
