"""Linked sessions for tests: one is linked for real with the real client, all others are copies of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from diagnostics.simulator import SimulatedAccount, WhatsAppServer
from diagnostics.targets.neonize.pairing import pair
from diagnostics.targets.neonize.process import Worker, environment

_LINKING = 30.0  # s, the start of a client process included; it takes about 0.6
_ENDING = 5.0  # s for a bot to end by itself


@dataclass(frozen=True, slots=True)
class Template:
    """The session that was linked for real."""

    store: Path
    account: SimulatedAccount

    @classmethod
    def link(cls, server: WhatsAppServer, folder: Path) -> Template:
        """Link a store as a person does: the client shows a QR code, the account's phone scans it."""
        account = server.add_account(name="template")
        store = folder / "template.sqlite3"

        async def link() -> None:
            worker = Worker(environment(server.client_environment()))
            try:
                await worker.hello(_LINKING, server.noise_root)
                scan = partial(server.scan, account=account)
                await pair(worker, "template", store, show=scan, deadline=_LINKING, proxy=server.proxy_url)
            finally:
                await worker.close()

        asyncio.run(link())
        return cls(store, account)

    def copy(self, server: WhatsAppServer, store: Path) -> PairedSession:
        account = server.add_account(name="owner")
        server.copy_session(self.store, self.account, store, account)
        return PairedSession(store, account, server)


@dataclass(frozen=True, slots=True)
class PairedSession:
    """A store that is linked, and can be logged in with.

    Attributes:
        store: path of the SQLite file, for `NewClient(str(store))`.
        account: whom it belongs to; `account.messages` is what the session sent.
        server: where it can log in.
    """

    store: Path
    account: SimulatedAccount
    server: WhatsAppServer

    @contextmanager
    def run(self, bot: str | Path, *arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
        """Run an unmodified neonize bot in a process of its own against the server, and end it behind the block.

        Args:
            bot: path of the script; `arguments` are its own.
            options: for `subprocess.Popen`; its output is a pipe unless said otherwise.
        """
        command = [sys.executable, "-m", "diagnostics.rehearse", str(bot), *arguments]
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options}
        env = {**os.environ, **environment(self.server.bot_environment())}
        with subprocess.Popen(command, env=env, **settings) as process:  # type: ignore[call-overload]  # noqa: S603
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(_ENDING)
                except subprocess.TimeoutExpired:
                    process.kill()
