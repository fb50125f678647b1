"""Starts a worker, watches it, and starts another when it dies or hangs.

The worker is asked something that needs no network every WATCHING seconds. If it does not answer, or has ended, its
`RunningWorker.gone` is set, and another is started after a wait that doubles with each failure in a row; on demand,
only once somebody needs one.

A crash of the client library ends the worker with all its sessions, and does not say which session caused it. So each
running worker notes what every session's client is doing (`RunningWorker.doing`): what was under way when the worker
died is what may have caused it. `worker_isolation` draws the conclusions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diagnostics.gateway.contract import Interrupted
from diagnostics.neonize import protocol
from diagnostics.neonize.process import (
    CallFailed,
    Worker,
    WorkerCrashed,
    WorkerProblem,
    WorkerTimeout,
    WorkerUnavailable,
)

_log = logging.getLogger("wadiag.gateway")

STARTING = 30.0  # s for a new worker to load neonize; it takes 0.5
WATCHING = 2.0  # s between two questions whether it still answers
HANGING = 5.0  # s without an answer to one that needs no network
FIRST, CAP = 0.5, 30.0  # s to wait before the second restart in a row and any later one; the first is at once
KEPT = 256  # clients that were never linked, each of which holds a thread of the worker until that ends
STABLE = 60.0  # s after which a crash counts as the first again


LOGIN = "Login"  # what a client does from its opening to the first answer, and while it reconnects by itself
_HARMLESS = (protocol.State, protocol.SendAvailable)  # read attributes, and never reach the library's connection


@dataclass(frozen=True, slots=True, eq=False)
class RunningWorker:
    """A worker that answers, until `gone` is done.

    Attributes:
        doing: session → what its client is doing: LOGIN, and the names of the calls under way. Once the worker has
            died: what they were doing then.
        supervisor: who started it.
    """

    worker: Worker
    gone: asyncio.Future[None]
    supervisor: Supervisor
    doing: dict[str, list[str]] = field(default_factory=dict)

    def logging_in(self, session: str) -> None:
        """The session's client is opened, or reconnects by itself."""
        if LOGIN not in self.doing.get(session, ()):
            self._begin(session, LOGIN)

    def logged_in(self, session: str) -> None:
        """The session's client is online and was answered."""
        self._end(session, LOGIN)
        self.supervisor.succeeded(session, LOGIN)

    def closed(self, session: str) -> None:
        """The session's client is closed."""
        self._end(session, LOGIN)

    def _begin(self, session: str, what: str) -> None:
        self.doing.setdefault(session, []).append(what)

    def _end(self, session: str, what: str) -> None:
        """The client is done with it. What was under way when the worker died stays."""
        if self.worker.crash is None and what in (under_way := self.doing.get(session, [])):
            under_way.remove(what)
            if not under_way:
                del self.doing[session]

    async def call(self, call: protocol.Call, deadline: float) -> dict[str, Any]:
        """Make one call.

        Args:
            deadline: seconds.

        Raises:
            Interrupted: the worker ended before it answered.
            CallFailed: the client refused or failed.
            WorkerTimeout: no answer in time.
        """
        if self.gone.done():
            raise self.supervisor.interrupted()
        session, what = getattr(call, "session", ""), type(call).__name__
        if not isinstance(call, _HARMLESS):
            self._begin(session, what)
        try:
            answer = await self.worker.call(call, deadline)
        except (WorkerCrashed, WorkerUnavailable) as problem:
            raise self.supervisor.interrupted(str(problem)) from problem
        finally:
            self._end(session, what)
        self.supervisor.succeeded(session, what)
        return answer


class Supervisor:
    """Keeps a worker running.

    Attributes:
        down: why there is no worker right now, "" if there is one.
        versions: what the last worker said of itself.
        restarts: how often a worker had to be replaced.
    """

    def __init__(
        self,
        new_worker: Callable[[], Worker],
        noise_root: bytes | None,
        *,
        watching: float = WATCHING,
        hanging: float = HANGING,
        idle: Callable[[], bool] = lambda: True,
        on_demand: bool = False,
        died: Callable[[RunningWorker], None] = lambda _: None,
        succeeded: Callable[[str, str], None] = lambda _session, _what: None,
    ) -> None:
        """
        Args:
            noise_root: see `protocol.Hello`.
            watching: seconds between two questions whether the worker still answers.
            hanging: seconds without an answer after which it hangs.
            idle: whether the worker may be replaced without cutting anything off.
            on_demand: start a worker only once somebody waits in `up`.
            died: called when a worker has died by itself, before anybody is told.
            succeeded: called with the session and the name of each call that was answered.
        """
        self.down = "the worker is being started"
        self.versions: dict[str, Any] = {}
        self.restarts = 0
        self._new_worker = new_worker
        self._noise_root = noise_root
        self._watching, self._hanging, self._idle = watching, hanging, idle
        self._died = died
        self.succeeded = succeeded
        self._on_demand = on_demand
        self._waiting = 0  # callers of `up`
        self._wanted = asyncio.Event()
        self._kept = 0
        self._worker: Worker | None = None  # answering or not
        self._running: RunningWorker | None = None
        self._up = asyncio.Event()
        self._next_at = 0.0  # time.monotonic() of the next start
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def up(self) -> RunningWorker:
        """A worker that answers, once there is one."""
        self._waiting += 1
        self._wanted.set()
        try:
            while self._running is None:
                await self._up.wait()
            return self._running
        finally:
            self._waiting -= 1

    @property
    def running(self) -> RunningWorker | None:
        """The worker that answers, if there is one."""
        return self._running

    @property
    def pid(self) -> int | None:
        return self._running.worker.pid if self._running else None

    async def stop(self, session: str, deadline: float, running: RunningWorker) -> None:
        """Close a client of this very worker; raises as `RunningWorker.call` does."""
        self._kept = (await running.call(protocol.Stop(session), deadline))["kept"]

    def interrupted(self, why: str = "") -> Interrupted:
        retry_after = round(max(0.0, self._next_at - time.monotonic()) + 1.0, 1)
        why = why or self.down or "the worker was replaced"
        return Interrupted(f"the sessions are being restored, try again in {retry_after:.0f} s ({why})", retry_after)

    async def close(self) -> None:
        """End the worker, and start no other."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.down = "the gateway is being stopped"
        self._running = None
        if self._worker is not None:
            await self._worker.close()

    async def _keep(self) -> None:
        failures = 0
        while True:
            while self._on_demand and not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
            started = time.monotonic()
            answered = False
            self._worker = worker = self._new_worker()
            try:
                self.versions = await worker.hello(STARTING, self._noise_root)
                answered = True
                self.down = await self._watch(worker)
            except (WorkerProblem, CallFailed) as problem:
                self.down = f"the worker could not be started: {problem}"
            self.restarts += 1
            _log.warning("%s; another worker is started%s", self.down, " when it is needed" if self._on_demand else "")
            await worker.close(0)
            if self._on_demand and answered:
                continue  # its sessions wait before they want another
            failures = 0 if time.monotonic() - started > STABLE else failures
            wait = min(CAP, FIRST * 2 ** (failures - 1)) * random.uniform(0.5, 1) if failures else 0.0  # noqa: S311 - no secret
            failures = min(failures + 1, 10)
            self._next_at = time.monotonic() + wait
            await asyncio.sleep(wait)

    async def _watch(self, worker: Worker) -> str:
        """Offer it until it is gone or hangs; which of them."""
        ended = asyncio.Event()
        unsubscribe = worker.subscribe("", lambda _: ended.set())
        running = self._running = RunningWorker(worker, asyncio.get_running_loop().create_future(), self)
        self.down = ""
        self._kept = 0
        self._up.set()
        try:
            return await self._until_gone(worker, ended)
        finally:
            self._running = None
            self._up.clear()
            if worker.crash is not None:
                self._died(running)
            running.gone.set_result(None)
            unsubscribe()

    async def _until_gone(self, worker: Worker, ended: asyncio.Event) -> str:
        while worker.crash is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._watching):
                    await ended.wait()
            try:
                await worker.call(protocol.State("", ()), self._hanging)
            except CallFailed:  # "there is no such session" is an answer
                if self._kept >= KEPT and self._idle():
                    return f"the worker holds {self._kept} clients that nobody linked, and is replaced"
            except WorkerTimeout:
                return f"the worker did not answer within {self._hanging:g} s"
            except WorkerCrashed as crash:
                return str(crash)
        return str(worker.crash)
