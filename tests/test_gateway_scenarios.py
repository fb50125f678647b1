"""Every scenario through a real gateway has the root cause and the verdict of docs/scenarios.md.

One `wadiag serve` holds all sessions at once. What it says is judged here, as `pytest checks --target gateway` does.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import httpx2
import pytest

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Evidence, Mode
from diagnostics.running.collect import aspects_for
from diagnostics.simulator import SCENARIOS, WhatsAppServer
from tests.configured import look, opening
from tests.scenario_table import TABLE, Row
from tests.serving import TOKEN, serving

DEADLINE = 9.0  # s for a session; the steps that never end take two fifths of it
BOT = Path(__file__).parent / "gateway" / "attached" / "bots" / "unreadable.py"
PATIENCE = 20.0  # s for what takes 1 s on an idle machine

# The gateway's own client always tells its state. One that does not is a bot's, and asked through its health route.
OF_A_BOT = "unknown-state"
ROWS = [row for row in TABLE if row.scenario != OF_A_BOT]


@pytest.fixture(scope="module")
def server() -> Iterator[WhatsAppServer]:
    with WhatsAppServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(server: WhatsAppServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a `wadiag serve` of this module's own answers."""
    with serving(server, tmp_path_factory.mktemp("gateway")) as url:
        yield url


@pytest.fixture(scope="module")
def evidence(server: WhatsAppServer, gateway: str) -> Mapping[str, Evidence]:
    """All scenarios at once: linked, made sick, connected again and looked at."""
    with mock.patch.dict(os.environ, WADIAG_TOKEN=TOKEN):
        return asyncio.run(look_at_all(server, gateway))


async def look_at_all(server: WhatsAppServer, gateway: str) -> Mapping[str, Evidence]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    async with httpx2.AsyncClient(base_url=f"{gateway}/whatsapp", headers=headers, timeout=PATIENCE) as client:
        await asyncio.gather(*(play(server, client, row) for row in ROWS))
    requests = [Request(row.scenario, aspects_for(CHECK_BY_ID), DEADLINE, server.contact.phone) for row in ROWS]
    target = opening("gateway", url=gateway)
    return await look(target, requests)


async def play(server: WhatsAppServer, client: httpx2.AsyncClient, row: Row) -> None:
    """Bring a session to where its scenario wants it."""
    scenario = SCENARIOS[row.scenario]
    if scenario.store == "none":
        return
    answer = await client.get(f"/qr-image/{scenario.name}")
    if scenario.store == "empty":
        return
    account = await asyncio.to_thread(server.add_account)
    await asyncio.to_thread(server.scan, answer.json()["qr"], account)
    await until(client, scenario.name, None)
    if scenario.faults:
        await asyncio.to_thread(server.apply, account, scenario.faults)
        (await client.post(f"/sessions/{scenario.name}/reconnect")).raise_for_status()
        sends = row.check is not None and row.check.startswith("send.")
        await until(client, scenario.name, None if sends else row.cause)


async def until(client: httpx2.AsyncClient, session: str, cause: str | None) -> None:
    """Wait until the gateway itself says that this is the root cause."""
    limit = time.monotonic() + PATIENCE
    while True:
        document = (await client.get(f"/health/{session}", params={"fresh": "1"})).json()
        found = [finding["cause"] for finding in document["findings"]]
        if found[:1] == ([cause] if cause else []):
            return
        assert time.monotonic() < limit, (session, cause, document["findings"])
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.scenario)
def test_a_scenario_looks_the_same_through_a_gateway(evidence, row, mode):
    diagnosis = judge(evidence[row.scenario], mode=mode, now=datetime.now(UTC))
    assert (diagnosis.root and diagnosis.root.cause) == row.cause
    assert (diagnosis.root and diagnosis.root.check) == row.check
    assert diagnosis.verdict is row.verdicts[mode]
    assert len(diagnosis.findings) == (0 if row.cause is None else 1)


def test_a_bot_whose_socket_state_nobody_can_read_looks_the_same_through_its_health_route(
    whatsapp_session, monkeypatch
):
    monkeypatch.setenv("WADIAG_TOKEN", TOKEN)
    (row,) = (row for row in TABLE if row.scenario == OF_A_BOT)
    with whatsapp_session.run(BOT, str(whatsapp_session.store), env={"WADIAG_TOKEN": TOKEN}) as bot:
        target = opening("gateway", url=bot.wait_for("health at").split()[-1])
        bot.wait_for("ready")
        found = asyncio.run(look(target, [Request(OF_A_BOT, aspects_for(CHECK_BY_ID), DEADLINE)]))
    for mode in Mode:
        diagnosis = judge(found[OF_A_BOT], mode=mode, now=datetime.now(UTC))
        assert diagnosis.root
        assert (diagnosis.root.cause, diagnosis.root.check) == (row.cause, row.check)
        assert diagnosis.verdict is row.verdicts[mode]
