"""Which worker a session's client belongs in, so that one session's crash ends no other session for long.

All sessions share one worker. When the client library crashes, the worker dies with all of them, and nothing says which
session it was. So those are suspected that were logging in, or had a call under way, when it died (see
`RunningWorker.doing`); the others go on in the next shared worker.

- A few suspects get a worker of their own each. If that dies as well, it is certain whose client crashes: the session
  stays apart and is tried with growing waits, and nobody else notices.
- Of many suspects only the likeliest count: those that were logging in; if none was, those that were sending an image.
- If those are still many, as when all were logging in, they share a trial worker in which at most `WINDOW` log in at a
  time, so that its next crash leaves few suspects.

A session is cleared by succeeding at everything that it was suspected of. It then goes back to the shared worker when
its next client is opened; one that has crashed alone does so by itself after `QUARANTINE` seconds, twice as long after
each further crash, since a worker costs 73 MB. At most `WINDOW` sessions that have a worker of their own log in at the
same time: starting a worker takes a processor for half a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from diagnostics.gateway.fleet.worker_supervisor import LOGIN, RunningWorker, Supervisor
from diagnostics.neonize import protocol

FEW = 3  # suspects that get a worker of their own at once
WINDOW = 3  # suspects that log in at the same time
_CRASHES_AT = (LOGIN, protocol.SendImage.__name__)  # the likeliest first
QUARANTINE = 60.0  # s online in a worker of its own until a session that crashed alone goes back


class NewSupervisor(Protocol):
    def __call__(
        self, *, on_demand: bool, died: Callable[[RunningWorker], None], succeeded: Callable[[str, str], None]
    ) -> Supervisor: ...


@dataclass(slots=True, eq=False)
class Suspect:
    """A session in a worker apart.

    Attributes:
        of: what it was doing when its worker died, and has not succeeded at since.
        crashes: how often a worker died in which it was alone.
        cleared_at: time.monotonic() when `of` became empty; None before that.
    """

    of: set[str]
    crashes: int = 0
    cleared_at: float | None = None


@dataclass(slots=True, eq=False)
class WorkerPlace:
    """A worker for some sessions.

    Attributes:
        supervisor: keeps it running.
        gate: lets few of its sessions log in at the same time; None for no limit.
        suspects: its sessions by name; empty for the shared worker, in which everybody else is.
    """

    supervisor: Supervisor
    gate: asyncio.Semaphore | None = None
    suspects: dict[str, Suspect] = field(default_factory=dict)


class LoginTurn:
    """A session's turn to log in; `done` lets the next one."""

    def __init__(self, gate: asyncio.Semaphore | None) -> None:
        self._gate = gate

    def done(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.release()


class Workers:
    """The shared worker, and those of suspected sessions.

    Attributes:
        shared: keeps the shared worker running.
    """

    def __init__(self, new_supervisor: NewSupervisor, suspected: Callable[[str, frozenset[str]], None]) -> None:
        """
        Args:
            new_supervisor: makes one; the arguments are those of `Supervisor`.
            suspected: called with a session that gets a worker apart, and what it was doing.
        """
        self._new_supervisor = new_supervisor
        self._suspected = suspected
        self.shared = new_supervisor(on_demand=False, died=self._died, succeeded=self._succeeded)
        self._everybody = WorkerPlace(self.shared)
        self._trial: WorkerPlace | None = None
        self._alone: dict[str, WorkerPlace] = {}
        self._gate = asyncio.Semaphore(WINDOW)  # of all that are alone
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.shared.start()

    async def close(self) -> None:
        """End all workers, and start no other."""
        apart = [*self._alone.values(), *filter(None, [self._trial])]
        await asyncio.gather(self.shared.close(), *(place.supervisor.close() for place in apart), *self._closing)

    @property
    def pids(self) -> list[int]:
        places = [self._everybody, *self._alone.values(), *filter(None, [self._trial])]
        return [pid for place in places if (pid := place.supervisor.pid) is not None]

    def supervisor(self, session: str) -> Supervisor:
        """Who keeps the worker running in which the session is."""
        return self._place(session).supervisor

    async def call(
        self, session: str, running: RunningWorker | None, call: protocol.Call, deadline: float
    ) -> dict[str, Any]:
        """Make one call to the session's client; raises as `RunningWorker.call` does.

        Args:
            running: in which it is open; None for where it is being opened.
        """
        running = running or self.supervisor(session).running
        if running is None:
            raise self.supervisor(session).interrupted()
        return await running.call(call, deadline)

    def crashes(self, session: str) -> int:
        """How often the session's client has crashed a worker in which it was alone."""
        place = self._alone.get(session)
        return place.suspects[session].crashes if place else 0

    async def worker(self, session: str) -> tuple[RunningWorker, LoginTurn]:
        """The worker in which the session's next client is to be opened, once it runs and it is the session's turn."""
        self.leave(session)
        if session in self._alone:
            await self.shared.up()  # the others come first
        while True:
            place = self._place(session)
            if place.gate is not None:
                await place.gate.acquire()
            turn = LoginTurn(place.gate)
            try:
                running = await place.supervisor.up()
            except BaseException:
                turn.done()
                raise
            if place is self._place(session):
                return running, turn
            turn.done()

    def seconds_to_home(self, session: str) -> float | None:
        """Seconds until a session that crashed alone, and was cleared, should go back to the shared worker; else None.

        One that was only suspected is not cut off for it: it goes back when its connection ends.
        """
        suspect = self._place(session).suspects.get(session)
        if suspect is None or suspect.cleared_at is None or not suspect.crashes:
            return None
        ends = suspect.cleared_at + QUARANTINE * 2.0 ** (suspect.crashes - 1)
        return max(0.0, ends - time.monotonic())

    def _may_go_home(self, session: str) -> bool:
        suspect = self._place(session).suspects.get(session)
        if suspect is None or suspect.cleared_at is None:
            return False
        return not suspect.crashes or self.seconds_to_home(session) == 0

    def isolate(self, session: str, doing: set[str]) -> None:
        """Give the session a worker of its own."""
        self.forget(session)
        self._alone[session] = place = self._apart(self._gate)
        place.suspects[session] = Suspect(set(doing))

    def leave(self, session: str) -> None:
        """The session has no client now: its next one is opened in the shared worker if it is cleared."""
        if self._may_go_home(session):
            self.forget(session)

    def forget(self, session: str) -> None:
        """The session belongs in the shared worker again, or is gone."""
        alone = self._alone.pop(session, None)
        if alone is not None:
            self._close(alone)
        trial = self._trial
        if trial is not None and trial.suspects.pop(session, None) is not None and not trial.suspects:
            self._trial = None
            self._close(trial)

    def _place(self, session: str) -> WorkerPlace:
        if session in self._alone:
            return self._alone[session]
        trial = self._trial
        return trial if trial is not None and session in trial.suspects else self._everybody

    def _apart(self, gate: asyncio.Semaphore) -> WorkerPlace:
        supervisor = self._new_supervisor(on_demand=True, died=self._died, succeeded=self._succeeded)
        supervisor.start()
        return WorkerPlace(supervisor, gate)

    def _close(self, place: WorkerPlace) -> None:
        task = asyncio.create_task(place.supervisor.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _died(self, running: RunningWorker) -> None:
        """A worker has died by itself: decide where each of its sessions goes from here."""
        doing = {session: set(what) for session, what in running.doing.items() if session}
        for name, place in self._alone.items():
            if place.supervisor is running.supervisor:
                suspect = place.suspects[name]
                suspect.crashes += 1
                suspect.of |= doing.get(name, set()) or {LOGIN}
                suspect.cleared_at = None
                return
        trial = self._trial
        if trial is not None and trial.supervisor is running.supervisor:
            for name in [name for name, suspect in trial.suspects.items() if not suspect.of and name not in doing]:
                self.forget(name)
        suspects = _likeliest(doing)
        if len(suspects) <= FEW:
            for name, what in suspects.items():
                self.isolate(name, what)
        else:
            self._try(suspects)
        for name, what in suspects.items():
            self._suspected(name, frozenset(what))

    def _try(self, doing: dict[str, set[str]]) -> None:
        """Put the suspects into the trial worker."""
        if self._trial is None:
            self._trial = self._apart(asyncio.Semaphore(WINDOW))
        for name, what in doing.items():
            self._trial.suspects[name] = Suspect(set(what))

    def _succeeded(self, session: str, what: str) -> None:
        suspect = self._place(session).suspects.get(session)
        if suspect is not None:
            suspect.of.discard(what)
            if not suspect.of and suspect.cleared_at is None:
                suspect.cleared_at = time.monotonic()


def _likeliest(doing: dict[str, set[str]]) -> dict[str, set[str]]:
    """Whom to suspect: all if they are few, else those who did what the library has been seen to crash at."""
    if len(doing) > FEW:
        for what in _CRASHES_AT:
            if found := {name: under_way for name, under_way in doing.items() if what in under_way}:
                return found
    return doing
