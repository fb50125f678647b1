"""The target `gateway`: sessions behind the HTTP API of a gateway."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from diagnostics.errors import TargetProblem
from diagnostics.evidence import probe_messages
from diagnostics.evidence.recorder import Clock, Recorder, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence, SocketState
from diagnostics.targets.gateway import asking, reading
from diagnostics.targets.gateway.asking import Gateway, NoAnswer

NAME = "gateway"
_SENDS = frozenset({Aspect.TEXT, Aspect.IMAGE})
_RESERVE = 1.0  # s of a session's deadline for the answers themselves, beyond what the gateway waits for
_WAIT = 8.0  # s for the acknowledgement of a message, at most


class GatewayTarget:
    """Sessions of one gateway. Implements `targets.base.Target`.

    Each session is asked for once (`GET /whatsapp/health/{sessionId}?fresh=1`). Messages go through the gateway, and
    only where a recipient is named and nothing that was seen makes them pointless.
    """

    def __init__(self, url: str, *, token_env: str, token: str | None = None, clock: Clock = utc_now) -> None:
        """
        Args:
            url: where it answers, without a slash at the end.
            token_env: the variable that the token comes from, to name it where the token is refused.
            token: its bearer token; without one, none is sent.
            clock: the time of observations.
        """
        self._url = url
        self._token = token
        self._token_env = token_env
        self._clock = clock

    def describe(self) -> str:
        token = f"token from {self._token_env}" if self._token else f"without a token: {self._token_env} is not set"
        return f"gateway {self._url} ({token})"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Looker]:
        """
        Raises:
            TargetProblem: the token cannot be one.
        """
        async with asking.opened(self._url, self._token, self._token_env) as gateway:
            yield _Looker(gateway, self._clock)


@dataclass(frozen=True, slots=True)
class _Looker:
    gateway: Gateway
    clock: Clock

    async def look(self, requests: Sequence[Request]) -> AsyncIterator[Evidence]:
        slots = asyncio.Semaphore(asking.AT_ONCE)

        async def one(request: Request) -> Evidence:
            async with slots:
                return await _Look(self.gateway, request, self.clock).evidence()

        looks = [asyncio.create_task(one(request)) for request in requests]
        try:
            for look in asyncio.as_completed(looks):
                yield await look
        finally:
            for each in looks:
                each.cancel()


class _Look:
    """One session, from the question to the last message."""

    def __init__(self, gateway: Gateway, request: Request, clock: Clock) -> None:
        self._gateway = gateway
        self._request = request
        self._clock = clock
        self._recorder = Recorder(request, clock)
        self._until = time.monotonic() + request.deadline

    async def evidence(self) -> Evidence:
        heard: Evidence | None = None
        try:
            async with asyncio.timeout(self._request.deadline):
                heard = await self._ask()
                await self._send_all(_pointless(heard))
        except TimeoutError:
            seconds = f"{self._request.deadline:.0f} s"
            self._recorder.rest_absent(Absence.TIMEOUT, f"the gateway did not answer within {seconds}")
        except NoAnswer as problem:
            self._recorder.rest_absent(problem.absence, str(problem))
        except TargetProblem as problem:
            self._recorder.rest_absent(Absence.CRASHED, f"the gateway's answer cannot be understood: {problem}")
        return self._recorder.evidence(NAME, heard.events if heard else ())

    async def _ask(self) -> Evidence:
        path = f"/whatsapp/health/{quote(self._request.session, safe='')}"
        answer = await self._gateway.ask("GET", path, params={"fresh": "1"})
        heard = reading.health(self._request.session, answer, self._clock())
        for aspect, seen in heard.observations.items():
            if aspect not in _SENDS:  # what others sent is not what was asked for
                self._recorder.put(seen)
        exists = heard.get(Aspect.EXISTS)
        if exists is not None and exists.value is False:
            self._recorder.rest_absent(Absence.BLOCKED, "the session does not exist")
        return heard

    async def _send_all(self, blocked: str) -> None:
        """Text and image where they are asked for, unless `blocked` says why they are pointless."""
        if not self._recorder.asks(*_SENDS):
            return
        if self._request.send_to is None:
            self._recorder.absent(Aspect.TEXT, Absence.NOT_ASKED, "nothing is sent without --send-to")
            self._recorder.absent(Aspect.IMAGE, Absence.NOT_ASKED, "nothing is sent without --send-to")
            return
        now = self._clock()
        to = {"sessionId": self._request.session, "phone": f"+{self._request.send_to}"}
        image = base64.b64encode(probe_messages.image()).decode("ascii")
        for aspect, path, content in (
            (Aspect.TEXT, "/whatsapp/send-message", {"message": probe_messages.text(now)}),
            (Aspect.IMAGE, "/whatsapp/send-image", {"image": image, "caption": probe_messages.caption(now)}),
        ):
            if not self._recorder.asks(aspect):
                continue
            if blocked:
                self._recorder.absent(aspect, Absence.BLOCKED, blocked)
            else:
                blocked = await self._send(aspect, path, to | content)

    async def _send(self, aspect: Aspect, path: str, body: dict[str, Any]) -> str:
        """Send; "" or why the next message is pointless."""
        wait = max(1.0, min(_WAIT, (self._until - time.monotonic() - _RESERVE) / 2))
        since = time.monotonic()
        answer = await self._gateway.ask("POST", path, params={"wait": "ack", "deadline": f"{wait:.1f}"}, json=body)
        seen = reading.sent(aspect, answer, self._clock(), time.monotonic() - since)
        self._recorder.put(seen)
        return "" if seen.known and seen.value.acknowledged else f"the {aspect} before it was not acknowledged"


def _pointless(heard: Evidence) -> str:
    """Why nothing can be sent, by what the gateway observed; "" where it may well work."""

    def value(aspect: Aspect) -> Any:
        seen = heard.get(aspect)
        return seen.value if seen is not None and seen.known else None

    answered, refused = heard.get(Aspect.ROUND_TRIP), value(Aspect.DISCONNECT)
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
