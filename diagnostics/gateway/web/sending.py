"""Messages: judged before they go out, sent once, and answered with what is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from diagnostics.catalogue import sentence
from diagnostics.gateway.contract import Message, SendRefused, Stage
from diagnostics.gateway.web import fetching, images
from diagnostics.gateway.web.context import SESSION_NAME, Using
from diagnostics.gateway.web.errors import Problem, from_sessions, invalid, respond
from diagnostics.gateway.web.gate import needs
from diagnostics.gateway.web.health import FoundProblem, diagnose, found
from diagnostics.gateway.web.idempotency import HEADER, Attempt, Once, digest
from diagnostics.gateway.web.openapi import problems
from diagnostics.gateway.web.outgoing import ImageForm, ImageRequest, MessageAnswer, TextRequest, Wait, form_schema
from diagnostics.gateway.web.phone import NotANumber, digits
from diagnostics.gateway.web.tokens import Scope
from diagnostics.model import Mode, Severity
from diagnostics.redact import redact

JSON, FORM = "application/json", "multipart/form-data"
FETCH_DEADLINE = 10.0  # s for an image by URL
FIND_DEADLINE = 10.0  # s until WhatsApp has said who has a number
_ORDER = list(Stage)

_log = logging.getLogger("wadiag.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a message shall be sent, from the query and the headers."""

    mode: Mode
    wait: Wait | None
    deadline: float
    key: str | None

    @property
    def until(self) -> Stage:
        return self.wait.stage if self.wait else Stage.ACCEPTED


async def _how(
    mode: Annotated[Mode, Query(description="strict: any socket state but OPEN blocks")] = Mode.PERMISSIVE,
    wait: Annotated[Wait | None, Query(description="what to wait for")] = None,
    deadline: Annotated[float, Query(ge=1, le=60, allow_inf_nan=False, description="seconds to wait")] = 20.0,
    idempotency_key: Annotated[str | None, Header(description="a repeated request is answered, not sent again")] = None,
) -> How:
    return How(mode=mode, wait=wait, deadline=deadline, key=idempotency_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message that is ready to be sent to whoever has the number.

    Attributes:
        send: takes a JID.
        content: parts of the fingerprint.
    """

    session: str
    phone: str
    kind: str
    content: tuple[str | bytes, ...]
    send: Callable[[str], Awaitable[Message]]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "What was waited for came"},
    202: {"description": "Not (yet) more than this is known", "model": MessageAnswer},
    **problems(
        "forbidden",
        "no-such-session",
        "session-unhealthy",
        "not-paired",
        "request-running",
        "outcome-unknown",
        "unsupported-media-type",
        "invalid-phone",
        "not-on-whatsapp",
        "invalid-image",
        "image-address-refused",
        "image-not-fetched",
        "key-reused",
        "send-refused",
        "too-many-messages",
        "whatsapp-refused",
        "worker-restarting",
        "shutting-down",
    ),
}


def sending_router(context: Using) -> APIRouter:
    sessions = context.sessions
    once = Once(context.answers)
    router = APIRouter(tags=["messages"])
    texts = APIRouter(route_class=needs(Scope.SEND, content=JSON), responses=_ANSWERS)
    pictures = APIRouter(route_class=needs(Scope.SEND), responses=_ANSWERS)

    @texts.post("/whatsapp/send-message", summary="Send a text", response_model=MessageAnswer)
    async def send_message(request: Request, body: TextRequest, how: Annotated[How, Depends(_how)]) -> Response:
        async def send(to: str) -> Message:
            return await sessions.send_text(
                body.sessionId, to, body.message, until=how.until, deadline=how.deadline
            )

        return await deliver(request, body.sessionId, body.phone, how, "text", (body.message,), send)

    @pictures.post(
        "/whatsapp/send-image",
        summary="Send an image",
        response_model=MessageAnswer,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {"schema": {"$ref": "#/components/schemas/ImageRequest"}},
                    FORM: {"schema": form_schema()},
                },
            }
        },
    )
    async def send_image(request: Request, how: Annotated[How, Depends(_how)]) -> Response:
        body, image = await _image_request(request)

        async def send(to: str) -> Message:
            data = image if image is not None else await _fetched(body.url or "", context.settings.body_limit)
            await _checked(data)
            return await sessions.send_image(
                body.sessionId, to, data, body.caption, until=how.until, deadline=how.deadline
            )

        content = (image if image is not None else body.url or "", body.caption)
        return await deliver(request, body.sessionId, body.phone, how, "image", content, send)

    async def deliver(request, session, phone, how, kind, content, send): ...

    return router
