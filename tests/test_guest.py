"""In other people's pytest this package is a guest: it brings fixtures named whatsapp_… and nothing else.

Each test is a project of somebody else's, with plugin autoload on, where this package is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.check_runs import NOTHING_CHECKED, OK, ROOT, USAGE, environment

OWN_OPTIONS = """
import pytest

def pytest_addoption(parser):
    for name in ("--url", "--target", "--mode", "--session", "--store", "--deadline", "--config", "--lang"):
        parser.addoption(name)

@pytest.fixture
def session_name():
    return "their own"

@pytest.fixture
def diagnosis(request):
    return request.config.getoption("--target")
"""
OWN_TEST = """
def test_of_their_own(session_name, diagnosis):
    assert (session_name, diagnosis) == ("their own", "esp32")
"""
# What pytest-embedded and its kind do: an installed plugin with options of the same names.
PLUGIN = """
def pytest_addoption(parser):
    group = parser.getgroup("embedded")
    for name in ("--target", "--port", "--url", "--proxy", "--connect"):
        group.addoption(name)
"""


@pytest.fixture
def project(tmp_path: Path):
    """Run pytest in a project of these files; everything that is printed, and the exit code."""

    def run(files: dict[str, str], *arguments: str, **env: str) -> tuple[int, str]:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        mine = environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path / "site")]), **env)
        del mine["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env=mine,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_options_and_fixtures_of_the_same_names_are_theirs(project):
    code, said = project({"conftest.py": OWN_OPTIONS, "test_own.py": OWN_TEST}, "--target", "esp32", "--mode", "fast")
    assert code == OK, said
    assert "1 passed" in said


def test_an_installed_plugin_may_have_options_of_the_same_names(project):
    metadata = "Metadata-Version: 2.1\nName: pytest-boards\nVersion: 1\n"
    site = {
        "site/boards.py": PLUGIN,
        "site/pytest_boards-1.dist-info/METADATA": metadata,
        "site/pytest_boards-1.dist-info/entry_points.txt": "[pytest11]\nboards = boards\n",
    }
    own = {"test_own.py": "def test_it(request):\n    assert request.config.getoption('target') == 'esp32'\n"}
    code, said = project({**site, **own}, "--target", "esp32")
    assert code == OK, said
    assert "boards" in said, "their plugin was loaded on its own"


def test_no_option_marker_or_header_of_ours_is_there(project):
    code, said = project({"test_own.py": "def test_it(): pass\n"}, "--help")
    assert code == OK
    assert "WhatsApp session diagnostics" not in said
    assert "--send-to" not in said
    _, markers = project({}, "--markers")
    assert "check(id)" not in markers


def test_all_fixtures_of_ours_have_the_prefix(project):
    _, said = project({"test_own.py": "def test_it(): pass\n"}, "--fixtures", "-v")
    ours = [line.split()[0] for line in said.splitlines() if "diagnostics" in line and " -- " in line]
    assert ours
    assert all(name.startswith("whatsapp_") for name in ours), ours


def test_a_checks_package_of_their_own_is_never_taken_for_ours(project):
    """It once said "1 passed", and nobody had looked at the session."""
    theirs = {"checks/__init__.py": "", "checks/test_disk.py": "def test_disk(): pass\n"}
    code, said = project(theirs, "--pyargs", "checks", "--session", "testing")
    assert code == USAGE, said
    assert "passed" not in said


def test_a_session_that_no_collected_test_asks_for_is_wrong_input(project):
    code, said = project({"test_own.py": "def test_it(): pass\n"}, "-p", "diagnostics.plugin", "--session", "testing")
    assert code == USAGE, said
    assert "no collected test looks at a session" in said
    assert "wadiag check NAME" in said


OWN_CHECKS = """
import pytest

@pytest.mark.check("socket.state")
def test_the_socket_is_open(judged):
    judged.accept()
    assert judged.result.outcome == "pass"

def test_it_answers_fast(diagnosis):
    '''A check of one's own: reads the whole diagnosis.'''
    assert diagnosis.verdict == "healthy"
    assert diagnosis.result("session.responds").outcome == "pass"
"""


def test_checks_of_ones_own_read_the_diagnosis_and_the_standing_of_a_check(project):
    """As docs/own-checks.md says."""
    files = {"mine/test_mine.py": OWN_CHECKS}
    code, said = project(files, "-p", "diagnostics.plugin", "mine", "--session", "testing", "--reports", "r")
    assert code == OK, said
    assert "2 passed" in said
    assert "✔ testing  HEALTHY (simulated)" in said


def test_a_conftest_may_load_the_plugin_for_checks_of_ones_own(project):
    files = {"conftest.py": 'pytest_plugins = ["diagnostics.plugin"]\n', "test_mine.py": OWN_CHECKS}
    code, said = project(files, "--session", "testing", "--reports", "r", "-k", "nothing-at-all")
    assert code == NOTHING_CHECKED, said
