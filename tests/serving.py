"""`wadiag serve` in a process of its own, against the simulator."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diagnostics.simulator import WhatsAppServer
from tests.check_runs import ROOT, environment

TOKEN = "a-token-for-these-tests-only"


@dataclass(frozen=True)
class ServedGateway:
    """A gateway's process, where it listens, and the file that holds its log."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def served(server: WhatsAppServer, directory: Path, port: int = 0, files: int | None = None) -> Iterator[ServedGateway]:
    """A gateway that keeps its state in this directory; its token is TOKEN, and its log is appended to `log` there.

    Args:
        files: that it may open; None for as many as this process.
    """
    env = environment(**server.bot_environment(), WADIAG_TOKEN=TOKEN, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "diagnostics.cli", "serve", "--port", str(port)]
    if files is not None:
        command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
    path = directory / "log"
    with (
        path.open("a", encoding="utf-8") as log,
        subprocess.Popen(command, cwd=directory, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("listening on "), path.read_text(encoding="utf-8")
            yield ServedGateway(process, first.removeprefix("listening on ").strip(), path)
        finally:
            process.terminate()
            process.communicate(timeout=30)


@contextmanager
def serving(server: WhatsAppServer, directory: Path) -> Iterator[str]:
    """The address of a gateway that keeps its state in this directory; its token is TOKEN. Its log is there, too."""
    with served(server, directory) as gateway:
        yield gateway.url
