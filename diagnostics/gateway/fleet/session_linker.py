"""QR codes and pairing codes: how a session is linked to a phone.

Asking for a code makes the session where there is none and opens its client, which then shows one code after another.
The code that is shown now is in the session's `client_state`; who asks again gets the same one. When the codes have run
out the client is closed, and the next caller opens another.
"""

from __future__ import annotations

import asyncio
import time

from diagnostics.gateway.contract import AlreadyPaired, GatewayProblem, NoCodeYet, QrCode
from diagnostics.gateway.fleet.dependencies import Dependencies
from diagnostics.gateway.fleet.records import Record
from diagnostics.gateway.fleet.session import LATE, Session
from diagnostics.gateway.fleet.session_table import SessionTable
from diagnostics.neonize import protocol
from diagnostics.neonize.process import CallFailed, WorkerTimeout


class SessionLinker:
    def __init__(self, table: SessionTable, dependencies: Dependencies) -> None:
        self._table = table
        self._dependencies = dependencies

    async def qr(self, name: str, *, deadline: float) -> QrCode:
        """See `contract.Sessions.qr`."""
        until = time.monotonic() + deadline
        session = await self._unlinked(name)
        while True:
            _refuse_linked(session)
            code = session.client_state.code
            if code is not None and code.expires_at > self._dependencies.clock():
                return code
            await self._next_code(session, until)

    async def pair_code(self, name: str, phone: str, *, deadline: float) -> str:
        """See `contract.Sessions.pair_code`."""
        until = time.monotonic() + deadline
        await self.qr(name, deadline=deadline)  # the client asks for a number only after its first QR code
        call = protocol.PairPhone(name, phone)
        try:
            answer = await self._table.call(self._table.get(name), call, until - time.monotonic())
        except WorkerTimeout:
            raise NoCodeYet("WhatsApp gave no pairing code in time: try again, or scan the QR code") from None
        except CallFailed as error:
            raise GatewayProblem(f"WhatsApp gave no pairing code: {error}") from error
        return str(answer["code"])

    async def _unlinked(self, name: str) -> Session:
        """The session, made where there is none, with a client that shows codes or is about to."""
        self._table.refuse_down(name)
        self._table.refuse_unwritable()
        if name in self._table.leaving:
            raise NoCodeYet(f"session '{name}' is being deleted: try again once it is gone")
        session = self._table.sessions.get(name)
        if session is None:
            session = Session(Record(name, self._dependencies.clock()), self._dependencies)
            self._table.sessions[name] = session
            self._dependencies.records.keep(session.record)
        _refuse_linked(session)
        code = session.client_state.code
        if code is not None and code.expires_at + LATE < self._dependencies.clock():
            await session.stop()  # the codes have run out
        if not session.running:
            await self._prepare(session)
            session.start()
        return session

    async def _prepare(self, session: Session) -> None:
        """Empty the store, unless it turns out to be linked: then the session takes it over."""
        found = await asyncio.to_thread(self._dependencies.stores.read, session.name, "")
        if found.paired:
            session.take_over(found.jid)
        else:
            # What is left of an earlier link is useless: WhatsApp has refused it for good.
            await asyncio.to_thread(self._dependencies.stores.clean, session.name, "")

    async def _next_code(self, session: Session, until: float) -> None:
        """Wait until something about the session's code changes.

        Raises:
            NoCodeYet: none will come, or `until` (time.monotonic()) has passed.
        """
        await session.changed(max(0.0, until - time.monotonic()))
        known = session.client_state
        if session.record.jid or (known.code and known.code.expires_at > self._dependencies.clock()):
            return
        self._table.refuse_down(session.name)
        lost = known.last_disconnect
        if not session.running:
            why = known.pair_error or session.held or (lost.reason if lost else "")
            raise NoCodeYet("no code came" + (f": {why}" if why else ", and WhatsApp did not say why"))
        if time.monotonic() >= until:
            raise NoCodeYet("no code came in time: WhatsApp cannot be reached, or does not answer")


def _refuse_linked(session: Session) -> None:
    if session.record.jid:
        raise AlreadyPaired(
            f"session '{session.name}' is linked to a phone already: delete it first to link it to another"
        )
