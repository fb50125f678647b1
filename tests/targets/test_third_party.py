"""A package of somebody else adds a kind of target: docs/examples/target, installed as pip installs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.check_runs import FAILED, ROOT, USAGE, Ran, command, environment, runner


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example package is installed; to be put on the path. Its build needs no network."""
    where = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(where), str(ROOT / "docs" / "examples" / "target")], check=True)
    return where


@pytest.fixture
def run(installed: Path, tmp_path: Path):
    def run(*arguments: str, **status: object) -> Ran:
        for name, content in status.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return runner(tmp_path / "reports")(*arguments, PYTHONPATH=str(installed), COLUMNS="200")

    return run


def test_its_sessions_are_looked_at_and_judged_like_any_other(run, tmp_path):
    sessions = ("--session", "shop", "--session", "office", "--session", "nobody")
    look = ("--target", "statusfile", "--status-dir", str(tmp_path))
    ran = run(*sessions, *look, shop={"linked": True, "socket": 3}, office={"linked": False, "socket": 1})
    assert ran.code == FAILED
    assert f"target   status files in {tmp_path} (read only)" in ran.out
    assert "✘ shop  UNHEALTHY  cannot send: the connection is closed" in ran.out
    assert "✘ office  UNHEALTHY  cannot send: the QR code has not been scanned" in ran.out
    assert "✘ nobody  UNHEALTHY  cannot send: the session does not exist" in ran.out
    again = f"pytest checks --session shop --target statusfile --status-dir {tmp_path}"
    assert again in " ".join(ran.out.split())


def test_its_options_are_listed(installed, tmp_path):
    env = environment(PYTHONPATH=str(installed))
    done = subprocess.run(command(tmp_path, "--help"), cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert "--status-dir=DIR" in done.stdout
    kinds = done.stdout.partition("--target=NAME")[2].partition("or the name of a target")[0]
    assert "simulator (default), gateway, " in " ".join(kinds.split())
    assert "statusfile," in kinds


def test_its_options_are_for_its_sessions_alone(run):
    ran = run("--session", "shop", "--status-dir", ".")
    assert ran.code == USAGE
    assert "--status-dir is for sessions of a bot that writes status files, but session shop is looked at" in ran.out


def test_the_configuration_file_knows_it(run, tmp_path):
    file = tmp_path / "diagnostics.toml"
    file.write_text("[targets.bots]\nkind='statusfile'\nstatus_dirr='x'\n")
    ran = run("--session", "shop", "--config", str(file))
    assert ran.code == USAGE
    assert 'unknown key "targets.bots.status_dirr". Did you mean "status_dir"?' in ran.out
