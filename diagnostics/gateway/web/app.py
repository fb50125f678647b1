"""The gateway as an ASGI application: `create_app`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from diagnostics.evidence.recorder import utc_now
from diagnostics.gateway.contract import Answers, HealthSource, Phase, Sessions
from diagnostics.gateway.gateway_settings import GatewaySettings
from diagnostics.gateway.web import openapi
from diagnostics.gateway.web.app_context import RERUN, GatewayContext, ReadOnlyContext
from diagnostics.gateway.web.auth_middleware import AuthMiddleware
from diagnostics.gateway.web.event_stream import event_router
from diagnostics.gateway.web.health_routes import health_router
from diagnostics.gateway.web.link_routes import QrAnswer, link_router
from diagnostics.gateway.web.message_models import ImageRequest
from diagnostics.gateway.web.metrics import Metrics
from diagnostics.gateway.web.page.page_routes import page_router
from diagnostics.gateway.web.problem_responses import install_problem_handlers
from diagnostics.gateway.web.process_routes import process_router
from diagnostics.gateway.web.send_routes import send_router
from diagnostics.gateway.web.session_routes import listing_router, session_router

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
    """The application. `app.state.context.draining` is to be set when the shutdown begins.

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
        telemetry=_NO_TELEMETRY,
        lifespan=lambda app: _counting(app, sessions),
    )
    app.add_middleware(
        AuthMiddleware,
        tokens=settings.tokens,
        body_limit=settings.body_limit,
        language=settings.language,
        metrics=metrics,
    )
    install_problem_handlers(app, settings.language, settings.body_limit)
    context: ReadOnlyContext
    if sessions is None or answers is None:
        context = ReadOnlyContext(source=source, settings=settings, metrics=metrics, clock=clock)
        openapi.describe(app)
    else:
        context = using = GatewayContext(
            source=source, settings=settings, metrics=metrics, clock=clock, sessions=sessions, answers=answers
        )
        for router in (
            link_router(using),
            send_router(using),
            session_router(using),
            event_router(using),
            page_router(using),
        ):
            app.include_router(router)
        openapi.describe(app, QrAnswer, ImageRequest)
    app.include_router(listing_router(context))
    app.include_router(
        health_router(source, language=settings.language, rerun=RERUN, pair=context.pair, clock=clock),
        responses=openapi.problems("no-such-session"),
        tags=["sessions"],
    )
    app.include_router(process_router(context))
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
