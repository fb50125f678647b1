"""Play the cases of an attached bot: an example bot in a process of its own, asked for its health; nothing is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.evidence.request import Request
from diagnostics.model import Verdict
from diagnostics.running.collect import aspects_for
from diagnostics.simulator import WhatsAppServer
from diagnostics.testing.sessions import Template
from tests.accuracy.accuracy_score import Played, diagnosed
from tests.accuracy.accuracy_table import Case
from tests.configured import look, opening
from tests.serving import TOKEN

DEADLINE = 12.0  # s
SESSION = "testing"  # the name that the example gives its session
_LOOKS = 40  # until the bot has heard what was done to it
_BOT = Path(__file__).parents[2] / "docs" / "examples" / "echo_bot_with_health.py"


def play(cases: Sequence[Case], folder: Path) -> Iterator[Played]:
    with WhatsAppServer() as server:
        template = Template.link(server, folder)
        for case in cases:
            session = template.copy(server, folder / f"{case.session}.db")
            if case.where == "login":
                server.apply(session.account, case.faults)
            with session.run(_BOT, str(session.store), "0", env={"WADIAG_TOKEN": TOKEN}) as bot:
                url = bot.wait_for("health at").split()[-1]
                if case.where == "online":
                    bot.wait_for("ready")
                    server.apply(session.account, case.faults)
                yield asyncio.run(_look(case, url))


async def _look(case: Case, url: str) -> Played:
    """What the bot says as soon as it does not say what it said before; a healthy one is asked twice."""
    wanted = aspects_for(CHECK_BY_ID)
    with mock.patch.dict(os.environ, WADIAG_TOKEN=TOKEN):
        for left in reversed(range(_LOOKS if case.cause else 2)):
            evidence = (await look(opening("gateway", url=url), [Request(SESSION, wanted, DEADLINE)]))[SESSION]
            diagnosis = diagnosed(evidence)
            early = diagnosis.verdict is Verdict.HEALTHY or (
                diagnosis.root is not None and diagnosis.root.cause == "socket-connecting"
            )
            if not left or not early:
                return Played(case, evidence, DEADLINE)
            await asyncio.sleep(0.1)
    raise AssertionError("there is a last look")
