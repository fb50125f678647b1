"""`Fleet`: the sessions of one gateway. Implements `contract.Sessions`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from diagnostics.errors import UsageProblem
from diagnostics.evidence.recorder import Clock, utc_now
from diagnostics.gateway.contract import (
    AlreadyPaired,
    Change,
    GatewayProblem,
    Interrupted,
    Message,
    NoCodeYet,
    NoSuchSession,
    NotConnected,
    NotPaired,
    QrCode,
    SendRefused,
    SessionView,
    Stage,
)
from diagnostics.gateway.fleet.changes import Changes
from diagnostics.gateway.fleet.kit import Kit, Timing
from diagnostics.gateway.fleet.owner import DatabaseOwner, DirectoryOwner, Owner
from diagnostics.gateway.fleet.records import Record, Records
from diagnostics.gateway.fleet.sending import Messages, refused
from diagnostics.gateway.fleet.session import LATE, Session
from diagnostics.gateway.fleet.stores import DatabaseStores, FileStores, sqlalchemy_url
from diagnostics.gateway.fleet.supervisor import Supervisor
from diagnostics.neonize import interpret, protocol
from diagnostics.neonize.process import CallFailed, Worker, WorkerTimeout, environment
from diagnostics.rehearse import noise_root

SENDING = 80.0  # s; the client itself gives a message up after 75
FINDING = 10.0  # s for WhatsApp to say who has a number
DRAIN = 3.0  # s that `close` waits for messages on their way
CLOSING = 3.0  # s for all clients to close their connections
_CUT_OFF = "websocket disconnected before"  # whatsmeow's words for a client that was stopped meanwhile


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
            fast_stores, state_attributes: see `Kit`.
        """
        env = {**os.environ, **(environ or {})}
        root = noise_root(env)
        self._state = state
        self._dsn = dsn
        self._proxy = proxy or (env.get("HTTPS_PROXY", "") if root else "")
        self._fast_stores = fast_stores
        self._state_attributes = dict(state_attributes or {})
        self._timing = timing or Timing()
        self._clock = clock
        self._chance = chance
        worker_env = environment(environ, proxy=self._proxy or None)
        self._supervisor = Supervisor(
            lambda: Worker(worker_env),
            root,
            watching=self._timing.watching,
            hanging=self._timing.hanging,
            idle=lambda: not self._sends,
        )
        self._sessions: dict[str, Session] = {}
        self._leaving: set[str] = set()  # sessions that are being deleted; nobody may start them meanwhile
        self._changes = Changes()
        self._sends: set[asyncio.Task[Message]] = set()
        self._problem = "the gateway has not started yet"
        self._stopping: list[asyncio.Task[None]] = []
        self._owner: Owner | None = None
        self._watching: asyncio.Task[None] | None = None
        self._messages: Messages
        self._kit: Kit

    # ---- life

    async def start(self) -> None:
        """Own the state, and bring back every session that should be online. Does not wait until they are.

        Raises:
            UsageProblem: another process owns the state, or it cannot be used.
        """
        sessions = self._state / "sessions"
        if self._dsn:
            self.records = Records(sqlalchemy_url(self._dsn))
            self._owner = DatabaseOwner(self.records.engine)
            stores: FileStores | DatabaseStores = DatabaseStores(self._dsn, self.records.engine)
        else:
            try:
                with contextlib.suppress(FileExistsError):
                    self._state.mkdir(mode=0o700, parents=True)
                sessions.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise UsageProblem(f"the gateway's state cannot be kept in {self._state}: {error.strerror}") from error
            self.records = Records(f"sqlite:///{self._state.absolute() / 'records.sqlite3'}")
            self._owner = DirectoryOwner(self._state)
            stores = FileStores(sessions)
        try:
            await self._owner.take()
            records, messages = await self.records.open()
        except BaseException:
            await self._owner.release()
            await self.records.close()
            raise
        self._messages = Messages(messages, self._message_changed)
        self._kit = Kit(
            self._supervisor,
            stores,
            self.records,
            self._messages,
            self._changes,
            self._clock,
            self._chance,
            self._timing,
            self._proxy,
            self._fast_stores,
            self._state_attributes,
        )
        self._sessions = {record.name: Session(record, self._kit) for record in records}
        self._problem = ""
        self._supervisor.start()
        self._watching = asyncio.create_task(self._owner.watch(self._disowned))
        for session in self._sessions.values():
            if session.record.should_run or session.needed_upgrade:
                session.start()

    async def close(self, drain: float = DRAIN) -> None:
        """Take no more, wait `drain` seconds for messages on their way, and end everything in good order."""
        self._problem = "the gateway is being stopped"
        self._changes.close()
        if self._owner is None:
            return
        if self._sends:
            await asyncio.wait(self._sends, timeout=drain)
        if self._watching is not None:
            self._watching.cancel()
        stopping = [*self._stopping, *(asyncio.create_task(session.stop()) for session in self._sessions.values())]
        if stopping:
            await asyncio.wait(stopping, timeout=CLOSING)
        await self._supervisor.close()
        for session in self._sessions.values():
            session.looking.close()
        await asyncio.gather(*stopping, *self._sends, *filter(None, [self._watching]), return_exceptions=True)
        await self.records.flush()
        await self._owner.release()
        await self.records.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _disowned(self, why: str) -> None:
        """The database may have another owner by now, and nobody may log in twice."""
        self._problem = f"{why}: restart the gateway"
        self._stopping = [asyncio.create_task(session.give_up()) for session in self._sessions.values()]

    # ---- HealthSource

    def names(self) -> Sequence[str]:
        return sorted(self._sessions)

    async def look(self, session: str, *, fresh: bool = False) -> SessionView:
        return await self._get(session).looking.look(fresh=fresh)

    def ready(self) -> str:
        return self._problem or self._supervisor.down or self.records.problem

    # ---- pairing

    async def qr(self, session: str, *, deadline: float) -> QrCode:
        until = time.monotonic() + deadline
        found = await self._unlinked(session)
        while True:
            self._refuse_linked(found)
            code = found.known.code
            if code is not None and code.expires_at > self._clock():
                return code
            await self._next_code(found, until)

    async def pair_code(self, session: str, phone: str, *, deadline: float) -> str:
        until = time.monotonic() + deadline
        await self.qr(session, deadline=deadline)  # the client asks for a number only behind its first code
        try:
            answer = await self._call(self._get(session), protocol.PairPhone(session, phone), until - time.monotonic())
        except WorkerTimeout:
            raise NoCodeYet("WhatsApp gave no pairing code in time: try again, or scan the QR code") from None
        except CallFailed as error:
            raise GatewayProblem(f"WhatsApp gave no pairing code: {error}") from error
        return str(answer["code"])

    async def _unlinked(self, name: str) -> Session:
        """The session, made where there is none, with a client that shows codes or is about to."""
        self._refuse_down()
        if name in self._leaving:
            raise NoCodeYet(f"session '{name}' is being deleted: try again once it is gone")
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = Session(Record(name, self._clock()), self._kit)
            self.records.keep(session.record)
        self._refuse_linked(session)
        code = session.known.code
        if code is not None and code.expires_at + LATE < self._clock():
            await session.stop()  # the codes have run out
        if not session.living:
            await self._prepare(session)
            session.start()
        return session

    async def _prepare(self, session: Session) -> None:
        """An empty store, unless it turns out to be linked: then the session takes it over."""
        found = await asyncio.to_thread(self._kit.stores.read, session.name, "")
        if found.paired:
            session.take_over(found.jid)
        else:
            # What is left of an earlier link is of no use: WhatsApp has refused it for good.
            await asyncio.to_thread(self._kit.stores.clean, session.name, "")

    def _refuse_linked(self, session: Session) -> None:
        if session.record.jid:
            raise AlreadyPaired(
                f"session '{session.name}' is linked to a phone already: delete it first to link it to another"
            )

    async def _next_code(self, session: Session, until: float) -> None:
        await session.changed(max(0.0, until - time.monotonic()))
        if session.record.jid or (session.known.code and session.known.code.expires_at > self._clock()):
            return
        self._refuse_down()
        lost = session.known.last_disconnect
        if not session.living:
            why = session.known.pair_error or session.held or (lost.reason if lost else "")
            raise NoCodeYet("no code came" + (f": {why}" if why else ", and WhatsApp did not say why"))
        if time.monotonic() >= until:
            raise NoCodeYet("no code came in time: WhatsApp cannot be reached, or does not answer")

    # ---- use

    async def find(self, session: str, phone: str, *, deadline: float) -> str:
        until = time.monotonic() + deadline
        found = await self._online(session, until)
        left = min(FINDING, until - time.monotonic())
        try:
            answer = await self._call(found, protocol.IsOnWhatsApp(session, (f"+{phone}",)), left)
        except (WorkerTimeout, CallFailed) as error:
            raise GatewayProblem(f"WhatsApp does not say whether the number has an account: {error}") from error
        return next((str(user["jid"]) for user in answer.values() if user["in"]), "")

    async def send_text(self, session: str, to: str, text: str, *, until: Stage, deadline: float) -> Message:
        return await self._send("text", session, protocol.SendText(session, to, text), until, deadline)

    async def send_image(
        self, session: str, to: str, image: bytes, caption: str, *, until: Stage, deadline: float
    ) -> Message:
        return await self._send("image", session, protocol.SendImage(session, to, image, caption), until, deadline)

    def message(self, session: str, message_id: str) -> Message | None:
        self._get(session)
        return self._messages.get(session, message_id)

    async def _send(
        self, kind: str, name: str, call: protocol.SendText | protocol.SendImage, until: Stage, deadline: float
    ) -> Message:
        ends = time.monotonic() + deadline
        session = await self._online(name, ends)
        # The library gives a message its id and tells it with the acknowledgement: before that there is none to tell.
        ticket = f"t-{secrets.token_hex(8)}"
        message = Message(name, "", kind, Stage.ACCEPTED, {Stage.ACCEPTED: self._clock()}, ticket=ticket)
        self._messages.note(message)
        task = asyncio.create_task(self._carry(session, message, call))
        self._sends.add(task)
        task.add_done_callback(self._sent)
        if until is Stage.ACCEPTED:
            return message
        await asyncio.wait([task], timeout=max(0.0, ends - time.monotonic()))
        if not task.done():
            return message
        message = task.result()
        if until is not Stage.ACKNOWLEDGED:
            await self._messages.reached(name, message.id, until, ends - time.monotonic())
        return self._messages.get(name, message.id) or message

    async def _carry(self, session: Session, message: Message, call: protocol.SendText | protocol.SendImage) -> Message:
        since = time.monotonic()
        try:
            answer = await self._call(session, call, SENDING)
        except Interrupted as interrupted:
            self._messages.note(replace(message, error=f"it may have been sent: {interrupted}"))
            raise
        except (CallFailed, WorkerTimeout) as error:
            if _CUT_OFF in str(error):
                why = f"session '{session.name}' was closed while the message was on its way: it may have been sent"
                self._messages.note(replace(message, error=why))
                raise Interrupted(why, 1.0) from error
            kind = error.kind if isinstance(error, CallFailed) else ""
            sent = interpret.send_error(kind, str(error), time.monotonic() - since)
            times = {**message.times, Stage.FAILED: self._clock()}
            failed = replace(message, stage=Stage.FAILED, times=times, code=sent.code, error=sent.error)
            self._messages.note(failed)
            raise SendRefused(f"{refused(sent)}: {sent.error}", failed) from error
        session.looking.acknowledged(time.monotonic() - since)
        return self._messages.acknowledged(message, answer["message_id"], self._clock())

    def _sent(self, task: asyncio.Task[Message]) -> None:
        self._sends.discard(task)
        if not task.cancelled():
            task.exception()  # was told to whoever waited

    def _message_changed(self, message: Message) -> None:
        self.records.keep(message)
        self._changes.tell(Change(message.session, "message", f"{message.id} {message.stage}", self._clock()))

    # ---- rule

    async def log_out(self, session: str) -> None:
        found = self._get(session)
        self._leaving.add(session)
        try:
            await self._delete(found)
        finally:
            self._leaving.discard(session)
        self._changes.tell(Change(session, "gone", "", self._clock()))

    async def _delete(self, found: Session) -> None:
        session = found.name
        if found.opened is not None and found.record.jid and found.known.online:
            # If it does not succeed, it is deleted here all the same; the phone shows it until it is removed there.
            with contextlib.suppress(CallFailed, WorkerTimeout, Interrupted):
                await self._call(found, protocol.Logout(session), self._timing.round_trip)
        await found.stop()
        await asyncio.to_thread(self._kit.stores.clean, session, found.record.jid)
        self._sessions.pop(session, None)
        self._messages.forget(session)
        self.records.drop(session)

    async def reconnect(self, session: str) -> None:
        found = self._get(session)
        self._refuse_down()
        self._refuse_unlinked(found)
        await found.restart()

    def changes(self) -> AsyncIterator[Change]:
        return self._changes.listen()

    # ----

    def _get(self, session: str) -> Session:
        if session not in self._sessions or session in self._leaving:
            raise NoSuchSession(f"there is no session '{session}' here")
        return self._sessions[session]

    async def _online(self, session: str, until: float) -> Session:
        """The session, as soon as it is logged in."""
        while True:
            found = self._get(session)
            self._refuse_down()
            self._refuse_unlinked(found)
            if found.opened is not None and found.known.online:
                return found
            left = until - time.monotonic()
            if left <= 0 or not found.coming(left):
                why = f"session '{session}' is not connected ({found.phase})"
                raise NotConnected(why, found.phase, found.reconnecting)
            await found.changed(left)

    def _refuse_unlinked(self, session: Session) -> None:
        if not session.record.jid:
            raise NotPaired(f"session '{session.name}' is not linked to a phone: scan its QR code first")

    def _refuse_down(self) -> None:
        if self._problem:
            raise Interrupted(self._problem, 5.0)
        if self._supervisor.down and self._supervisor.restarts:
            raise self._supervisor.interrupted()

    async def _call(self, session: Session, call: protocol.Call, deadline: float) -> dict[str, Any]:
        return await self._kit.supervisor.call(call, max(0.0, deadline), session.opened)
