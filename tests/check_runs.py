"""`pytest checks …` as a plain installation runs it: in a process of its own, or in this one, which costs a third."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parents[1]
OK, FAILED, INTERRUPTED, USAGE, NOTHING_CHECKED = 0, 1, 2, 4, 5


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    reports: Path

    @property
    def page(self) -> str:
        return (self.reports / "latest.html").read_text(encoding="utf-8")


def _options(reports: Path, *arguments: str) -> list[str]:
    """A run with the plugins that a plain installation has."""
    plugins = ["-p", "html", "-p", "metadata", "-p", "no:cacheprovider"]
    plugins += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # -p takes "html" for the module of that name
    return ["checks", "--reports", str(reports), *plugins, *arguments]


def command(reports: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *_options(reports, *arguments)]


def environment(**more: str) -> dict[str, str]:
    """Of the caller's environment what does not change what is printed; in CI, pytest does not shorten lines."""
    changing = ("WADIAG_", "PYTEST_", "COLUMNS", "CI", "BUILD_NUMBER")
    env = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
    return env | {"COLUMNS": "80", "NO_COLOR": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | more


def runner(reports: Path) -> Callable[..., Ran]:
    """Run the checks; their report goes to the given directory."""

    def run(*arguments: str, cwd: Path = ROOT, **env: str) -> Ran:
        done = subprocess.run(
            command(reports, *arguments), cwd=cwd, env=environment(**env), capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr
        return Ran(done.returncode, done.stdout + done.stderr, reports)

    return run


def runner_here(reports: Path) -> Callable[..., Ran]:
    """The same in this process: for what does not hang on how a process starts and ends."""

    def run(*arguments: str, cwd: Path = ROOT, **env: str) -> Ran:
        buffer = io.BytesIO()
        out = io.TextIOWrapper(buffer, encoding="utf-8", write_through=True)  # as a terminal has an encoding
        with (
            mock.patch.dict(os.environ, environment(**env), clear=True),
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            # At its end that plugin collects garbage five times, here that of all the tests; theirs does it as well.
            code = pytest.main(_options(reports, *arguments, "-p", "no:unraisableexception"))
        said = buffer.getvalue().decode()
        assert "Traceback" not in said
        return Ran(int(code), said, reports)

    return run
