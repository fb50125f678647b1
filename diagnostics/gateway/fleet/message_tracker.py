"""Messages that were sent here, and how far each is known to have come.

A message is known by our ticket at first, and by WhatsApp's id once the server has acknowledged it. Receipts can arrive
before the acknowledgement; they wait until the id is known.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from diagnostics.gateway.contract import Message, Stage
from diagnostics.gateway.fleet.records import MESSAGES
from diagnostics.model import Sent
from diagnostics.neonize.protocol import Push

ORDER = {
    stage: number for number, stage in enumerate((Stage.ACCEPTED, Stage.ACKNOWLEDGED, Stage.DELIVERED, Stage.READ))
}
_RECEIPTS = {"DELIVERED": Stage.DELIVERED, "READ": Stage.READ, "PLAYED": Stage.READ}
_EARLY = 100  # receipts that came before the id of their message was known

Key = tuple[str, str]


class MessageTracker:
    """The last messages of all sessions, by session and id.

    Bounded as `records.MESSAGES` says, for all sessions together. `changed` is called with each new state.
    """

    def __init__(self, earlier: Iterable[Message], changed: Callable[[Message], None]) -> None:
        self._messages: OrderedDict[Key, Message] = OrderedDict(((m.session, m.id), m) for m in earlier)
        self._tickets: OrderedDict[Key, Message] = OrderedDict(
            ((m.session, m.ticket), m) for m in self._messages.values()
        )
        self._changed = changed
        self._early: OrderedDict[Key, Stage] = OrderedDict()
        self._waiting: dict[Key, asyncio.Event] = {}

    def get(self, session: str, message_id: str) -> Message | None:
        """By its id or its ticket."""
        return self._messages.get((session, message_id)) or self._tickets.get((session, message_id))

    def note(self, message: Message) -> None:
        """What is known of a message without an id."""
        self._tickets[message.session, message.ticket] = message
        while len(self._tickets) > MESSAGES:
            self._tickets.popitem(last=False)

    def failed(self, message: Message) -> None:
        """It was refused or given up, and has no id."""
        self.note(message)
        self._changed(message)

    def acknowledged(self, message: Message, message_id: str, now: datetime) -> Message:
        """The server has it, so that its id is known; what is known of it now."""
        key = (message.session, message_id)
        times = {**message.times, Stage.ACKNOWLEDGED: now}
        self._set(replace(message, id=message_id, stage=Stage.ACKNOWLEDGED, times=times))
        if (stage := self._early.pop(key, None)) is not None:
            self._reach(key, stage, now)
        return self._messages[key]

    def heard(self, push: Push, now: datetime) -> None:
        """A receipt came."""
        stage = _RECEIPTS.get(str(push.data.get("type", "")))
        if stage is None:
            return
        for message_id in push.data.get("ids", ()):
            self._reach((push.session, str(message_id)), stage, now)

    async def reached(self, session: str, message_id: str, stage: Stage, deadline: float) -> None:
        """Until the message has come so far, or `deadline` seconds have passed."""
        key = (session, message_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while (message := self._messages.get(key)) and ORDER[message.stage] < ORDER[stage]:
                    await self._waiting.setdefault(key, asyncio.Event()).wait()

    def forget(self, session: str) -> None:
        for known in (self._messages, self._tickets):
            for key in [key for key in known if key[0] == session]:
                del known[key]

    def _reach(self, key: Key, stage: Stage, now: datetime) -> None:
        message = self._messages.get(key)
        if message is None:
            self._early[key] = max(stage, self._early.get(key, stage), key=ORDER.__getitem__)
            while len(self._early) > _EARLY:
                self._early.popitem(last=False)
        elif ORDER[message.stage] < ORDER[stage]:
            self._set(replace(message, stage=stage, times={**message.times, stage: now}))

    def _set(self, message: Message) -> None:
        key = (message.session, message.id)
        self._messages[key] = message
        self.note(message)
        while len(self._messages) > MESSAGES:
            self._messages.popitem(last=False)
        if (event := self._waiting.pop(key, None)) is not None:
            event.set()
        self._changed(message)


def where_it_failed(sent: Sent) -> str:
    """Where a message failed, in half a sentence."""
    match sent.stage, sent.code:
        case "upload", _:
            return "the file could not be uploaded"
        case "ack", None:
            return "WhatsApp did not acknowledge the message"
        case "ack", _:
            return "WhatsApp refused the message"
        case _:
            return "the message could not be sent"
