"""Rehearsals: the real neonize client against a WhatsApp server of our own on loopback.

Every session gets a store of its own, paired with the simulator as a phone would do it, then the faults of its
scenario, and is then looked at with the very code that looks at live sessions. Nothing leaves this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from diagnostics.errors import TargetProblem
from diagnostics.evidence.recorder import Recorder, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence
from diagnostics.neonize import link_store, pool
from diagnostics.neonize.observe import ObserveResult, observe
from diagnostics.neonize.process import CallFailed, Worker, WorkerProblem
from diagnostics.neonize.worker_environment import environment
from diagnostics.scratch import Folder
from diagnostics.simulator import SCENARIOS, Scenario, SimulatedAccount, SimulatorError, WhatsAppServer
from diagnostics.targets.base import DEFAULT_TARGET
from diagnostics.targets.simulated.rehearsal_settings import DEFAULT_SESSION, Rehearsed

PAIRING = 20.0  # s for linking a store, the worker's start included; it takes some 0.1 s


class StartedRehearsal:
    """A rehearsal whose worker is loading neonize already, which takes longest. Implements `targets.base.Started`."""

    def __init__(self) -> None:
        self._server = WhatsAppServer()
        self._worker = Worker(environment(self._server.client_environment()))
        self._worker.start()

    @asynccontextmanager
    async def open(self, sessions: Mapping[str, Rehearsed]) -> AsyncIterator[_Rehearsal]:
        """A running simulator for these sessions."""
        played = {
            name: SCENARIOS[own.scenario or ("healthy" if name == DEFAULT_SESSION else "missing")]
            for name, own in sessions.items()
        }
        try:
            await asyncio.to_thread(self._server.start)
            with Folder("wadiag-stores-") as stores:
                yield _Rehearsal(played, self._server, stores, self._worker)
        finally:
            await self._worker.close()
            await asyncio.to_thread(self._server.close)

    def close(self) -> None:
        self._worker.kill()
        self._server.close()


@dataclass(slots=True)
class _Rehearsal:
    """The running simulator, a first worker that is already loading, and a directory for stores."""

    scenarios: Mapping[str, Scenario]
    server: WhatsAppServer
    stores: Path
    early: Worker | None
    prepared: dict[str, SimulatedAccount | None] = field(default_factory=dict)

    def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:
        return pool.observe_all(requests, self._worker, self._look)

    def _worker(self) -> Worker:
        worker, self.early = self.early, None
        return worker or Worker(environment(self.server.client_environment()))

    async def _look(self, worker: Worker, request: Request) -> ObserveResult:
        scenario = self.scenarios[request.session]
        store = self.stores / f"{request.session}.sqlite3"
        try:
            await worker.hello(PAIRING, self.server.noise_root)
            await self._prepare(worker, request.session, scenario, store)
        except (WorkerProblem, CallFailed, SimulatorError, TargetProblem) as problem:
            return ObserveResult(_unprepared(request, str(problem)), crashed=worker.crash is not None)
        if request.send_to is None:
            request = replace(request, send_to=self.server.contact.phone)  # here, sending is the default
        else:
            with contextlib.suppress(SimulatorError):  # somebody has that number already
                self.server.add_account(request.send_to)
        state_attribute = scenario.client.get("state_attribute", "is_connected")
        looked = await observe(
            worker,
            request,
            store,
            target=DEFAULT_TARGET,
            jid=account.jid if (account := self.prepared[request.session]) else None,
            proxy=self.server.proxy_url,
            fast_store=True,
            state_attribute=state_attribute,
            unlinked=True,
        )
        missing = looked.evidence.get(Aspect.EXISTS)
        if missing is None or missing.value is not False:
            return looked
        said = f"the simulator has only {DEFAULT_SESSION}, and what --session NAME=SCENARIO names"
        observations = {**looked.evidence.observations, Aspect.EXISTS: replace(missing, raw=said)}
        if store_seen := observations.get(Aspect.STORE):  # here a session without a store is one that never was
            observations[Aspect.STORE] = replace(
                store_seen, value=None, absence=Absence.BLOCKED, detail="the session does not exist"
            )
        return replace(looked, evidence=replace(looked.evidence, observations=observations))

    async def _prepare(self, worker: Worker, session: str, scenario: Scenario, store: Path) -> None:
        """The session's store as the scenario wants it, and the faults that follow."""
        account = None  # a new one too where the session is looked at again: the first look may have used up its store
        for leftover in store.parent.glob(f"{store.name}*"):
            leftover.unlink()
        proxy = self.server.proxy_url
        if scenario.store == "empty":
            await link_store.create(worker, session, store, deadline=PAIRING, proxy=proxy, fast_store=True)
        elif scenario.store == "paired":
            account = self.server.add_account(name=session)
            await link_store.pair(
                worker,
                session,
                store,
                show=partial(self.server.scan, account=account),
                deadline=PAIRING,
                proxy=proxy,
                fast_store=True,
            )
            self.server.apply(account, scenario.faults)
        self.prepared[session] = account


def _unprepared(request: Request, problem: str) -> Evidence:
    recorder = Recorder(request, utc_now)
    recorder.source = DEFAULT_TARGET
    recorder.rest_absent(Absence.CRASHED, f"the rehearsal could not be prepared: {problem}")
    return recorder.evidence(DEFAULT_TARGET)
