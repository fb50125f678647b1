"""One session's life: a client is opened, heard, lost, and opened again or not, as the reconnect table says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from datetime import timedelta

from diagnostics.catalogue import Action, Reconnect, reconnect_for
from diagnostics.catalogue.reconnect import CONNECTION_LOST, DISOWNED, FIRST_CONNECT_FAILED, HELD, MISTAKE, ZOMBIE, By
from diagnostics.errors import TargetProblem
from diagnostics.gateway.contract import Change, Interrupted, Phase, Reconnecting, SessionView
from diagnostics.gateway.fleet.kit import Kit
from diagnostics.gateway.fleet.known import Known, fold, opened
from diagnostics.gateway.fleet.looking import Looking
from diagnostics.gateway.fleet.reconnect import decide
from diagnostics.gateway.fleet.records import Record
from diagnostics.gateway.fleet.supervisor import Running
from diagnostics.model import Aspect, Disconnect, Evidence
from diagnostics.neonize import interpret, protocol
from diagnostics.neonize.lease import Lease
from diagnostics.neonize.process import CallFailed, WorkerTimeout

OPENING = 15.0  # s for the worker to open a client
STOPPING = 3.0  # s for a client to close its connection in good order
LATE = timedelta(seconds=5)  # a QR code may be so late before they have run out
_DOUBT = 0.2  # of the time between two questions, while it is not known how a reconnect goes

_log = logging.getLogger("wadiag.gateway")


class _PairingEnded(Exception):
    """No further code will come."""


class Session:
    """
    Attributes:
        record: what survives a restart.
        known: what its client has said.
        phase: where it stands.
        opened: the worker in which its client is open; None while there is none.
        held: who else uses the session, so that it cannot be used here; "" if nobody does.
        looking: how it is.
    """

    def __init__(self, record: Record, kit: Kit) -> None:
        self.record = record
        self.known = Known(last_connected=record.last_connected, last_disconnect=record.last_disconnect)
        self.phase = Phase.STOPPED if record.jid or record.last_disconnect else Phase.PAIRING
        self.opened: Running | None = None
        self.held = ""
        self.looking = Looking(self, kit)
        self._kit = kit
        self._reconnecting = record.reconnecting
        self._tried = 0
        self._awaited = 0.0  # time.monotonic() since when WhatsApp owes an answer
        self._lease: Lease | None = None
        self._life: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def standing_loss(self) -> Disconnect | None:
        """The last loss, unless a login followed."""
        lost, since = self.known.last_disconnect, self.known.last_connected
        return lost if lost is not None and (since is None or since <= lost.at) else None

    @property
    def reconnecting(self) -> Reconnecting:
        if self.known.online:
            return Reconnecting()
        if (lost := self.known.disconnect) is not None and self.opened is not None and not self.known.refused:
            rule = _rule(lost)
            tried = self._tried + self.known.losses
            return Reconnecting(tried, None, str(rule.action), rule.code, rule.name, By.CLIENT)
        return self._reconnecting

    @property
    def needed_upgrade(self) -> bool:
        """WhatsApp has refused this version of the client, and a restart of the gateway may have brought another."""
        was = self.record.reconnecting
        return self.record.jid != "" and reconnect_for(was.code, was.name).cause == "client-outdated"

    def coming(self, seconds: float) -> bool:
        """Whether it may be online within so many seconds."""
        if not self.living or self.phase is Phase.STOPPED:
            return False
        due = self._reconnecting.next_at if self.phase is Phase.WAITING else None
        return due is None or due <= self._kit.clock() + timedelta(seconds=seconds)

    def view(self, evidence: Evidence, took: float) -> SessionView:
        live = [o.at for a in (Aspect.SOCKET, Aspect.ROUND_TRIP) if (o := evidence.get(a)) and o.known]
        return SessionView(
            evidence=replace(evidence, took=took),
            phase=self.phase,
            observed_at=min(live, default=self._kit.clock()),
            last_connected=self.known.last_connected,
            last_disconnect=self.known.last_disconnect,
            reconnecting=self.reconnecting,
            jid=self.record.jid,
        )

    # ---- life

    @property
    def living(self) -> bool:
        return self._life is not None and not self._life.done()

    def start(self) -> None:
        """Open a client, and keep it open."""
        if not self.living:
            self._begin()
            self._life = asyncio.create_task(self._live(), name=f"session {self.name}")

    def _begin(self) -> None:
        self._move(Phase.CONNECTING if self.record.jid else Phase.PAIRING)

    async def stop(self) -> None:
        """Close the client in good order."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)

    async def give_up(self) -> None:
        """Close the client, and open no other: the gateway does not own the state any more."""
        await self.stop()
        self._refrain(DISOWNED)

    def _refrain(self, reason: str) -> None:
        rule = reconnect_for(None, reason)
        self._reconnecting = Reconnecting(action=str(rule.action), name=rule.name)
        self._move(Phase.STOPPED)

    async def restart(self) -> None:
        """Close the client and open a new one at once."""
        await self.stop()
        self._tried = 0
        self._reconnecting = Reconnecting()
        self._keep(should_run=self.record.jid != "")
        self.start()

    def take_over(self, jid: str) -> None:
        """Its store is linked to this device already."""
        self.record = replace(self.record, jid=jid)
        self._awaited = time.monotonic()
        self.looking.store_changed()
        self._keep(should_run=True)

    async def changed(self, seconds: float | None = None) -> None:
        """Until something was heard or decided, or the time is up."""
        news = self._news
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # `wait_for` loses a cancellation that meets the news
                await news.wait()

    def tell(self) -> None:
        """Something was heard or decided."""
        self._news.set()
        self._news = asyncio.Event()

    async def _live(self) -> None:
        try:
            if self._reconnecting.action == Action.NEVER and self._reconnecting.next_at is not None:
                self._move(Phase.WAITING)  # a ban that began before the gateway was restarted
                await self._wait()
            while True:
                self._begin()
                running = await self._kit.supervisor.up()
                if not await self._hold():
                    continue
                lost = await self._unusable_store() or await self._client(running)
                if lost is None:
                    continue  # with the next worker
                if not self._decide(lost):
                    return
                await self._wait()
        except _PairingEnded:
            self._move(Phase.PAIRING)
        except Exception:  # noqa: BLE001 - a session that ended in silence would be looked for in vain
            _log.exception("session %s ended by a mistake of the gateway's own", self.name)
            self._refrain(MISTAKE)
        finally:
            if self._lease is not None:
                self._lease.release()
                self._lease = None
            self.tell()

    async def _hold(self) -> bool:
        """Take the lease; False behind some time in which somebody else held it."""
        if self._lease is not None:
            return True
        pid = self._kit.supervisor.pid
        taking = asyncio.create_task(asyncio.to_thread(self._kit.stores.lease, self.name, pid))
        try:
            self._lease = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_give_back)
            raise
        except TargetProblem as problem:
            self.held = str(problem)
            now = self._kit.clock()
            lost = Disconnect(None, CONNECTION_LOST, now, raw=self.held)
            self._reconnecting = decide(reconnect_for(None, HELD), lost, self._next(), now, self._kit.chance())
            self._move(Phase.WAITING)
            await self._wait()
            return False
        self.held = ""
        return True

    async def _unusable_store(self) -> Disconnect | None:
        """Why a linked session cannot even be tried; None if it can.

        Raises:
            _PairingEnded: it is linked no more: its store was deleted, or replaced.
        """
        if not self.record.jid:
            return None
        store = await self.looking.read_store(fresh=True)
        if store.paired is False:
            self.record = replace(self.record, jid="")
            self.looking.store_changed()
            self._keep(should_run=False)
            raise _PairingEnded
        if store.usable:
            return None
        return Disconnect(None, "the store cannot be used", self._kit.clock(), raw="the store cannot be used")

    async def _client(self, running: Running) -> Disconnect | None:
        """One client, from opening to closing: why it was lost, None with its worker."""
        self.known = opened(self.known)
        self.looking.reopened()
        unsubscribe = running.worker.subscribe(self.name, self._heard)
        running.gone.add_done_callback(self._worker_gone)
        probing: asyncio.Task[None] | None = None
        try:
            await self._open(running)
            self.opened = running
            self.tell()
            probing = asyncio.create_task(self._probe())
            return await self._until_lost(running)
        except Interrupted:
            return None
        except WorkerTimeout as problem:
            return Disconnect(None, CONNECTION_LOST, self._kit.clock(), raw=f"no client could be opened: {problem}")
        finally:
            self.opened = None
            if probing is not None:
                probing.cancel()
            unsubscribe()
            running.gone.remove_done_callback(self._worker_gone)
            if not running.gone.done():
                with contextlib.suppress(Interrupted, CallFailed, WorkerTimeout):
                    await self._kit.supervisor.stop(self.name, STOPPING, running)

    async def _open(self, running: Running) -> None:
        call = protocol.Connect(
            self.name,
            self._kit.stores.address(self.name),
            jid=self.record.jid,
            proxy=self._kit.proxy,
            create=not self.record.jid,
            fast_store=self._kit.fast_stores,
            listen=("Receipt",),  # never what people write
        )
        try:
            await self._kit.supervisor.call(call, OPENING, running)
        except CallFailed as error:
            self._heard(protocol.Push(self.name, "connect-task-ended", time.time(), {"error": str(error)}))

    async def _until_lost(self, running: Running) -> Disconnect | None:
        self._awaited = time.monotonic()
        while not running.gone.done():
            known = self.known
            if known.refused and known.disconnect is not None:
                return known.disconnect
            if self.looking.zombie:
                raw = "connected by its own word, and two questions in a row were not answered"
                return Disconnect(None, ZOMBIE, self._kit.clock(), raw=raw)
            if not self.record.jid:
                left = self._pairing()
            elif interpret.connected(known.facts):
                left = None
            else:
                left = self._awaited + self._kit.timing.login - time.monotonic()
                if left <= 0:
                    unanswered = f"the login was not answered within {self._kit.timing.login:g} s"
                    return Disconnect(None, unanswered, self._kit.clock(), raw=unanswered, permanent=True)
            await self.changed(left)
        return None

    def _pairing(self) -> float:
        """Seconds to wait for what comes next of a pairing.

        Raises:
            _PairingEnded: nothing will.
        """
        if self.known.pair_error:
            raise _PairingEnded
        if self.known.code is None:
            left = self._awaited + self._kit.timing.login - time.monotonic()
        else:
            left = (self.known.code.expires_at + LATE - self._kit.clock()).total_seconds()
        if left <= 0:
            raise _PairingEnded
        return left

    def _decide(self, lost: Disconnect) -> bool:
        """What follows from the loss; whether to connect again."""
        linked = self.record.jid != ""
        if self.known.logged_out:
            self.record = replace(self.record, jid="")
            self.looking.store_changed()
        online = self.known.last_connected is not None and not self.known.losses
        self.known = replace(self.known, last_disconnect=lost, losses=max(1, self.known.losses), facts=self.known.facts)
        if not linked:
            raise _PairingEnded
        if online and self._online_for() > self._kit.timing.stable:
            self._tried = 0
        rule = _rule(lost)
        self._reconnecting = decide(rule, lost, self._next(), self._kit.clock(), self._kit.chance())
        again = self._reconnecting.next_at is not None
        _log.warning("session %s lost its connection: %s (%s)", self.name, rule.name, rule.action)
        self._keep(should_run=again)
        self._move(Phase.WAITING if again else Phase.STOPPED)
        return again

    def _online_for(self) -> float:
        since = self.known.last_connected
        return (self._kit.clock() - since).total_seconds() if since else 0.0

    def _next(self) -> int:
        """Count one more connection."""
        tried, self._tried = self._tried, self._tried + 1
        return tried

    async def _wait(self) -> None:
        """Until the next connection is due."""
        if self._reconnecting.next_at is not None:
            await asyncio.sleep(max(0.0, (self._reconnecting.next_at - self._kit.clock()).total_seconds()))

    async def _probe(self) -> None:
        """Ask the server from time to time, behind each login, and sooner where the connection is in doubt."""
        while True:
            if self.record.jid:
                with contextlib.suppress(Interrupted, WorkerTimeout):
                    await self.looking.probe()
            known = self.known
            wait = self._kit.timing.probe * (0.75 + self._kit.chance() / 2) * (1 if known.online else _DOUBT)
            until = time.monotonic() + wait
            while time.monotonic() < until and self.known.last_connected == known.last_connected:
                await self.changed(until - time.monotonic())

    # ---- what is heard

    def _worker_gone(self, _: object) -> None:
        self.tell()

    def _heard(self, push: protocol.Push) -> None:
        now = self._kit.clock()
        if push.event == "Receipt":
            self._kit.messages.heard(push, now)
            return
        before, self.known = self.known, fold(self.known, push, now)
        if self.known is before:
            return
        if push.event == "qr":
            self._kit.changes.tell(Change(self.name, "qr", "", now))
        if self.known.jid and self.known.jid != before.jid:
            self.take_over(self.known.jid)
        if push.event == "Connected":
            self._reconnecting = Reconnecting()
            self.looking.moved()
            if self.known.jid:  # it is new, and so is what its store holds
                self.looking.store_changed()
            self._keep(should_run=True)
            self._move(Phase.ONLINE)
        elif before.online and not self.known.online:
            self.looking.moved()
            self._keep(should_run=self.record.should_run)
            if not self.known.refused:
                self._move(Phase.CONNECTING)
        self.tell()

    def _move(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self._kit.changes.tell(Change(self.name, "phase", str(phase), self._kit.clock()))
            self.tell()

    def _keep(self, *, should_run: bool) -> None:
        self.record = replace(
            self.record,
            should_run=should_run,
            last_connected=self.known.last_connected,
            last_disconnect=self.known.last_disconnect,
            reconnecting=self._reconnecting,
        )
        self._kit.records.keep(self.record)


def _give_back(taking: asyncio.Task[Lease | None]) -> None:
    """Nobody waits for the lease any more."""
    if not taking.cancelled() and taking.exception() is None and (taken := taking.result()) is not None:
        taken.release()


def _rule(lost: Disconnect | None) -> Reconnect:
    if lost is None or (lost.code is None and lost.reason != ZOMBIE):
        return reconnect_for(None, FIRST_CONNECT_FAILED if lost and lost.permanent else CONNECTION_LOST)
    return reconnect_for(lost.code, lost.reason)
