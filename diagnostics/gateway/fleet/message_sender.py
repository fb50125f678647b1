"""Messages on their way: each is handed to the session's client once, and followed until the server has it.

Handing over and waiting are separate tasks: a caller's deadline ends the waiting, not the sending. If the worker or the
client ends meanwhile, nobody knows whether the message was sent; the caller is told so, and it is not sent again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import fields, replace

from diagnostics.gateway.contract import (
    UNREADABLE,
    GatewayProblem,
    Interrupted,
    Message,
    SendRefused,
    Stage,
    WaitingMessage,
)
from diagnostics.gateway.fleet.dependencies import Dependencies
from diagnostics.gateway.fleet.message_tracker import where_it_failed
from diagnostics.gateway.fleet.session import Session
from diagnostics.gateway.fleet.session_table import SessionTable
from diagnostics.model import Sent
from diagnostics.neonize import interpret, protocol
from diagnostics.neonize.process import CallFailed, WorkerTimeout

SENDING = 80.0  # s; the client itself gives a message up after 75
FINDING = 10.0  # s for WhatsApp to say who has a number
_NOT_TRIED = ("not-connected", "unknown-session")  # kinds of failures that say nothing about sending
_CUT_OFF = "websocket disconnected before"  # whatsmeow's words for a client that was stopped meanwhile


class MessageSender:
    """
    Attributes:
        under_way: messages that were handed over and not acknowledged yet.
    """

    def __init__(self, table: SessionTable, dependencies: Dependencies) -> None:
        self.under_way: set[asyncio.Task[Message]] = set()
        self._table = table
        self._dependencies = dependencies

    async def find(self, name: str, phone: str, *, deadline: float) -> str:
        """See `contract.Sessions.find`."""
        until = time.monotonic() + deadline
        session = await self._table.online(name, until)
        left = min(FINDING, until - time.monotonic())
        try:
            answer = await self._table.call(session, protocol.IsOnWhatsApp(name, (f"+{phone}",)), left)
        except (WorkerTimeout, CallFailed) as error:
            if isinstance(error, CallFailed) or left == FINDING:  # not a caller's own short deadline
                kind = error.kind if isinstance(error, CallFailed) else ""
                self._note(session, "text", interpret.send_error(kind, str(error), left))
            raise GatewayProblem(f"WhatsApp does not say whether the number has an account: {error}") from error
        return next((str(user["jid"]) for user in answer.values() if user["in"]), "")

    async def send(self, call: protocol.SendText | protocol.SendImage, *, until: Stage, deadline: float) -> Message:
        """Send, and wait until the message has reached the stage `until` or `deadline` seconds have passed.

        Raises:
            NoSuchSession, NotPaired, NotConnected, SendRefused, Interrupted.
        """
        messages, ends = self._dependencies.messages, time.monotonic() + deadline
        session = await self._table.online(call.session, ends)
        # The library gives a message its id and tells it with the acknowledgement: before that there is none to tell.
        ticket = f"t-{secrets.token_hex(8)}"
        kind = "text" if isinstance(call, protocol.SendText) else "image"
        accepted = {Stage.ACCEPTED: self._dependencies.clock()}
        message = Message(session.name, "", kind, Stage.ACCEPTED, accepted, ticket=ticket)
        messages.note(message)
        task = asyncio.create_task(self._hand_over(session, message, call))
        self.under_way.add(task)
        task.add_done_callback(self._finished)
        if until is Stage.ACCEPTED:
            return message
        await asyncio.wait([task], timeout=max(0.0, ends - time.monotonic()))
        if not task.done():
            stage = self._dependencies.sends.stage(session.name, kind, message.ticket)
            known = {each.name: getattr(message, each.name) for each in fields(message)}
            return WaitingMessage(**known, waits_for=stage)
        message = task.result()
        if until is not Stage.ACKNOWLEDGED:
            await messages.reached(session.name, message.id, until, ends - time.monotonic())
        return messages.get(session.name, message.id) or message

    async def _hand_over(
        self, session: Session, message: Message, call: protocol.SendText | protocol.SendImage
    ) -> Message:
        messages, since, worker = self._dependencies.messages, time.monotonic(), session.opened
        workers, sends = self._dependencies.workers, self._dependencies.sends
        crashes = workers.crashes(session.name)
        verified = isinstance(call, protocol.SendImage) and call.fetch
        sends.begin(session.name, message.kind, message.ticket, self._dependencies.clock(), verified=verified)
        try:
            answer = await self._table.call(session, call, SENDING)
        except Interrupted as interrupted:
            messages.note(replace(message, error=f"it may have been sent: {interrupted}"))
            if worker is not None:
                await asyncio.wait([worker.gone])  # by then it is known who was alone in it
            if workers.crashes(session.name) > crashes:
                crash = Sent(acknowledged=False, stage="crash", error=str(interrupted))
                self._note(session, message.kind, crash)
            raise
        except (CallFailed, WorkerTimeout) as error:
            if _CUT_OFF in str(error):
                why = f"session '{session.name}' was closed while the message was on its way: it may have been sent"
                messages.note(replace(message, error=why))
                raise Interrupted(why, 1.0) from error
            kind = error.kind if isinstance(error, CallFailed) else ""
            sent = interpret.send_error(kind, str(error), time.monotonic() - since)
            times = {**message.times, Stage.FAILED: self._dependencies.clock()}
            failed = replace(message, stage=Stage.FAILED, times=times, code=sent.code, error=sent.error)
            messages.failed(failed)
            if kind not in _NOT_TRIED:
                self._note(session, message.kind, sent)
            raise SendRefused(f"{where_it_failed(sent)}: {sent.error}", failed, sent) from error
        finally:
            sends.end(session.name, message.kind, message.ticket)
        took = time.monotonic() - since
        session.observer.acknowledged(took)
        acknowledged = Sent(acknowledged=True, message_id=answer["message_id"], took=took)
        if answer.get("devices") == 0:
            message = replace(message, code=answer.get("keys_refused"), error=UNREADABLE)
            if message.code is not None:  # the session's trouble; without a code, it is the recipient's
                acknowledged = replace(acknowledged, devices=0, code=message.code)
        self._note(session, message.kind, acknowledged)
        return messages.acknowledged(message, answer["message_id"], self._dependencies.clock())

    def _note(self, session: Session, kind: str, sent: Sent) -> None:
        self._dependencies.sends.note(session.name, kind, sent, self._dependencies.clock())

    def _finished(self, task: asyncio.Task[Message]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has got it; this keeps asyncio from logging it as never retrieved
