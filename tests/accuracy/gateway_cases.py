"""Play the cases of a gateway: a `wadiag serve` with all sessions, looked at as by `--target gateway --send-to`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import httpx2

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.evidence.request import Request
from diagnostics.running.collect import aspects_for
from diagnostics.simulator import SimulatedAccount, WhatsAppServer
from diagnostics.testing.sessions import PairedSession, Template
from tests.accuracy.accuracy_score import Played
from tests.accuracy.accuracy_table import Case
from tests.configured import look, opening
from tests.gateway.fleets import place
from tests.serving import TOKEN, serving

DEADLINE = 20.0  # s for a session
_PATIENCE = 30.0  # s for sessions to be online, or to say that they are not
_HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}


def play(cases: Sequence[Case], folder: Path) -> list[Played]:
    with WhatsAppServer() as server:
        template = Template.link(server, folder)
        sessions = asyncio.run(place(folder / "gateway", server, template, *(case.session for case in cases)))
        contacts = {case.session: server.add_account() for case in cases}
        _apply(cases, "login", server, sessions)
        with serving(server, folder) as url, mock.patch.dict(os.environ, WADIAG_TOKEN=TOKEN):
            return asyncio.run(_play(cases, url, server, sessions, contacts))


def _apply(cases: Sequence[Case], when: str, server: WhatsAppServer, sessions: dict[str, PairedSession]) -> None:
    for case in cases:
        if case.where == when:
            server.apply(sessions[case.session].account, case.faults)


async def _play(
    cases: Sequence[Case],
    url: str,
    server: WhatsAppServer,
    sessions: dict[str, PairedSession],
    contacts: dict[str, SimulatedAccount],
) -> list[Played]:
    async with httpx2.AsyncClient(base_url=f"{url}/whatsapp", headers=_HEADERS, timeout=_PATIENCE) as client:
        await asyncio.gather(*(_until_settled(client, case) for case in cases))
    await asyncio.to_thread(_apply, cases, "online", server, sessions)
    by_name, target = {case.session: case for case in cases}, opening("gateway", url=url)
    requests = [Request(n, aspects_for(CHECK_BY_ID), DEADLINE, contacts[n].phone) for n in by_name]
    found = await look(target, requests)
    return [Played(by_name[n], each, DEADLINE, len(contacts[n].inbox)) for n, each in found.items()]


async def _until_settled(client: httpx2.AsyncClient, case: Case) -> None:
    """Wait until the session is online, or until the gateway says of a refused one what is wrong."""
    until = time.monotonic() + _PATIENCE
    while True:
        document = (await client.get(f"/health/{case.session}")).json()
        assert "findings" in document, document
        causes = [finding["cause"] for finding in document["findings"]]
        if causes == [] if case.where == "online" else causes and "socket-connecting" not in causes:
            return
        assert time.monotonic() < until, (case.name, document)
        await asyncio.sleep(0.05)
