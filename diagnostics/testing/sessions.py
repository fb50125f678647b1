"""Linked sessions and running bots for tests.

Linking a session with the real client takes about 0.6 s. So one session is linked per run, and each test gets a copy of
its store, which the simulator assigns to an account of the test's own. A bot runs in a process of its own; a thread
reads its output, and `RunningBot.wait_for` waits for a line of it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from diagnostics.neonize.link_store import pair
from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import SimulatedAccount, WhatsAppServer

_LINK_TIMEOUT = 30.0  # s, the start of a client process included; it takes about 0.6
_EXIT_TIMEOUT = 5.0  # s for a bot to exit by itself
_LINES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Template:
    """The session that was linked with the real client."""

    store: Path
    account: SimulatedAccount

    @classmethod
    def link(cls, server: WhatsAppServer, folder: Path) -> Template:
        """Link a store: the client shows a QR code, the account's phone scans it."""
        account = server.add_account(name="owner")
        store = folder / "template.sqlite3"

        async def link() -> None:
            worker = Worker(environment(server.client_environment()))
            try:
                await worker.hello(_LINK_TIMEOUT, server.noise_root)
                await pair(
                    worker,
                    "template",
                    store,
                    show=partial(server.scan, account=account),
                    deadline=_LINK_TIMEOUT,
                    proxy=server.proxy_url,
                    settled=lambda: account.synchronized or not server.settings.share_settings,
                )
            finally:
                await worker.close()

        asyncio.run(link())
        return cls(store, account)

    def copy(self, server: WhatsAppServer, store: Path) -> PairedSession:
        """Copy the session to the path `store`, for a new account."""
        account = server.add_account(name="owner")
        server.copy_session(self.store, self.account, store, account)
        return PairedSession(store, account, server)


@dataclass(frozen=True, slots=True)
class PairedSession:
    """A linked store, which can log in.

    Attributes:
        store: path of the SQLite file, for `NewClient(str(store))`.
        account: its account; `account.messages` is what the session sent.
        server: the server that it can log in to.
    """

    store: Path
    account: SimulatedAccount
    server: WhatsAppServer

    @contextmanager
    def run(self, bot: str | Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[RunningBot]:
        """Run an unmodified neonize bot in a process of its own against the server; end it after the block.

        Args:
            bot: path of the script; `arguments` are its own.
            env: variables that override those of this process.
        """
        command = [sys.executable, "-m", "diagnostics.rehearse", str(bot), *arguments]
        with subprocess.Popen(  # noqa: S603 - the caller's own script
            command,
            env=environment({**os.environ, **(env or {}), **self.server.bot_environment()}),  # all that a bot may need
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            running = RunningBot(process)
            try:
                yield running
            finally:
                process.terminate()
                try:
                    process.wait(_EXIT_TIMEOUT)
                except subprocess.TimeoutExpired:
                    process.kill()
                running.reader.join(_EXIT_TIMEOUT)


class RunningBot:
    """A running bot.

    Attributes:
        process: its process.
        output: the last lines that it and neonize printed, for the message of a failed assertion.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output: deque[str] = deque(maxlen=_LINES_KEPT)
        self._waited_for = 0
        self._lines = 0
        self._line_arrived = threading.Condition()
        self.reader = threading.Thread(target=self._read, name="bot output", daemon=True)
        self.reader.start()

    def wait_for(self, words: str, seconds: float = 30.0) -> str:
        """Wait for the next line that contains these words. Each line is found once.

        Raises:
            AssertionError: `seconds` passed, or the bot exited; the message has the bot's last lines.
        """
        until = time.monotonic() + seconds
        with self._line_arrived:
            while True:
                first = max(self._waited_for, self._lines - len(self.output))
                for number in range(first, self._lines):
                    line = self.output[number - self._lines]
                    if words in line:
                        self._waited_for = number + 1
                        return line
                left = until - time.monotonic()
                if left <= 0 or not self.reader.is_alive():
                    what = "did not say" if left <= 0 else "ended without saying"
                    raise AssertionError(f"the bot {what} {words!r}:\n" + "\n".join(self.output))
                self._line_arrived.wait(min(left, 0.1))

    def _read(self) -> None:
        for line in self.process.stdout or ():
            with self._line_arrived:
                self.output.append(line.rstrip("\n"))
                self._lines += 1
                self._line_arrived.notify_all()


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition becomes true within `seconds`. It is evaluated every 10 ms."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
