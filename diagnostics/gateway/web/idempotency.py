"""`Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header): a repeated request sends nothing twice.

The key is reserved before anything is sent, and the answer is stored afterwards. A request that had no effect frees its
key. One whose effect is not known (the worker or this process died meanwhile) leaves the key reserved without an
answer, and a repeated request is answered `outcome-unknown` instead of being sent again.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.responses import Response

from diagnostics.gateway.contract import Answer, Answers, NoSuchSession, NotConnected, NotPaired, StateUnwritable
from diagnostics.gateway.web.problem_responses import MEDIA_TYPE, Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')  # the draft wants it quoted, its users leave the quotes out


@dataclass(slots=True)
class Attempt:
    """One run of a request; `begun` is set right before the call that has an effect."""

    begun: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """Runs each keyed request once."""

    answers: Answers
    running: set[tuple[str, str]] = field(default_factory=set)

    async def run(
        self,
        act: Callable[[Attempt], Awaitable[Response]],
        *,
        key: str | None,
        token: str,
        fingerprint: str,
        now: datetime,
    ) -> Response:
        """The request's answer, or the first one's.

        Args:
            act: answers a request that took effect, and raises for one that did not.
            key: as the header has it; None runs the request every time.
            token: the name of the caller's token: keys of different callers are different.

        Raises:
            Problem: the key cannot be used; or what `act` raises.
        """
        if key is None:
            return await act(Attempt())
        match = _KEY.fullmatch(key)
        if match is None:
            wrong = {"where": f"header.{HEADER}", "what": "1 to 255 visible ASCII characters"}
            raise Problem("invalid-request", more={"errors": [wrong]})
        mine = token, digest(match[1])
        before = await self.answers.idempotent(*mine, fingerprint, now)
        if before is not None:
            return self._again(before, fingerprint, running=mine in self.running)
        self.running.add(mine)
        attempt = Attempt()
        try:
            response = await act(attempt)
            # If it cannot be kept, the key stays reserved: a repeated request is told that the outcome is unknown.
            with contextlib.suppress(StateUnwritable):
                await self.answers.answered(*mine, response.status_code, bytes(response.body))
        except (Problem, NoSuchSession, NotPaired, NotConnected):
            await self._free(mine)
            raise
        except BaseException:  # being cancelled, too
            if not attempt.begun:
                await self._free(mine)
            raise
        finally:
            self.running.discard(mine)
        return response

    async def _free(self, mine: tuple[str, str]) -> None:
        with contextlib.suppress(StateUnwritable):  # what is raised already says more
            await self.answers.unreserved(*mine)

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
