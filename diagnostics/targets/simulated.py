"""The embedded default: the real neonize client against a WhatsApp server of our own on loopback.

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
from diagnostics.neonize.process import CallFailed, Worker, WorkerProblem, environment
from diagnostics.scratch import Folder
from diagnostics.simulator import SCENARIOS, Scenario, SimulatedAccount, SimulatorError, WhatsAppServer

DEFAULT_SESSION = "testing"  # the one session that exists where no scenario says otherwise
PAIRING = 20.0  # s for linking a store, the worker's start included; it takes some 0.1 s
NAME = "simulator"


class SimulatedTarget:
    """Sessions on the embedded simulator. Implements `targets.base.Target`.

    Args:
        scenarios: session name → what is played for it; None for a session nobody described: the default session
            is healthy, and any other does not exist.
    """

    def __init__(self, scenarios: Mapping[str, str | None]) -> None:
        self._scenarios = {
            name: SCENARIOS[scenario or ("healthy" if name == DEFAULT_SESSION else "missing")]
            for name, scenario in scenarios.items()
        }

    def describe(self) -> str:
        return f"{NAME} (embedded, nothing leaves this machine)"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Rehearsal]:
        server = WhatsAppServer()
        worker = Worker(environment(server.client_environment()))
        try:
            worker.start()  # neonize's imports take longest, so they overlap with the simulator's
            await asyncio.to_thread(server.start)
            with Folder("wadiag-stores-") as stores:
                yield _Rehearsal(self._scenarios, server, stores, worker)
        finally:
            await worker.close()
            await asyncio.to_thread(server.close)


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
            target=NAME,
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
    recorder.source = NAME
    recorder.rest_absent(Absence.CRASHED, f"the rehearsal could not be prepared: {problem}")
    return recorder.evidence(NAME)
