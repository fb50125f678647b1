"""The sessions of a fleet by name, and the conditions under which one can be used.

`problem` says why none can be used (the gateway is starting, stopping, or lost its database). Every refusal is one of
the exceptions of `contract`, so callers pass it on as it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from diagnostics.gateway.contract import Interrupted, NoSuchSession, NotConnected, NotPaired, StateUnwritable
from diagnostics.gateway.fleet.session import Session
from diagnostics.gateway.fleet.worker_isolation import Workers
from diagnostics.neonize import protocol

_RESTARTING = 5.0  # s until it makes sense to ask a gateway again that is stopping


class SessionTable:
    """
    Attributes:
        sessions: by name.
        leaving: names of sessions that are being deleted; nobody may start them meanwhile.
        problem: why no session can be used, "" if they can.
        unwritable: why the state cannot be written, so that nothing may be sent or linked; "" if it can.
    """

    def __init__(self, workers: Workers) -> None:
        self.sessions: dict[str, Session] = {}
        self.leaving: set[str] = set()
        self.problem = "the gateway has not started yet"
        self.unwritable = ""
        self._workers = workers

    def names(self) -> Sequence[str]:
        return sorted(self.sessions)

    def get(self, name: str) -> Session:
        """
        Raises:
            NoSuchSession.
        """
        if name not in self.sessions or name in self.leaving:
            raise NoSuchSession(f"there is no session '{name}' here")
        return self.sessions[name]

    async def online(self, name: str, until: float) -> Session:
        """The session, as soon as it is logged in.

        Args:
            until: time.monotonic() at which waiting ends.

        Raises:
            NoSuchSession, NotPaired, NotConnected, Interrupted, StateUnwritable.
        """
        while True:
            found = self.get(name)
            self.refuse_down(name)
            refuse_unlinked(found)
            self.refuse_unwritable()
            if found.opened is not None and found.client_state.online:
                return found
            left = until - time.monotonic()
            if left <= 0 or not found.may_come_online(left):
                why = f"session '{name}' is not connected ({found.phase})"
                raise NotConnected(why, found.phase, found.reconnecting)
            await found.changed(left)

    def refuse_down(self, name: str) -> None:
        """Refuse if no session can be used, or none in the shared worker and the one of this name is in that.

        A session whose own worker is down is not refused here: it counts as not connected, or is waited for.

        Raises:
            Interrupted: it cannot be used right now.
        """
        if self.problem:
            raise Interrupted(self.problem, _RESTARTING)
        supervisor = self._workers.supervisor(name)
        if supervisor is self._workers.shared and supervisor.down and supervisor.restarts:
            raise supervisor.interrupted()

    def refuse_unwritable(self) -> None:
        """
        Raises:
            StateUnwritable: what a client learns by sending or linking could not be kept.
        """
        if self.unwritable:
            raise StateUnwritable(self.unwritable)

    async def call(self, session: Session, call: protocol.Call, deadline: float) -> dict[str, Any]:
        """Make a call to the session's client within `deadline` seconds; raises as `RunningWorker.call` does."""
        return await self._workers.call(session.name, session.opened, call, max(0.0, deadline))


def refuse_unlinked(session: Session) -> None:
    """
    Raises:
        NotPaired.
    """
    if not session.record.jid:
        raise NotPaired(f"session '{session.name}' is not linked to a phone: scan its QR code first")
