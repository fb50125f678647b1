"""`GET /whatsapp/events`: what changes about sessions, as server-sent events.

FastAPI encodes the events, sends a comment every 15 s while there are none, so that proxies keep the stream open, and
cancels the generator when the caller is gone. What is left here: the stream begins with a comment, so that a caller
knows that nothing is missed from then on, and it ends when the gateway shuts down. A gateway that is shutting down
refuses before the stream begins: after that the status has been sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from diagnostics.gateway.contract import Change
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.openapi import problems
from diagnostics.redact import redact


class EventData(BaseModel):
    """The data of one event. Never a number, a QR code or a text."""

    session: str
    detail: str
    at: str = Field(description="ISO 8601", json_schema_extra={"format": "date-time"})


def event_router(context: GatewayContext) -> APIRouter:
    router = APIRouter()

    async def refuse_while_draining() -> None:
        context.refuse_while_draining()

    @router.get(
        "/whatsapp/events",
        tags=["sessions"],
        summary="What changes about sessions, from now on, as server-sent events",
        response_class=EventSourceResponse,
        dependencies=[Depends(refuse_while_draining)],  # before the status is sent
        responses={
            200: {"description": "Events phase, qr, message, gone and state; data is {session, detail, at}"},
            **problems("shutting-down"),
        },
    )
    async def events() -> AsyncIterator[ServerSentEvent]:
        async for each in stream(context.sessions.changes(), context.draining):
            yield each

    return router


async def stream(changes: AsyncIterator[Change], ending: asyncio.Event) -> AsyncIterator[ServerSentEvent]:
    """Changes as server-sent events, until there are no more or `ending` is set."""
    yield ServerSentEvent(comment="changes from now on")
    end = asyncio.ensure_future(ending.wait())
    following = asyncio.ensure_future(anext(changes))
    try:
        while True:
            done, _ = await asyncio.wait({following, end}, return_when=asyncio.FIRST_COMPLETED)
            if end in done:
                return
            try:
                change = following.result()
            except StopAsyncIteration:
                return
            yield event(change)
            following = asyncio.ensure_future(anext(changes))
    finally:
        for each in (following, end):
            each.cancel()
        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
            await following


def event(change: Change) -> ServerSentEvent:
    """One event. Its id is its time, in ISO 8601."""
    data = EventData(session=redact(change.session), detail=change.detail, at=change.at.isoformat())
    return ServerSentEvent(id=change.at.isoformat(), event=change.name, data=data)
