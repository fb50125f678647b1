"""What every route of one app shares: who holds the sessions, settings, the clock, whether the process is ending.

An attached bot has a `ReadOnlyContext`; the gateway has a `GatewayContext`, which may also use its sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from fastapi import Request

from diagnostics.evidence.recorder import utc_now
from diagnostics.gateway.contract import Answers, HealthSource, Interrupted, Sessions
from diagnostics.gateway.gateway_settings import GatewaySettings
from diagnostics.gateway.web.content_negotiation import request_language
from diagnostics.gateway.web.health_documents import HealthOptions
from diagnostics.gateway.web.metrics import Metrics
from diagnostics.gateway.web.problem_responses import Problem
from diagnostics.model import Language, Mode

T = TypeVar("T")
ENDING = 2.0  # s for what is under way after the shutdown has begun
RESTARTING = 5.0  # s until another one serves
RERUN = "GET /whatsapp/health/{session}?fresh=1"
PAIR = "GET /whatsapp/qr-image/{session}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnlyContext:
    """One app's sessions, settings and state.

    Attributes:
        draining: set when the shutdown begins: readiness fails, nothing new is sent, streams end.
    """

    source: HealthSource
    settings: GatewaySettings
    metrics: Metrics
    clock: Callable[[], datetime] = utc_now
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    pair: ClassVar[str] = ""  # nothing here shows a QR code

    def health_options(self, session: str, mode: Mode, language: Language) -> HealthOptions:
        """How this session is judged: the remedies name this gateway's own routes."""
        rerun, pair = RERUN.format(session=session), self.pair.format(session=session)
        return HealthOptions(mode=mode, language=language, rerun=rerun, pair=pair)

    def language(self, request: Request) -> Language:
        return request_language(request, self.settings.language)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext(ReadOnlyContext):
    """The same where sessions may be used, not only looked at."""

    pair: ClassVar[str] = PAIR

    sessions: Sessions
    answers: Answers

    async def unless_ending(self, doing: Coroutine[Any, Any, T]) -> T:
        """Await `doing`, but not longer than `ENDING` seconds after the shutdown has begun.

        Raises:
            Interrupted: it had not finished by then.
        """
        task = asyncio.create_task(doing)
        ending = asyncio.create_task(self.draining.wait())
        try:
            await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait({task}, timeout=ENDING)
            if not done:
                raise Interrupted("the gateway ended meanwhile", RESTARTING)
            return task.result()
        finally:
            task.cancel()
            ending.cancel()

    def refuse_while_draining(self) -> None:
        if self.draining.is_set():
            raise Problem("shutting-down")
