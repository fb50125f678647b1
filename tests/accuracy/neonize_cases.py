"""Play the cases of a store that is looked at with the real client: sessions together, in groups, as a run does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from diagnostics.evidence.request import Request
from diagnostics.model import Aspect
from diagnostics.neonize import pool
from diagnostics.neonize.observe import ObserveResult, observe
from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import SimulatedAccount, WhatsAppServer
from diagnostics.testing.sessions import PairedSession, Template
from tests.accuracy.accuracy_score import Played
from tests.accuracy.accuracy_table import Case

DEADLINE = 15.0  # s for a session
_STARTING = 30.0  # s for a worker to load neonize, on a busy machine


def play(cases: Sequence[Case], folder: Path) -> Iterator[Played]:
    """Play the cases; those whose faults are everybody's each get a server of their own."""
    together = [case for case in cases if case.where != "all"]
    for number, group in enumerate([together, *([case] for case in cases if case.where == "all")]):
        (place := folder / str(number)).mkdir()
        if group:
            yield from asyncio.run(_play(group, place))


async def _play(cases: Sequence[Case], folder: Path) -> list[Played]:
    with WhatsAppServer() as server:
        template = await asyncio.to_thread(Template.link, server, folder)
        sessions = {case.session: template.copy(server, folder / f"{case.session}.db") for case in cases}
        contacts = {case.session: server.add_account() for case in cases}
        for case in cases:
            owners = {"account": sessions[case.session].account, "contact": contacts[case.session], "all": None}
            server.apply(owners[case.where], case.faults)
        return await _look(cases, server, sessions, contacts)


async def _look(
    cases: Sequence[Case],
    server: WhatsAppServer,
    sessions: dict[str, PairedSession],
    contacts: dict[str, SimulatedAccount],
) -> list[Played]:
    async def look(worker: Worker, request: Request) -> ObserveResult:
        await worker.hello(_STARTING, server.noise_root)
        store = sessions[request.session].store
        return await observe(worker, request, store, proxy=server.proxy_url, fast_store=True)

    by_name = {case.session: case for case in cases}
    requests = [Request(name, frozenset(Aspect), DEADLINE, contacts[name].phone) for name in by_name]
    played = []
    async for evidence in pool.observe_all(requests, lambda: Worker(environment(server.client_environment())), look):
        arrived = len(contacts[evidence.session].inbox)
        played.append(Played(by_name[evidence.session], evidence, DEADLINE, arrived))
    return played
