"""Sessions as a list, what is known about their messages, and logging them out and reconnecting them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.contract import SESSION_NAME, NoSuchSession, Phase
from diagnostics.gateway.web.app_context import GatewayContext, ReadOnlyContext
from diagnostics.gateway.web.audit_log import Action, note_action
from diagnostics.gateway.web.auth_middleware import requires_scope
from diagnostics.gateway.web.health_documents import diagnosed
from diagnostics.gateway.web.message_models import MessageAnswer
from diagnostics.gateway.web.openapi import problems
from diagnostics.gateway.web.problem_responses import Problem
from diagnostics.model import Language, Mode, Verdict

Session = Annotated[str, Path(alias="sessionId", pattern=SESSION_NAME, examples=["testing"])]


class SessionSummary(BaseModel):
    """One session in a word or two; its health says why."""

    session: str
    phase: Phase
    verdict: Verdict
    headline: str
    account: str = Field(description="the linked account, masked; empty while there is none")
    last_connected: datetime | None


class SessionList(BaseModel):
    """All sessions, in order."""

    sessions: list[SessionSummary]


async def summaries(context: ReadOnlyContext, language: Language) -> list[tuple[SessionSummary, int]]:
    """Every session with its reconnect attempts in a row; without those that went away meanwhile."""

    async def one(name: str) -> tuple[SessionSummary, int] | None:
        try:
            view = await context.source.look(name)
        except NoSuchSession:
            return None
        masked, diagnosis = diagnosed(view, context.health_options(name, Mode.PERMISSIVE, language), context.clock())
        summary = SessionSummary(
            session=name,
            phase=view.phase,
            verdict=diagnosis.verdict,
            headline=diagnosis.headline,
            account=masked.jid,
            last_connected=view.last_connected,
        )
        return summary, view.reconnecting.attempts

    return [each for each in await asyncio.gather(*map(one, context.source.names())) if each is not None]


def listing_router(context: ReadOnlyContext) -> APIRouter:
    """The list of sessions, which an attached bot has, too."""
    router = APIRouter(tags=["sessions"])

    @router.get("/whatsapp/sessions", summary="All sessions", responses=problems("interrupted"))
    async def sessions(
        request: Request,
        lang: Annotated[Language | None, Query(description="goes before Accept-Language")] = None,  # noqa: ARG001
    ) -> SessionList:
        found = await summaries(context, context.language(request))
        return SessionList(sessions=[summary for summary, _ in found])

    return router


def session_router(context: GatewayContext) -> APIRouter:
    sessions = context.sessions
    admin = APIRouter(route_class=requires_scope(Scope.ADMIN), tags=["sessions"])

    @admin.delete(
        "/whatsapp/sessions/{sessionId}",
        status_code=204,
        response_class=Response,  # no Content-Type for no content
        summary="Unlink the session at WhatsApp, and delete it here",
        responses=problems("forbidden", "no-such-session", "interrupted", "shutting-down", "not-now"),
    )
    async def log_out(request: Request, session: Session) -> None:
        context.refuse_while_draining()
        note_action(request.state.token, Action.LOG_OUT, session)
        await sessions.log_out(session)

    @admin.post(
        "/whatsapp/sessions/{sessionId}/reconnect",
        status_code=204,
        response_class=Response,  # no Content-Type for no content
        summary="Connect again at once, whatever was decided",
        responses=problems("forbidden", "no-such-session", "not-paired", "interrupted", "shutting-down", "not-now"),
    )
    async def reconnect(request: Request, session: Session) -> None:
        context.refuse_while_draining()
        note_action(request.state.token, Action.RECONNECT, session)
        await sessions.reconnect(session)

    router = APIRouter()
    router.include_router(admin)

    @router.get(
        "/whatsapp/messages/{sessionId}/{messageId}",
        tags=["messages"],
        summary="What is known about a message that was sent here",
        responses=problems("no-such-session", "no-such-message"),
    )
    async def message(
        session: Session, message_id: Annotated[str, Path(alias="messageId", min_length=1, max_length=128)]
    ) -> MessageAnswer:
        known = sessions.message(session, message_id)
        if known is None:
            raise Problem("no-such-message")
        return MessageAnswer.of(known, [])

    return router
