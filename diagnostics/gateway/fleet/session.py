"""One session of the fleet: its client is opened, lost, and opened again or not.

`start` runs a task that takes the lease of the session's store, opens a client in the worker and waits until the
connection is lost. What follows from a loss is decided by `reconnect_policy`; this module carries it out. The client's
events arrive at `_heard`, which folds them into `client_state` and wakes whoever waits. While the client is open, a
second task asks the server something from time to time, because a dead connection does not always say so.

Four things end a client: the client itself gives up (a refusal), it does not answer (a zombie, or a login without an
answer), its worker ends, or it may go back to the worker that all share (see `worker_isolation`). After the last two
the next client is opened at once, in the worker that it then belongs in, unless it has crashed a worker of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import timedelta

from diagnostics.catalogue import Action, Reconnect, reconnect_for
from diagnostics.catalogue.reconnect import CLIENT_CRASHES, CONNECTION_LOST, DISOWNED, HELD, MISTAKE, ZOMBIE
from diagnostics.errors import TargetProblem
from diagnostics.gateway.client_state import ClientState, apply_event, with_new_client
from diagnostics.gateway.contract import Change, Interrupted, Phase, Reconnecting
from diagnostics.gateway.fleet.dependencies import Dependencies
from diagnostics.gateway.fleet.recent_sends import PROGRESS
from diagnostics.gateway.fleet.reconnect_policy import decide_reconnect, rule_for
from diagnostics.gateway.fleet.records import Record
from diagnostics.gateway.fleet.session_lease import SessionLease
from diagnostics.gateway.fleet.session_log import SessionLog
from diagnostics.gateway.fleet.session_observer import SessionObserver
from diagnostics.gateway.fleet.session_state import SessionState
from diagnostics.gateway.fleet.worker_isolation import LoginTurn
from diagnostics.gateway.fleet.worker_supervisor import RunningWorker
from diagnostics.model import Disconnect
from diagnostics.neonize import interpret, protocol
from diagnostics.neonize.lease import StoreUnwritable
from diagnostics.neonize.process import CallFailed, WorkerTimeout

OPENING = 15.0  # s for the worker to open a client
STOPPING = 3.0  # s for a client to close its connection in good order
STREAM_ERROR = "stream error"  # the reason that `interpret.disconnect` gives for one
LATE = timedelta(seconds=5)  # how late the next QR code may be before the codes count as run out
_BUSY = 0.2  # s until a session that goes back to the shared worker may have finished what it is doing
_IN_DOUBT = 0.2  # of the time between two questions, while it is not known how a reconnect goes


class _LinkingEnded(Exception):
    """No further QR code will come; the message says why."""


class Session(SessionState):
    """
    Attributes:
        observer: says how the session is.
    """

    def __init__(self, record: Record, dependencies: Dependencies) -> None:
        super().__init__(record, dependencies.clock)
        self.observer = SessionObserver(self, dependencies)
        self.log = SessionLog(record.name)
        self._dependencies = dependencies
        self._awaited = 0.0  # time.monotonic() since when WhatsApp owes an answer
        self._lease = SessionLease(record.name, dependencies.stores, dependencies.workers)

    def start(self) -> None:
        """Open a client, and keep it open."""
        if not self.running:
            if not self.record.jid:
                self.log.linking_begun()
            self._begin()
            self.task = asyncio.create_task(self._run(), name=f"session {self.name}")

    def _begin(self) -> None:
        self._move(Phase.CONNECTING if self.record.jid else Phase.PAIRING)

    async def stop(self) -> None:
        """Close the client in good order."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def disown(self) -> None:
        """Close the client, and open no other: the gateway may not own the state any more."""
        await self.stop()
        self._give_up(reconnect_for(None, DISOWNED))

    def _give_up(self, rule: Reconnect) -> None:
        self.planned = Reconnecting(action=str(rule.action), name=rule.name)
        self.log.gave_up(rule)
        self._move(Phase.STOPPED)

    async def restart(self) -> None:
        """Close the client and open a new one at once."""
        await self.stop()
        self.attempts = 0
        self.planned = Reconnecting()
        self._keep(should_run=self.record.jid != "")
        self.start()

    def take_over(self, jid: str) -> None:
        """Its store is linked to this device already."""
        self.log.linked(jid)
        self.record = replace(self.record, jid=jid)
        self._awaited = time.monotonic()
        self.observer.store_changed()
        self._keep(should_run=True)

    async def _run(self) -> None:
        try:
            if self.planned.action == Action.NEVER and self.planned.next_at is not None:
                self._move(Phase.WAITING)  # a ban that began before the gateway was restarted
                await self._wait(rule_for(self.client_state.last_disconnect))
            while True:
                self._begin()
                if not await self._hold():
                    continue
                lost = await self._unusable_store() or await self._next_client()
                if lost is None:
                    continue  # with the next worker, or in another one
                rule = self._decide(lost)
                if self.planned.next_at is None:
                    return
                await self._wait(rule)
        except _LinkingEnded as ended:
            self.log.linking_ended(str(ended))
            self._move(Phase.PAIRING)
        except Exception:  # noqa: BLE001 - without this, the session would end silently
            self.log.failed()
            self._give_up(reconnect_for(None, MISTAKE))
        finally:
            self._lease.release()
            self._dependencies.workers.leave(self.name)
            self.notify()

    async def _hold(self) -> bool:
        """Take the lease. Waits; returns False while another process holds the lease."""
        try:
            await self._lease.take()
        except TargetProblem as problem:
            unwritable = isinstance(problem, StoreUnwritable)
            self.unwritable, self.held = (str(problem), "") if unwritable else ("", str(problem))
            rule, lost = reconnect_for(None, HELD), self._lost(CONNECTION_LOST, str(problem))
            self.log.held(str(problem), rule)
            self.planned = decide_reconnect(rule, lost, self.next_attempt(), lost.at, self._dependencies.chance())
            self._move(Phase.WAITING)
            await self._wait(rule)
            return False
        self.held = self.unwritable = ""
        return True

    async def _unusable_store(self) -> Disconnect | None:
        """Why a linked session cannot even be tried; None if it can.

        Raises:
            _LinkingEnded: the session is not linked any more: its store was deleted, or replaced.
        """
        if not self.record.jid:
            return None
        store = await self.observer.read_store(fresh=True)
        if store.paired is False:
            self.record = replace(self.record, jid="")
            self.observer.store_changed()
            self._keep(should_run=False)
            raise _LinkingEnded("its store holds no linked device")
        if store.usable:
            return None
        return self._lost("the store cannot be used")

    def _lost(self, reason: str, raw: str = "", *, permanent: bool = False) -> Disconnect:
        """A loss that the client did not report. `raw` is the same as the reason unless it is given."""
        return Disconnect(None, reason, self._dependencies.clock(), raw=raw or reason, permanent=permanent)

    async def _next_client(self) -> Disconnect | None:
        """Run one client in the worker that it belongs in, once it is its turn. Returns as `_client` does."""
        workers = self._dependencies.workers
        crashes = workers.crashes(self.name)
        worker, turn = await workers.worker(self.name)
        try:
            lost = await self._client(worker, turn)
        finally:
            turn.done()
        if lost is None and workers.crashes(self.name) > crashes:
            return self._lost(CLIENT_CRASHES, str(worker.worker.crash), permanent=True)
        return lost

    async def _client(self, worker: RunningWorker, turn: LoginTurn) -> Disconnect | None:
        """Run one client, from opening to closing. Returns why it was lost; None if another is to be opened at once.

        The latter is so if its worker ended, and if it may go back to the shared worker.
        """
        self.client_state = with_new_client(self.client_state)
        self.observer.reopened()
        unsubscribe = worker.worker.subscribe(self.name, self._heard)
        worker.gone.add_done_callback(self._worker_gone)
        probing: asyncio.Task[None] | None = None
        worker.logging_in(self.name)
        try:
            if self.record.jid:
                self.log.connecting()
            await self._open(worker)
            self.opened = worker
            self.notify()
            probing = asyncio.create_task(self._probe(worker, turn))
            return await self._until_lost(worker)
        except Interrupted:
            await asyncio.wait([worker.gone])  # by then it is decided where the next client is opened
            return None
        except WorkerTimeout as problem:
            return self._lost(CONNECTION_LOST, f"no client could be opened: {problem}")
        finally:
            self.opened = None
            if probing is not None:
                probing.cancel()
            unsubscribe()
            worker.gone.remove_done_callback(self._worker_gone)
            if not worker.gone.done():
                with contextlib.suppress(Interrupted, CallFailed, WorkerTimeout):
                    await worker.supervisor.stop(self.name, STOPPING, worker)
            worker.closed(self.name)

    async def _open(self, worker: RunningWorker) -> None:
        call = protocol.Connect(
            self.name,
            self._dependencies.stores.address(self.name),
            jid=self.record.jid,
            proxy=self._dependencies.proxy,
            create=not self.record.jid,
            fast_store=self._dependencies.fast_stores,
            listen=("Receipt",),  # never what people write
        )
        try:
            await worker.call(call, OPENING)
        except CallFailed as error:
            self._heard(protocol.Push(self.name, "connect-task-ended", time.time(), {"error": str(error)}))

    async def _until_lost(self, worker: RunningWorker) -> Disconnect | None:
        self._awaited = time.monotonic()
        left: float | None
        while not worker.gone.done():
            known = self.client_state
            if known.refused and known.disconnect is not None:
                return known.disconnect
            if self.observer.zombie:
                return self._lost(ZOMBIE, "connected by its own word, and two questions in a row were not answered")
            if not self.record.jid:
                left = self._linking_time()
            elif interpret.connected(known.facts):
                left = self._dependencies.workers.seconds_to_home(self.name)
                if left == 0:
                    if self.name not in worker.doing:
                        return None
                    left = _BUSY
            else:
                left = self._awaited + self._dependencies.timing.login - time.monotonic()
                if left <= 0:
                    seconds = f"{self._dependencies.timing.login:g} s"
                    return self._lost(f"the login was not answered within {seconds}", permanent=True)
            await self.changed(left)
        return None

    def _linking_time(self) -> float:
        """Seconds to wait for the next event of the linking.

        Raises:
            _LinkingEnded: none will come.
        """
        known = self.client_state
        if known.pair_error:
            raise _LinkingEnded(f"the scan failed: {known.pair_error}")
        if known.code is None:
            left = self._awaited + self._dependencies.timing.login - time.monotonic()
        else:
            left = (known.code.expires_at + LATE - self._dependencies.clock()).total_seconds()
        if left <= 0:
            raise _LinkingEnded("nobody scanned the QR codes" if known.code else "WhatsApp gave no QR code")
        return left

    def _decide(self, lost: Disconnect) -> Reconnect:
        """Decide what follows from the loss; returns the table's row for it.

        Raises:
            _LinkingEnded: the session was not linked, so there is nothing to connect again.
        """
        linked = self.record.jid != ""
        if self.client_state.logged_out:
            self.record = replace(self.record, jid="")
            self.observer.store_changed()
        rule, known = rule_for(lost), self.client_state
        if lost != known.last_disconnect:  # found here, not reported by the client
            self.log.lost(lost, rule)
        online = known.last_connected is not None and not known.losses
        self.client_state = replace(known, last_disconnect=lost, losses=max(1, known.losses))
        if not linked:
            raise _LinkingEnded(lost.reason)
        if online and self.online_for() > self._dependencies.timing.stable:
            self.attempts = 0
        now, chance = self._dependencies.clock(), self._dependencies.chance()
        self.planned = decide_reconnect(rule, lost, self.next_attempt(), now, chance)
        again = self.planned.next_at is not None
        if not again:
            self.log.gave_up(rule)
        self._keep(should_run=again)
        self._move(Phase.WAITING if again else Phase.STOPPED)
        return rule

    async def _wait(self, rule: Reconnect) -> None:
        """Wait until the next connection is due."""
        if self.planned.next_at is not None:
            delay = max(0.0, (self.planned.next_at - self._dependencies.clock()).total_seconds())
            self.log.reconnecting(delay, self.planned.attempts + 1, rule)
            await asyncio.sleep(delay)

    async def _probe(self, worker: RunningWorker, turn: LoginTurn) -> None:
        """Ask the server from time to time, after each login, and sooner while the connection is in doubt."""
        while True:
            if self.record.jid:
                with contextlib.suppress(Interrupted, WorkerTimeout):
                    await self.observer.probe()
                    if self.client_state.online:
                        worker.logged_in(self.name)
                        turn.done()
                        self.notify()
            elif self.client_state.code is not None:
                turn.done()  # it may take minutes until somebody scans
            known = self.client_state
            period = self._dependencies.timing.probe * (1 if known.online else _IN_DOUBT)
            until = time.monotonic() + period * (0.75 + self._dependencies.chance() / 2)
            while time.monotonic() < until and self.client_state.last_connected == known.last_connected:
                await self.changed(until - time.monotonic())

    def _worker_gone(self, _: object) -> None:
        self.notify()

    def _heard(self, push: protocol.Push) -> None:
        """The client said something."""
        now = self._dependencies.clock()
        if push.event == "Receipt":
            self._dependencies.messages.heard(push, now)
            return
        if push.event in PROGRESS:
            self._dependencies.sends.heard(self.name, push.event)
        before, self.client_state = self.client_state, apply_event(self.client_state, push, now)
        known = self.client_state
        if known is before:
            return
        if push.event == "qr":
            self.log.code_shown(known.codes)
            self._dependencies.changes.publish(Change(self.name, "qr", "", now))
        if known.jid and known.jid != before.jid:
            self.take_over(known.jid)
        self._log_loss(before)
        if push.event == "Connected":
            self.planned = Reconnecting()
            self.observer.moved()
            if known.jid:  # it is new, and so is what its store holds
                self.observer.store_changed()
            self.log.online()
            self._keep(should_run=True)
            self._move(Phase.ONLINE)
        elif before.online and not known.online:
            self.observer.moved()
            if self.opened is not None:
                self.opened.logging_in(self.name)
            self._keep(should_run=self.record.should_run)
            if not known.refused:
                self._move(Phase.CONNECTING)
        self.notify()

    def _log_loss(self, before: ClientState) -> None:
        """Log a loss that the client has just reported, once: a stream error is followed by the drop it announces."""
        known, lost = self.client_state, self.client_state.last_disconnect
        again = known.losses > before.losses and lost is not None and lost.reason != STREAM_ERROR
        if lost is not None and (again or lost != before.last_disconnect):
            self.log.lost(lost, rule_for(lost))
            if not known.refused:
                self.log.client_reconnects(self.attempts + max(1, known.losses))

    def _move(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self._dependencies.changes.publish(Change(self.name, "phase", str(phase), self._dependencies.clock()))
            self.notify()

    def _keep(self, *, should_run: bool) -> None:
        self.record = replace(
            self.record,
            should_run=should_run,
            last_connected=self.client_state.last_connected,
            last_disconnect=self.client_state.last_disconnect,
            reconnecting=self.planned,
        )
        self._dependencies.records.keep(self.record)
