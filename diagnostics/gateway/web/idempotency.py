"""`Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header): a repeated request sends nothing twice.

The key is reserved before anything is sent, and the answer is stored afterwards. A request that had no effect frees its
key. One whose effect is not known (the worker or this process died meanwhile) leaves the key reserved without an
answer, and a repeated request is answered `outcome-unknown` instead of being sent again.

A key is kept for 24 hours of the gateway's own running time: the system's clock may be set right at any time, by days,
and must not make a key forgotten that was used a minute ago.

Where answers cannot be stored (the disk is full), a request with a key is refused before it has an effect.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.responses import Response

from diagnostics.evidence.recorder import utc_now
from diagnostics.gateway.contract import Answer, Answers, NoSuchSession, NotConnected, NotPaired
from diagnostics.gateway.web.problem_responses import MEDIA_TYPE, Problem, storage_failed, storage_reason

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')  # the draft wants it quoted, its users leave the quotes out

_log = logging.getLogger("wadiag.gateway")


@dataclass(slots=True)
class Attempt:
    """One run of a request; `begun` is set right before the call that has an effect."""

    begun: bool = False


@dataclass(slots=True)
class RunningTime:
    """Times that only the running of a gateway advances: they go on where those of the last process ended.

    Attributes:
        wall: the time of the very first key.
        elapsed: seconds of a clock that does not jump.
    """

    answers: Answers
    wall: Callable[[], datetime] = utc_now
    elapsed: Callable[[], float] = time.monotonic
    _start: tuple[datetime, float] | None = None

    async def now(self) -> datetime:
        if self._start is None:
            self._start = await self.answers.newest() or self.wall(), self.elapsed()
        at, since = self._start
        return at + timedelta(seconds=self.elapsed() - since)


@dataclass(frozen=True, slots=True)
class Once:
    """Runs each keyed request once."""

    answers: Answers
    clock: RunningTime
    running: set[tuple[str, str]] = field(default_factory=set)

    async def run(
        self, act: Callable[[Attempt], Awaitable[Response]], *, key: str | None, token: str, fingerprint: str
    ) -> Response:
        """The request's answer, or the first one's.

        Args:
            act: answers a request that took effect, and raises for one that did not.
            key: as the header has it; None runs the request every time.
            token: the name of the caller's token: keys of different callers are different.

        Raises:
            Problem: the key cannot be used or stored; or what `act` raises.
        """
        if key is None:
            return await act(Attempt())
        match = _KEY.fullmatch(key)
        if match is None:
            wrong = {"where": f"header.{HEADER}", "what": "1 to 255 visible ASCII characters"}
            raise Problem("invalid-request", more={"errors": [wrong]})
        mine = token, digest(match[1])
        before = await self._reserved(mine, fingerprint)
        if before is not None:
            return self._again(before, fingerprint, running=mine in self.running)
        self.running.add(mine)
        attempt = Attempt()
        try:
            response = await act(attempt)
            await self._stored("answer", self.answers.answered(*mine, response.status_code, bytes(response.body)))
        except (Problem, NoSuchSession, NotPaired, NotConnected):
            await self._stored("release", self.answers.unreserved(*mine))
            raise
        except BaseException:  # being cancelled, too
            if not attempt.begun:
                await self._stored("release", self.answers.unreserved(*mine))
            raise
        finally:
            self.running.discard(mine)
        return response

    async def _reserved(self, mine: tuple[str, str], fingerprint: str) -> Answer | None:
        """Reserve the key; what is known of the first request with it."""
        try:
            return await self.answers.idempotent(*mine, fingerprint, await self.clock.now())
        except Exception as error:  # whatever a database raises
            raise storage_failed(error) from error

    async def _stored(self, what: str, storing: Awaitable[None]) -> None:
        """Store what became of the request. If that fails, the key stays reserved, and nothing is sent twice."""
        try:
            await storing
        except Exception as error:  # noqa: BLE001 - whatever a database raises; the message may have been sent
            _log.warning("the %s of an Idempotency-Key was not stored: %s", what, storage_reason(error))

    def _again(self, before: Answer, fingerprint: str, *, running: bool) -> Response:
        if before.request != fingerprint:
            raise Problem("key-reused")
        if before.status is None:
            raise Problem("request-running" if running else "outcome-unknown")
        media_type = MEDIA_TYPE if before.status >= 400 else "application/json"
        return Response(before.body, before.status, {REPLAYED: "true", "Cache-Control": "no-store"}, media_type)


def digest(*parts: str | bytes) -> str:
    """A fingerprint of several parts that shows none of them."""
    whole = hashlib.sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        whole.update(len(encoded).to_bytes(8, "big") + encoded)
    return whole.hexdigest()
