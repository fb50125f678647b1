"""What is known about one session of the fleet at this moment.

This is the part of a session that others read: its observer, which says how the session is, and the fleet, which waits
for it. `session.Session` extends it by what changes it. Whoever waits for the session calls `changed`; whoever changes
something calls `notify` afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

from diagnostics.catalogue import reconnect_for
from diagnostics.catalogue.reconnect import By
from diagnostics.evidence.recorder import Clock
from diagnostics.gateway.client_state import ClientState
from diagnostics.gateway.contract import Phase, Reconnecting, SessionView
from diagnostics.gateway.fleet.reconnect_policy import rule_for
from diagnostics.gateway.fleet.records import Record
from diagnostics.gateway.fleet.worker_supervisor import RunningWorker
from diagnostics.model import Aspect, Disconnect, Evidence


class SessionState:
    """
    Attributes:
        record: what survives a restart.
        client_state: what its client has said.
        phase: where it stands.
        opened: the worker in which its client is open; None while there is none.
        unwritable: why the lease of its store cannot be written; "" if it can.
        held: who else uses the session, so that it cannot be used here; "" if nobody does.
        planned: what was decided about connecting again while no client is open.
        attempts: connections tried in a row since it was last online for some time.
        task: keeps its client open; None before the first start.
    """

    def __init__(self, record: Record, clock: Clock) -> None:
        self.record = record
        self.client_state = ClientState(last_connected=record.last_connected, last_disconnect=record.last_disconnect)
        self.phase = Phase.STOPPED if record.jid or record.last_disconnect else Phase.PAIRING
        self.opened: RunningWorker | None = None
        self.held = self.unwritable = ""
        self.planned = record.reconnecting
        self.attempts = 0
        self.task: asyncio.Task[None] | None = None
        self._clock = clock
        self._change = asyncio.Event()

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def running(self) -> bool:
        """Whether something keeps its client open, or will open one."""
        return self.task is not None and not self.task.done()

    @property
    def standing_loss(self) -> Disconnect | None:
        """The last loss, unless a login followed."""
        lost, since = self.client_state.last_disconnect, self.client_state.last_connected
        return lost if lost is not None and (since is None or since <= lost.at) else None

    @property
    def reconnecting(self) -> Reconnecting:
        """What was decided about connecting again, by the gateway or by the client itself."""
        known = self.client_state
        if known.online:
            return Reconnecting()
        if (lost := known.disconnect) is not None and self.opened is not None and not known.refused:
            rule = rule_for(lost)
            attempts = self.attempts + known.losses
            return Reconnecting(attempts, None, str(rule.action), rule.code, rule.name, By.CLIENT)
        return self.planned

    @property
    def needed_upgrade(self) -> bool:
        """WhatsApp has refused this version of the client, and a restart of the gateway may have brought another."""
        was = self.record.reconnecting
        return self.record.jid != "" and reconnect_for(was.code, was.name).cause == "client-outdated"

    def may_come_online(self, seconds: float) -> bool:
        """Whether it may be online within so many seconds."""
        if not self.running or self.phase is Phase.STOPPED:
            return False
        due = self.planned.next_at if self.phase is Phase.WAITING else None
        return due is None or due <= self._clock() + timedelta(seconds=seconds)

    def online_for(self) -> float:
        """Seconds since the last login."""
        since = self.client_state.last_connected
        return (self._clock() - since).total_seconds() if since else 0.0

    def next_attempt(self) -> int:
        """Count one more connection; returns how many were tried before it."""
        before, self.attempts = self.attempts, self.attempts + 1
        return before

    def view(self, evidence: Evidence, took: float) -> SessionView:
        """The session for the HTTP side.

        Args:
            evidence: what was observed.
            took: seconds that observing it took.
        """
        live = [o.at for a in (Aspect.SOCKET, Aspect.ROUND_TRIP) if (o := evidence.get(a)) and o.known]
        return SessionView(
            evidence=replace(evidence, took=took),
            phase=self.phase,
            observed_at=min(live, default=self._clock()),
            last_connected=self.client_state.last_connected,
            last_disconnect=self.client_state.last_disconnect,
            reconnecting=self.reconnecting,
            jid=self.record.jid,
        )

    async def changed(self, seconds: float | None = None) -> None:
        """Wait until something changes, or until so many seconds have passed."""
        change = self._change
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # `wait_for` can lose a cancellation that arrives with the event
                await change.wait()

    def notify(self) -> None:
        """Something changed: the client said something, or something was decided."""
        self._change.set()
        self._change = asyncio.Event()
