"""Observes one session: what the judge needs, from memory where it is recent enough, otherwise asked now.

An observation takes the store's reading, the client's events, the state of its socket and the last answer of the
server. If something happens to the session meanwhile, these would not belong together, so the observation is repeated.
What is recorded, and in which words, is decided in `neonize.observations`, so that the judge comes to the same causes
as a diagnosis with a client of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from diagnostics.catalogue.reconnect import CLIENT_CRASHES
from diagnostics.evidence.recorder import Recorder
from diagnostics.evidence.request import Request
from diagnostics.gateway.contract import Interrupted, Phase, SessionView
from diagnostics.gateway.fleet.dependencies import Dependencies
from diagnostics.gateway.fleet.session_state import SessionState
from diagnostics.gateway.fleet.worker_supervisor import RunningWorker
from diagnostics.model import Absence, Aspect, Observation, SocketState, StoreFacts, StoreFile
from diagnostics.neonize import interpret, observations, protocol
from diagnostics.neonize.process import CallFailed, WorkerTimeout

T = TypeVar("T")

TARGET = "gateway"
QUICK = 1.0  # s for a call that needs no network; a worker that does not answer one hangs
STATE = 1.0  # s for which a state that agrees with the events is believed: what changes it, is an event as a rule
SICK_STATE = 2.0  # s for one that took `observations.SETTLE` to find out
STORE = 3.0  # s for which a reading of the store is believed
STORE_WAIT = 0.5  # s that a look waits for the next reading; after that the last one has to do
LOOKS = 3  # attempts to look while nothing happens to the session
ZOMBIE = 2  # questions in a row without an answer, on a connection that is up by its own word
_UNASKED = "ask the gateway to send"


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """A reading of the store: what was noted of it, whether a client may be given it, whether it is linked."""

    observations: tuple[Observation, ...]
    usable: bool
    paired: bool | None
    at: float  # time.monotonic()


class SessionObserver:
    """Observes one session, whose state it reads and never changes.

    Attributes:
        trip: the last answer to a question to the server, or its absence, on the connection that is up now.
        zombie: the connection is up by its own word, and answers nothing.
    """

    def __init__(self, session: SessionState, dependencies: Dependencies) -> None:
        self._session = session
        self._dependencies = dependencies
        self.trip: Observation | None = None
        self.zombie = False
        self._offered: Observation | None = None
        self._unanswered = 0
        self._store: StoreSeen | None = None
        self._state: tuple[observations.State, float] | None = None  # until when it is believed
        self._reading: asyncio.Task[StoreSeen] | None = None
        self._settling: asyncio.Task[observations.State] | None = None
        self._asking: asyncio.Task[Observation] | None = None

    def reopened(self) -> None:
        """There is a new client."""
        self.moved()
        self._offered = None
        self.zombie = False

    def moved(self) -> None:
        """The connection came or went: what was seen of the one before says nothing any more."""
        self.trip = None
        self._state = None
        self._unanswered = 0

    def store_changed(self) -> None:
        """What was read of the store, or is being read, is old."""
        self._store = self._reading = None

    def acknowledged(self, took: float) -> None:
        """The server acknowledged a message, which is an answer as good as any."""
        recorder = self._recorder(Aspect.ROUND_TRIP)
        recorder.record(Aspect.ROUND_TRIP, took, raw="a message was acknowledged", since=time.monotonic() - took)
        self._answered(recorder)

    def close(self) -> None:
        for task in (self._reading, self._settling, self._asking):
            if task is not None:
                task.cancel()

    async def look(self, *, fresh: bool) -> SessionView:
        started = time.monotonic()
        for _ in range(LOOKS):
            before = self._session.opened, self._session.client_state.facts
            recorder = await self._observed(fresh=fresh)
            if before == (self._session.opened, self._session.client_state.facts):
                break  # nothing happened under it, so all that was seen belongs together
            if any(each.aspect is Aspect.ROUND_TRIP and each.absence is Absence.TIMEOUT for each in recorder.seen):
                break  # a silence for which the connection is being replaced: that is what there was to see
        return self._session.view(recorder.evidence(TARGET, self._session.client_state.log), time.monotonic() - started)

    async def _observed(self, *, fresh: bool) -> Recorder:
        recorder = self._recorder(*Aspect)
        store = await self.read_store(fresh=fresh)
        recorder.put(*map(self._with_state, store.observations))
        if self._session.held:
            recorder.source = "lease"
            recorder.rest_absent(Absence.HELD, self._session.held)
        elif store.usable or self._session.opened is not None:
            for aspect in (Aspect.TEXT, Aspect.IMAGE):
                recorder.absent(aspect, Absence.NOT_ASKED, _UNASKED)
            if self._session.client_state.online:
                recorder.put(*self._own_sends())
            await self._look_at_client(recorder, store, fresh=fresh)
            if store.paired is False and self._session.record.jid:
                # The client works from memory until it ends; the store is what its next start finds.
                recorder.put(*(each for each in store.observations if each.aspect is Aspect.AUTHENTICATED))
        return recorder

    def _with_state(self, seen: Observation) -> Observation:
        """The reading of the store, with what keeps the gateway from writing to it."""
        if self._session.unwritable and seen.aspect is Aspect.STORE and seen.known:
            return replace(seen, value=replace(seen.value, unwritable=self._session.unwritable))
        problem = self._dependencies.state.problem
        if not problem or seen.aspect is not Aspect.STORE or not seen.known or not seen.value.intact:
            return seen
        return replace(seen, value=replace(seen.value, problem=problem))

    def _own_sends(self) -> Iterator[Observation]:
        for aspect, kind in ((Aspect.TEXT, "text"), (Aspect.IMAGE, "image")):
            last = self._dependencies.sends.outcome(self._session.name, kind, self._dependencies.clock())
            if last is not None:
                said = last.sent.error or "acknowledged"
                yield Observation(aspect, last.at, last.sent, raw=said, source="own sends", took=last.sent.took)

    async def _look_at_client(self, recorder: Recorder, store: StoreSeen, *, fresh: bool) -> None:
        session = self._session
        since = time.monotonic()
        if session.opened is None:
            self._without_client(recorder, since)
            return
        try:
            state = await self._settled(fresh=fresh)
            known = session.client_state
            observations.connection(recorder, known.facts, state, since, known.unstable(self._dependencies.clock()))
            self._last_loss(recorder, since)
            linked = bool(store.paired) or session.record.jid != ""
            if blocked := observations.unusable(session.client_state.facts, state[0], paired=linked):
                recorder.rest_absent(Absence.BLOCKED, blocked)
                return
            trip = await self.ask() if fresh or self.trip is None else self.trip
            if self._offered is None:
                await self._ask_offered()
        except Interrupted as interrupted:
            recorder.rest_absent(Absence.CRASHED, str(interrupted))
        except WorkerTimeout as problem:
            recorder.absent(Aspect.ROUND_TRIP, Absence.CRASHED, f"the worker hangs: {problem}")
            recorder.rest_absent(Absence.TIMEOUT, f"the worker hangs: {problem}")
        else:
            refused = session.client_state.disconnect
            if session.client_state.refused and refused is not None:  # meanwhile
                observations.connection(recorder, session.client_state.facts, (SocketState.CLOSED, refused.raw), since)
                recorder.rest_absent(Absence.BLOCKED, "the connection was refused meanwhile")
            recorder.put(*filter(None, (trip, self._offered)))
            recorder.rest_absent(Absence.BLOCKED, "the connection was replaced meanwhile")

    def _without_client(self, recorder: Recorder, since: float) -> None:
        """No client is open: the last word counts, or that one is about to be opened."""
        session = self._session
        lost = session.standing_loss
        down = self._dependencies.workers.supervisor(session.name).down
        if session.running and down and (lost is None or lost.reason != CLIENT_CRASHES):
            recorder.rest_absent(Absence.CRASHED, down)
            return
        if not session.record.jid:
            raw = lost.raw if lost else "the session is not linked to a phone"
            recorder.record(Aspect.AUTHENTICATED, value=False, raw=raw, since=since)
        recorder.record(Aspect.DISCONNECT, lost, raw=lost.raw if lost else "none", since=since)
        if session.phase is Phase.CONNECTING:
            recorder.record(Aspect.SOCKET, SocketState.CONNECTING, raw="a client is being opened", since=since)
        else:
            recorder.record(Aspect.SOCKET, SocketState.CLOSED, raw=f"no client is open: {session.phase}", since=since)
        if lost is not None:
            recorder.rest_absent(Absence.BLOCKED, f"the connection was refused ({lost.code or lost.reason})")
        else:
            recorder.rest_absent(Absence.BLOCKED, "no client is open")

    def _last_loss(self, recorder: Recorder, since: float) -> None:
        """While a new client has not got anywhere yet, what ended the one before still stands."""
        session = self._session
        lost = session.standing_loss
        if lost is not None and not session.client_state.facts:
            recorder.record(Aspect.DISCONNECT, lost, raw=lost.raw, since=since)

    async def read_store(self, *, fresh: bool) -> StoreSeen:
        """What the store says. A reading that is old is renewed; a look that is not `fresh` waits a little for it."""
        old = self._store
        if old is None or time.monotonic() - old.at > STORE or (fresh and time.monotonic() - old.at > QUICK):
            if self._reading is None or self._reading.done():
                self._reading = _task(self._read())
            if old is None or fresh:
                return await asyncio.shield(self._reading)
            await asyncio.wait([self._reading], timeout=STORE_WAIT)
            return self._store or old
        return old

    async def _read(self) -> StoreSeen:
        since = time.monotonic()
        record = self._session.record
        recorder = self._recorder(Aspect.EXISTS, Aspect.STORE, Aspect.AUTHENTICATED)
        recorder.source = "store"
        found = await asyncio.to_thread(self._dependencies.stores.read, record.name, record.jid)
        foreign = found.facts is not None and found.facts.file is StoreFile.FOREIGN
        if found.exists is False and not foreign and not record.jid:
            # The session exists, because the gateway knows it; its store is made when it shows its first code.
            facts = StoreFacts(intact=True, devices=0)
            found = replace(found, exists=True, facts=facts, paired=False, usable=True)
        observations.store(recorder, found, since)
        paired = False if found.exists is False and not foreign else found.paired
        seen = StoreSeen(recorder.seen, found.usable, paired, time.monotonic())
        if asyncio.current_task() is self._reading:
            self._store = seen
        return seen

    async def _settled(self, *, fresh: bool) -> observations.State:
        if self._state is not None and not fresh and time.monotonic() < self._state[1]:
            return self._state[0]
        if self._settling is None or self._settling.done():
            self._settling = _task(self._settle())
        return await asyncio.shield(self._settling)

    async def _settle(self) -> observations.State:
        session = self._session
        since = time.monotonic()
        attribute = self._dependencies.state_attributes.get(session.name, "is_connected")

        async def read() -> observations.State:
            call = protocol.State(session.name, (attribute, "is_logged_in"))
            try:
                answers = await self._call(call, QUICK, session.opened)
            except CallFailed as error:  # it is being closed
                return SocketState.CLOSED, str(error)
            return interpret.socket(answers, session.client_state.facts, attribute)

        state = await observations.settled(
            read, lambda: session.client_state.facts, lambda: session.changed(observations.SAMPLE)
        )
        now = time.monotonic()
        self._state = (state, now + (STATE if now - since < observations.SETTLE else SICK_STATE))
        return state

    async def probe(self) -> None:
        """Ask unasked, if the connection looks usable.

        Raises:
            Interrupted, WorkerTimeout: as for `ask`.
        """
        if self._session.opened is not None:
            facts, (socket, _) = self._session.client_state.facts, await self._settled(fresh=True)
            if interpret.connected(facts) and not observations.unusable(facts, socket, paired=True):
                await self.ask()

    async def ask(self) -> Observation:
        """Ask the server something. Who asks meanwhile, waits for the same answer; it is `trip` from then on.

        Raises:
            Interrupted, WorkerTimeout: there is no worker, or it hangs.
        """
        if self._asking is None or self._asking.done():
            self._asking = _task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Observation:
        session, limit = self._session, self._dependencies.timing.round_trip
        recorder, running, since = self._recorder(Aspect.ROUND_TRIP), self._session.opened, time.monotonic()
        asked = protocol.RoundTrip(session.name, limit)
        try:
            # The worker answers within the limit, whatever the server does.
            said = await self._call(asked, limit + QUICK, running)
            answers = said["answers"]
        except CallFailed as error:
            answers = {"client": {"error": str(error)}}
        if observations.answered(recorder, answers, limit, since) and answers:
            await session.changed(observations.SAMPLE)  # the event that follows an error
        if running is session.opened:
            self._answered(recorder)
        return recorder.seen[0]

    async def _ask_offered(self) -> None:
        recorder, since = self._recorder(Aspect.SEND_AVAILABLE), time.monotonic()
        call = protocol.SendAvailable(self._session.name)
        try:
            observations.offered(recorder, await self._call(call, QUICK, self._session.opened), since)
        except CallFailed:
            return
        self._offered = recorder.seen[0]

    async def _call(self, call: protocol.Call, deadline: float, running: RunningWorker | None) -> dict[str, Any]:
        return await self._dependencies.workers.call(self._session.name, running, call, deadline)

    def _answered(self, recorder: Recorder) -> None:
        (self.trip,) = recorder.seen
        answered = self.trip.known or self.trip.absence is Absence.ERROR
        self._unanswered = 0 if answered else self._unanswered + 1
        if self._unanswered >= ZOMBIE and not self.zombie:
            self.zombie = True
            self._session.notify()

    def _recorder(self, *aspects: Aspect) -> Recorder:
        recorder = Recorder(Request(self._session.name, frozenset(aspects), 0.0), self._dependencies.clock)
        recorder.source = f"neonize {self._dependencies.workers.shared.versions.get('neonize', '')}".strip()
        return recorder


def _task(what: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Shared by all who wait for it; what it raises is theirs, and nobody's if none waits any more."""
    task = asyncio.create_task(what)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    return task
