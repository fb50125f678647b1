"""Routes about the process itself: liveness, readiness, metrics. The probes say nothing about any session."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from diagnostics.gateway.contract import StateUnwritable
from diagnostics.gateway.web.app_context import GatewayContext, ReadOnlyContext
from diagnostics.gateway.web.metrics import CONTENT_TYPE
from diagnostics.gateway.web.openapi import only, problems
from diagnostics.gateway.web.problem_responses import Problem
from diagnostics.gateway.web.session_routes import summaries


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


_DATABASE = "its database does not take it"


def _unwritable(context: ReadOnlyContext) -> str:
    """Why the gateway's state cannot be written; "" if it can, or if there is none, as of a bot."""
    return context.sessions.unwritable() if isinstance(context, GatewayContext) else ""


def process_router(context: ReadOnlyContext) -> APIRouter:
    router = APIRouter(tags=["process"])

    @router.get("/livez", summary="The process answers; whatever WhatsApp does")
    async def livez() -> Alive:
        return Alive()

    @router.get(
        "/readyz", summary="Sessions can be served", responses=only("not-ready", "state-unwritable", "shutting-down")
    )
    async def readyz() -> Alive:
        if context.draining.is_set():
            raise Problem("shutting-down")
        if unwritable := _unwritable(context):
            # Anybody may ask here, and a database's own words name its host and user; they are in the log.
            raise StateUnwritable(_DATABASE if context.settings.dsn else unwritable)
        if context.source.ready():
            raise Problem("not-ready")
        return Alive()

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems()},
    )
    async def metrics() -> Response:
        why_not = context.source.ready()
        unwritable = _unwritable(context)
        asked = why_not in ("", unwritable)  # while the state cannot be written, sessions can be looked at
        known = await summaries(context, context.settings.language) if asked else []
        text = context.metrics.scrape(
            ready=not why_not and not context.draining.is_set(),
            writable=not unwritable,
            sessions=[(each.session, each.phase, each.verdict, attempts) for each, attempts in known],
        )
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    return router
