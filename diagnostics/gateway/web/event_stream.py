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
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from diagnostics.gateway.contract import Change
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.openapi import problems
from diagnostics.redact import redact


class EventData(BaseModel):
    """The data of one event. Never a number, a QR code or a text."""

    session: str
    detail: str
    at: datetime


def event_router(context: GatewayContext) -> APIRouter:
    router = APIRouter()

    async def changes() -> AsyncIterator[Change]:
        """Subscribed before the answer begins; refused while the gateway shuts down."""
        context.refuse_while_draining()
        return context.sessions.changes()

    @router.get(
        "/whatsapp/events",
        tags=["sessions"],
        summary="What changes about sessions, from now on, as server-sent events",
        response_class=EventSourceResponse,
        responses={
            200: {"description": "Events phase, qr, message and gone; data is {session, detail, at}"},
            **problems("shutting-down"),
        },
    )
    async def events(changes: Annotated[Any, Depends(changes)]) -> AsyncIterator[ServerSentEvent]:
        async for each in stream(changes, context.draining):
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
    data = EventData(session=redact(change.session), detail=change.detail, at=change.at)
    return ServerSentEvent(id=change.at.isoformat(), event=change.name, data=data)
