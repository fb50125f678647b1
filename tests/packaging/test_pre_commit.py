"""The hooks of .pre-commit-config.yaml can run."""

from __future__ import annotations

import shlex
import sysconfig
from pathlib import Path

import yaml

from tests.check_runs import ROOT

HOOKS = [
    hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    for hook in repository["hooks"]
]


def test_every_hook_runs_a_command_that_the_development_environment_installs():
    commands = [shlex.split(hook["entry"])[0] for hook in HOOKS]
    assert [each for each in commands if not each.startswith(".venv/bin/")] == []
    scripts = Path(sysconfig.get_path("scripts"))
    assert [each for each in commands if not (scripts / Path(each).name).is_file()] == []


def test_no_hook_downloads_anything():
    assert {hook["language"] for hook in HOOKS} == {"system"}
