"""`Fleet`: the sessions of one gateway. Implements `contract.Sessions`.

`start` takes the ownership of the state, opens the records, starts the worker and brings back every session that should
be online; `close` ends all that in reverse order. In between, `session_linker` links sessions, `message_sender` sends
with them, and each `session.Session` keeps itself connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from diagnostics.catalogue.reconnect import CLIENT_CRASHES
from diagnostics.errors import UsageProblem
from diagnostics.evidence.recorder import Clock, utc_now
from diagnostics.gateway.contract import Change, Interrupted, Message, QrCode, SessionView, Stage, StateUnwritable
from diagnostics.gateway.fleet.changes import Changes
from diagnostics.gateway.fleet.client_stores import DatabaseStores, FileStores, Stores, sqlalchemy_url
from diagnostics.gateway.fleet.dependencies import Dependencies, Timing
from diagnostics.gateway.fleet.message_sender import MessageSender
from diagnostics.gateway.fleet.message_tracker import MessageTracker
from diagnostics.gateway.fleet.recent_sends import RecentSends
from diagnostics.gateway.fleet.records import Records
from diagnostics.gateway.fleet.session import Session
from diagnostics.gateway.fleet.session_linker import SessionLinker
from diagnostics.gateway.fleet.session_table import SessionTable, refuse_unlinked
from diagnostics.gateway.fleet.state_owner import DatabaseOwner, DirectoryOwner, Owner
from diagnostics.gateway.fleet.state_watch import StateWatch
from diagnostics.gateway.fleet.worker_isolation import Workers
from diagnostics.gateway.fleet.worker_supervisor import LOGIN, Supervisor
from diagnostics.neonize import protocol
from diagnostics.neonize.process import CallFailed, Worker, WorkerTimeout
from diagnostics.neonize.worker_environment import environment, proxy_with_password
from diagnostics.rehearse import noise_root

DRAIN = 3.0  # s that `close` waits for messages on their way
CLOSING = 3.0  # s for all clients to close their connections

_log = logging.getLogger("wadiag.gateway")


class Fleet:
    """Sessions in one directory (or PostgreSQL database), which this process owns from `start` to `close`.

        async with Fleet(Path("gateway")) as fleet:
            code = await fleet.qr("testing", deadline=10)

    Attributes:
        records: what survives a restart, and the answers to repeated requests.
    """

    records: Records

    def __init__(
        self,
        state: Path,
        *,
        dsn: str = "",
        proxy: str = "",
        environ: Mapping[str, str] | None = None,
        fast_stores: bool = False,
        state_attributes: Mapping[str, str] | None = None,
        timing: Timing | None = None,
        clock: Clock = utc_now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is opened before `start`.

        Args:
            state: the directory; it is made where there is none.
            dsn: "postgresql://…" of the database that holds records and devices instead.
            proxy: URL for everything the clients dial.
            environ: variables over those of this process. With those of `WhatsAppServer.bot_environment()` among
                either, the clients log in to the simulator, and to nothing else.
            fast_stores, state_attributes: see `Dependencies`.
        """
        env = {**os.environ, **(environ or {})}
        root = noise_root(env)
        self._state = state
        self._dsn = dsn
        self._proxy = proxy or (env.get("HTTPS_PROXY", "") if root else proxy_with_password(env) or "")
        self._fast_stores = fast_stores
        self._state_attributes = dict(state_attributes or {})
        self._timing = timing or Timing()
        self._clock = clock
        self._chance = chance
        worker_env = environment(environ, proxy=self._proxy or None)
        self._workers = Workers(
            lambda **more: Supervisor(
                lambda: Worker(worker_env),
                root,
                watching=self._timing.watching,
                hanging=self._timing.hanging,
                idle=lambda: not self._sender.under_way,
                **more,
            ),
            self._suspected,
        )
        self._table = SessionTable(self._workers)
        self._changes = Changes()
        self._stopping: list[asyncio.Task[None]] = []
        self._owner: Owner | None = None
        self._watching: list[asyncio.Task[None]] = []
        self._state_watch: StateWatch
        self._sender: MessageSender
        self._linker: SessionLinker
        self._dependencies: Dependencies

    async def start(self) -> None:
        """Own the state, and bring back every session that should be online. Does not wait until they are.

        Raises:
            UsageProblem: another process owns the state, or it cannot be used.
        """
        stores = self._open_state()
        assert self._owner is not None  # noqa: S101 - for the type checker
        try:
            await self._owner.take()
            records, messages = await self.records.open()
            self._state_watch = StateWatch(None if self._dsn else self._state, self.records, self._state_changed)
            await self._state_watch.check()
        except BaseException:
            await self._owner.release()
            await self.records.close()
            raise
        self._dependencies = Dependencies(
            workers=self._workers,
            stores=stores,
            records=self.records,
            messages=MessageTracker(messages, self._message_changed),
            sends=RecentSends(),
            state=self._state_watch,
            changes=self._changes,
            clock=self._clock,
            chance=self._chance,
            timing=self._timing,
            proxy=self._proxy,
            fast_stores=self._fast_stores,
            state_attributes=self._state_attributes,
        )
        self._sender = MessageSender(self._table, self._dependencies)
        self._linker = SessionLinker(self._table, self._dependencies)
        sessions = {record.name: Session(record, self._dependencies) for record in records}
        self._table.sessions.update(sessions)
        self._table.problem = ""
        self._workers.start()
        for record in records:
            if record.reconnecting.name == CLIENT_CRASHES:
                self._workers.isolate(record.name, {LOGIN})
        self._watching = [
            asyncio.create_task(self._owner.watch(self._disowned)),
            asyncio.create_task(self._state_watch.run()),
        ]
        due = [each for each in sessions.values() if each.record.should_run or each.needed_upgrade]
        _log.info("gateway: started with %d sessions, of which %d are connecting", len(sessions), len(due))
        for session in due:
            session.start()

    def _open_state(self) -> Stores:
        """Find the records and their owner; returns where the clients' stores are.

        Raises:
            UsageProblem: the state cannot be kept there.
        """
        if self._dsn:
            self.records = Records(sqlalchemy_url(self._dsn))
            self._owner = DatabaseOwner(self.records.engine)
            return DatabaseStores(self._dsn, self.records.engine)
        sessions = self._state / "sessions"
        try:
            with contextlib.suppress(FileExistsError):
                self._state.mkdir(mode=0o700, parents=True)
            sessions.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageProblem(f"the gateway's state cannot be kept in {self._state}: {error.strerror}") from error
        self.records = Records(f"sqlite:///{self._state.absolute() / 'records.sqlite3'}")
        self._owner = DirectoryOwner(self._state)
        return FileStores(sessions)

    async def close(self, drain: float = DRAIN) -> None:
        """Take no more requests, wait `drain` seconds for messages on their way, and shut everything down in order."""
        self._table.problem = "the gateway is being stopped"
        self._changes.close()
        if self._owner is None:
            return
        sessions, sending = tuple(self._table.sessions.values()), self._sender.under_way
        opened = sum(session.opened is not None for session in sessions)
        _log.info("gateway: shutting down, %d messages on their way", len(sending))
        if sending:
            await asyncio.wait(sending, timeout=drain)
        for watching in self._watching:
            watching.cancel()
        stopping = [*self._stopping, *(asyncio.create_task(session.stop()) for session in sessions)]
        if stopping:
            await asyncio.wait(stopping, timeout=CLOSING)
        await self._workers.close()
        for session in sessions:
            session.observer.close()
        await asyncio.gather(*stopping, *sending, *self._watching, return_exceptions=True)
        await self.records.flush()
        await self._owner.release()
        await self.records.close()
        _log.info("gateway: stopped, %d sessions closed", opened)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _disowned(self, why: str) -> None:
        """The database may have another owner by now, and nobody may log in twice."""
        _log.error("gateway: %s: no session is connected any more, restart the gateway", why)
        self._table.problem = f"{why}: restart the gateway"
        self._stopping = [asyncio.create_task(session.disown()) for session in self._table.sessions.values()]

    def _suspected(self, session: str, doing: frozenset[str]) -> None:
        """The worker died while the session was at this."""
        if session in self._table.sessions:
            self._table.sessions[session].log.suspected(", ".join(sorted(doing)))

    def names(self) -> Sequence[str]:
        return self._table.names()

    async def look(self, session: str, *, fresh: bool = False) -> SessionView:
        return await self._table.get(session).observer.look(fresh=fresh)

    def ready(self) -> str:
        return self._table.problem or self._workers.shared.down or self.unwritable()

    def unwritable(self) -> str:
        return self._table.unwritable

    def _state_changed(self, problem: str) -> None:
        self._table.unwritable = problem
        self._changes.publish(Change("", "state", f"unwritable: {problem}" if problem else "writable", self._clock()))

    async def qr(self, session: str, *, deadline: float) -> QrCode:
        return await self._linker.qr(session, deadline=deadline)

    async def pair_code(self, session: str, phone: str, *, deadline: float) -> str:
        return await self._linker.pair_code(session, phone, deadline=deadline)

    async def find(self, session: str, phone: str, *, deadline: float) -> str:
        return await self._sender.find(session, phone, deadline=deadline)

    async def send_text(self, session: str, to: str, text: str, *, until: Stage, deadline: float) -> Message:
        return await self._sender.send(protocol.SendText(session, to, text), until=until, deadline=deadline)

    async def send_image(
        self, session: str, to: str, image: bytes, caption: str, *, until: Stage, deadline: float, verify: bool = False
    ) -> Message:
        call = protocol.SendImage(session, to, image, caption, fetch=verify)
        return await self._sender.send(call, until=until, deadline=deadline)

    def message(self, session: str, message_id: str) -> Message | None:
        self._table.get(session)
        return self._dependencies.messages.get(session, message_id)

    def _message_changed(self, message: Message) -> None:
        if message.id:
            self.records.keep(message)
        detail = f"{message.id or message.ticket} {message.stage}"
        self._changes.publish(Change(message.session, "message", detail, self._clock()))

    async def log_out(self, session: str) -> None:
        found = self._table.get(session)
        self._table.leaving.add(session)
        try:
            await self._delete(found)
        finally:
            self._table.leaving.discard(session)
        self._changes.publish(Change(session, "gone", "", self._clock()))

    async def _delete(self, found: Session) -> None:
        session = found.name
        if found.opened is not None and found.record.jid and found.client_state.online:
            # If it does not succeed, it is deleted here all the same; the phone shows it until it is removed there.
            with contextlib.suppress(CallFailed, WorkerTimeout, Interrupted):
                await self._table.call(found, protocol.Logout(session), self._timing.round_trip)
        await found.stop()
        try:
            await asyncio.to_thread(self._dependencies.stores.clean, session, found.record.jid)
        except (OSError, SQLAlchemyError) as error:
            raise StateUnwritable(str(getattr(error, "strerror", "") or type(error).__name__)) from error
        self._table.sessions.pop(session, None)
        self._workers.forget(session)
        self._dependencies.messages.forget(session)
        self._dependencies.sends.forget(session)
        self.records.drop(session)
        found.log.deleted()

    async def reconnect(self, session: str) -> None:
        found = self._table.get(session)
        self._table.refuse_down(session)
        refuse_unlinked(found)
        await found.restart()

    def changes(self) -> AsyncIterator[Change]:
        return self._changes.subscribe()
