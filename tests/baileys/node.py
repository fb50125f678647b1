"""Real, unmodified Baileys for tests: one Node process with many sessions, and plain calls."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diagnostics.simulator import Settings, SimulatedAccount, WhatsAppServer

HERE = Path(__file__).parent
_SECONDS = 10.0  # for what takes a few milliseconds


def missing() -> str:
    """Why Baileys cannot be run here, "" where it can."""
    if shutil.which("node") is None:
        return "there is no node; Baileys needs version 20 or newer"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        return f"node is {version}; Baileys needs version 20 or newer"
    if not (HERE / "node_modules" / "baileys").is_dir():
        return f"Baileys is not installed: cd {HERE} && npm ci"
    return ""


class Node:
    """A server, and a Node process whose sessions come to it."""

    def __init__(self, folder: Path) -> None:
        self.server = WhatsAppServer(settings=Settings(share_settings=True)).start()
        self._folder = folder
        self._names = (f"session{number}" for number in itertools.count(1))
        self._heard: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._numbers = itertools.count(1)
        with self.trouble.open("wb") as trouble:
            self.process = subprocess.Popen(
                ["node", "--import", str(self.server.node_preload), str(HERE / "driver.mjs")],
                env={**os.environ, **self.server.bot_environment()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=trouble,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def trouble(self) -> Path:
        """What Baileys has warned of."""
        return self._folder / "trouble.txt"

    def session(self, account: SimulatedAccount | None = None) -> Session:
        """A session that is not linked yet."""
        name = next(self._names)
        return Session(self, name, account or self.server.add_account(), self._folder / name)

    def ask(self, **command: Any) -> Any:
        """Have the driver do it; its answer."""
        number = next(self._numbers)
        assert self.process.stdin is not None
        with self._news:
            self.process.stdin.write(json.dumps({"id": number, **command}) + "\n")
            self.process.stdin.flush()
        answer = self.wait(lambda line: line.get("id") == number)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def wait(self, wanted: Callable[[dict[str, Any]], bool], since: int = 0) -> dict[str, Any]:
        """The first line of the driver's that is wanted, once it is there."""

        def found() -> Iterator[dict[str, Any]]:
            return (line for line in self._heard[since:] if wanted(line))

        with self._news:
            there = self._news.wait_for(lambda: any(True for _ in found()), _SECONDS)
            assert there, f"not among {self._heard[since:]}\n{self.trouble.read_text(errors='replace')[-4000:]}"
            return next(found())

    @property
    def lines(self) -> int:
        """How many the driver has written."""
        return len(self._heard)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self._heard.append(json.loads(line))
                self._news.notify_all()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join()
        self.process.stdout.close()
        self.server.close()


class Session:
    """A bot's session: a folder of credentials, as `useMultiFileAuthState` keeps it."""

    def __init__(self, node: Node, name: str, account: SimulatedAccount, folder: Path) -> None:
        self.node = node
        self.name = name
        self.account = account
        self.folder = folder
        self._since = 0

    def open(self) -> None:
        """Log in, or show a QR code."""
        self._since = self.node.lines
        self.node.ask(session=self.name, open=str(self.folder))

    def pair(self) -> Session:
        """Linked by QR code, and logged in."""
        self.open()
        self.node.server.scan(self.heard(event="update", qr=...)["qr"], self.account)
        self.heard(connection="open")
        return self

    def call(self, method: str, *arguments: Any) -> Any:
        """Of Baileys' socket."""
        return self.node.ask(session=self.name, call=method, args=arguments)

    def end(self) -> None:
        """Hang up, as a bot that stops."""
        self.call("end")
        self.heard(connection="close")

    def heard(self, **data: Any) -> dict[str, Any]:
        """The first event with these values since `open`, once it is there; `...` is any value."""

        def wanted(line: dict[str, Any]) -> bool:
            return line.get("session") == self.name and all(
                name in line and value in (..., line[name]) for name, value in data.items()
            )

        return self.node.wait(wanted, self._since)


@contextmanager
def running(folder: Path) -> Iterator[Node]:
    node = Node(folder)
    try:
        yield node
    finally:
        node.close()
