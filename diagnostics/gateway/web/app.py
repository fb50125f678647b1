"""The gateway as an ASGI application: `create_app`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from diagnostics.gateway.contract import Answers, HealthSource, Phase, Sessions
from diagnostics.gateway.settings import GatewaySettings
from diagnostics.gateway.web import errors, openapi
from diagnostics.gateway.web.context import RERUN, Context, Using, utc_now
from diagnostics.gateway.web.gate import Gate
from diagnostics.gateway.web.health import health_router
from diagnostics.gateway.web.managing import listing_router, managing_router
from diagnostics.gateway.web.metrics import Metrics
from diagnostics.gateway.web.outgoing import ImageRequest
from diagnostics.gateway.web.page import page_router
from diagnostics.gateway.web.pairing import QrAnswer, pairing_router
from diagnostics.gateway.web.probes import probes_router
from diagnostics.gateway.web.sending import sending_router

_NO_TELEMETRY: TelemetryConfig = {  # it would hold what people send
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(
    source: HealthSource,
    *,
    settings: GatewaySettings,
    sessions: Sessions | None = None,
    answers: Answers | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """The application. `app.state.context.draining` is to be set when the process was told to end.

    Args:
        source: says how sessions are.
        sessions: may use them too; without, there are only the routes that read.
        answers: keeps first answers; goes with `sessions`.
    """
    metrics = Metrics()
    app = FastAPI(
        openapi_url="/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the path, and what it holds, in a header
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        lifespan=lambda app: _counting(app, sessions),
    )
    app.add_middleware(
        Gate, tokens=settings.tokens, body_limit=settings.body_limit, language=settings.language, metrics=metrics
    )
    errors.install(app, settings.language, settings.body_limit)
    context: Context
    if sessions is None or answers is None:
        context = Context(source=source, settings=settings, metrics=metrics, clock=clock)
        openapi.describe(app)
    else:
        context = using = Using(
            source=source, settings=settings, metrics=metrics, clock=clock, sessions=sessions, answers=answers
        )
        for router in (pairing_router(using), sending_router(using), managing_router(using), page_router(using)):
            app.include_router(router)
        openapi.describe(app, QrAnswer, ImageRequest)
    app.include_router(listing_router(context))
    app.include_router(
        health_router(source, language=settings.language, rerun=RERUN, pair=context.pair, clock=clock),
        responses=openapi.problems("no-such-session"),
        tags=["sessions"],
    )
    app.include_router(probes_router(context))
    app.state.context = context
    return app


@contextlib.asynccontextmanager
async def _counting(app: FastAPI, sessions: Sessions | None) -> AsyncIterator[None]:
    """While the app runs, count the sessions that come back."""
    task = asyncio.create_task(_count(sessions, app.state.context.metrics)) if sessions is not None else None
    yield
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _count(sessions: Sessions, metrics: Metrics) -> None:
    changes = sessions.changes()
    was_online = {name for name in sessions.names() if (await sessions.look(name)).phase is Phase.ONLINE}
    async for change in changes:
        if change.name == "gone":
            was_online.discard(change.session)
        elif change.name == "phase" and change.detail == Phase.ONLINE:
            if change.session in was_online:
                metrics.came_back(change.session)
            was_online.add(change.session)
