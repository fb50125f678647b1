"""`wadiag serve` in a process of its own, against the simulator."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diagnostics.simulator import WhatsAppServer
from tests.check_runs import ROOT, environment

TOKEN = "a-token-for-these-tests-only"


@contextmanager
def serving(server: WhatsAppServer, directory: Path) -> Iterator[str]:
    """The address of a gateway that keeps its state in this directory; its token is TOKEN. Its log is there, too."""
    env = environment(**server.bot_environment(), WADIAG_TOKEN=TOKEN, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "diagnostics.cli", "serve", "--port", "0"]
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(command, cwd=directory, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("listening on "), (directory / "log").read_text()
        try:
            yield first.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.communicate(timeout=30)
