"""A look at sessions through a product with an HTTP API, in the words of its dialect.

Each session is looked at within its own deadline, and a few at a time. Messages go out only where a recipient is named
and nothing that was seen makes them pointless: first the text, then the image if the text was acknowledged. After that
the session is looked at once more, because a connection can end right after an acknowledgement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostics.errors import TargetProblem
from diagnostics.evidence import probe_messages
from diagnostics.evidence.recorder import Clock, Recorder
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence, SocketState
from diagnostics.redact import printable, redact
from diagnostics.targets.http.dialect import Dialect, Found, Message, NoAnswer
from diagnostics.targets.http.transport import AT_ONCE, Transport

_SENDS = (Aspect.TEXT, Aspect.IMAGE)
_OF_CONNECTION = (Aspect.AUTHENTICATED, Aspect.DISCONNECT, Aspect.SOCKET, Aspect.ROUND_TRIP)  # what sends may change
_RESERVE = 1.0  # s of a session's deadline for the answers themselves, beyond what the product waits for
_WAIT = 8.0  # s for the acknowledgement of a message, at most


@dataclass(frozen=True, slots=True)
class HttpLooker:
    """Implements `targets.base.Looker`."""

    dialect: Dialect
    transport: Transport
    clock: Clock

    async def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(request: Request) -> Evidence:
            async with slots:
                return await _Look(self, request).evidence()

        looks = [asyncio.create_task(one(request)) for request in requests]
        try:
            for look in asyncio.as_completed(looks):
                yield await look
        finally:
            for each in looks:
                each.cancel()


class _Look:
    """One session, from the first request to the last message."""

    def __init__(self, looker: HttpLooker, request: Request) -> None:
        self._dialect = looker.dialect
        self._transport = looker.transport
        self._clock = looker.clock
        self._request = request
        self._recorder = Recorder(request, looker.clock)
        self._found = Found()
        self._sent = False
        self._until = time.monotonic() + request.deadline

    async def evidence(self) -> Evidence:
        recorder = self._recorder
        try:
            async with asyncio.timeout(self._request.deadline):
                await self._look()
                await self._send_all(_pointless(self._found))
                if self._sent:
                    await self._look_again()
        except TimeoutError:
            self._keep()
            seconds = f"{self._request.deadline:.0f} s"
            recorder.rest_absent(Absence.TIMEOUT, f"the gateway did not answer within {seconds}")
        except NoAnswer as problem:
            self._keep()
            recorder.rest_absent(problem.absence, str(problem), variable=problem.variable)
        except TargetProblem as problem:
            self._keep()
            recorder.rest_absent(Absence.UNEXPECTED, f"the gateway's answer cannot be understood: {problem}")
        except Exception as problem:  # noqa: BLE001 - a dialect's mistake must not take the other sessions' evidence
            self._keep()
            what = printable(redact(f"{type(problem).__name__}: {problem}"), 300)
            recorder.rest_absent(Absence.CRASHED, f"the dialect {self._dialect.name} failed: {what}")
        return recorder.evidence(self._dialect.name, self._found.events)

    async def _look(self) -> None:
        steps = self._dialect.look(self._request.session, self._request.aspects, self._found)
        await self._transport.carry_out(steps)
        self._keep()
        exists = self._found.observations.get(Aspect.EXISTS)
        if exists is not None and exists.value is False:
            self._recorder.rest_absent(Absence.BLOCKED, "the session does not exist")

    async def _look_again(self) -> None:
        """Look at the connection after the sends; what cannot be seen any more is not known any more."""
        before, self._found = self._found, Found()
        for aspect in _OF_CONNECTION:
            if (seen := before.observations.get(aspect)) is not None and seen.known:
                self._recorder.forget(aspect)
        steps = self._dialect.look(self._request.session, self._request.aspects, self._found)
        await self._transport.carry_out(steps)
        kept = {aspect: seen for aspect, seen in before.observations.items() if aspect not in _OF_CONNECTION}
        self._found.observations = {**kept, **self._found.observations}
        self._keep()

    def _keep(self) -> None:
        """Take over what the dialect found; what others sent counts only where nothing is sent now."""
        own = _SENDS if self._request.send_to is not None else ()
        told = [seen for aspect, seen in self._found.observations.items() if aspect not in own]
        self._recorder.put(*(seen for seen in told if seen.known or seen.aspect not in _SENDS))

    async def _send_all(self, blocked: str) -> None:
        """Text and image where they are asked for, unless `blocked` says why they are pointless."""
        for aspect in _SENDS:
            if not self._recorder.asks(aspect) or self._recorder.has(aspect):
                continue
            if self._request.send_to is None:
                self._recorder.absent(aspect, Absence.NOT_ASKED, "nothing is sent without --send-to")
            elif aspect not in self._dialect.sends:
                why = f"a target of kind {self._dialect.name} sends no {aspect}"
                self._recorder.absent(aspect, Absence.NOT_ASKED, why)
            elif blocked:
                self._recorder.absent(aspect, Absence.BLOCKED, blocked)
            else:
                blocked = await self._send(aspect, self._request.send_to)

    async def _send(self, aspect: Aspect, to: str) -> str:
        """Send; "" or why the next message is pointless."""
        wait = max(1.0, min(_WAIT, (self._until - time.monotonic() - _RESERVE) / 2))
        now = self._clock()
        if aspect is Aspect.TEXT:
            message = Message(aspect, to, probe_messages.text(now), b"", wait)
        else:
            message = Message(aspect, to, probe_messages.caption(now), probe_messages.image(), wait)
        found, self._sent = Found(), True
        await self._transport.carry_out(self._dialect.send(self._request.session, message, found))
        seen = found.observations.get(aspect)
        if seen is not None:
            self._recorder.put(seen)
        acknowledged = seen is not None and seen.known and seen.value.acknowledged
        return "" if acknowledged else f"the {aspect} before it was not acknowledged"


def _pointless(found: Found) -> str:
    """Why nothing can be sent, by what was observed; "" where it may well work."""

    def value(aspect: Aspect) -> Any:
        seen = found.observations.get(aspect)
        return seen.value if seen is not None and seen.known else None

    answered, refused = found.observations.get(Aspect.ROUND_TRIP), value(Aspect.DISCONNECT)
    if value(Aspect.EXISTS) is False:
        return "the session does not exist"
    if value(Aspect.AUTHENTICATED) is False:
        return "the session is not linked to a phone"
    if refused is not None and refused.permanent:
        return f"the connection was refused ({refused.code or refused.reason})"
    if value(Aspect.SOCKET) in (SocketState.CONNECTING, SocketState.CLOSED):
        return f"the socket is {value(Aspect.SOCKET)}"
    if answered is not None and answered.absence in (Absence.TIMEOUT, Absence.UNREACHABLE):
        return answered.detail
    return ""
