"""`wadiag simulate` in a process of its own, as a person types at it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.check_runs import ROOT


class Simulation:
    """The process. `where` is its first line: how a client comes to it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "diagnostics.cli", "simulate", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.where = self.read()

    def read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, line: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        self.process.communicate(timeout=30)
