"""The routes that send: a text as JSON, an image as JSON or as a form."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.contract import Message
from diagnostics.gateway.web import image_check, image_download
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.auth_middleware import requires_scope
from diagnostics.gateway.web.idempotency import Attempt
from diagnostics.gateway.web.message_delivery import Delivery, OutgoingMessage, SendOptions
from diagnostics.gateway.web.message_models import (
    ImageForm,
    ImageRequest,
    MessageAnswer,
    TextRequest,
    Wait,
    form_schema,
)
from diagnostics.gateway.web.openapi import problems
from diagnostics.gateway.web.problem_responses import Problem, invalid_request
from diagnostics.model import Mode

JSON, FORM = "application/json", "multipart/form-data"
FETCH_DEADLINE = 10.0  # s for an image by URL
IMAGES_AT_ONCE = 2  # that are decoded: one of 40 megapixels takes 160 MB

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
        "not-connected",
        "not-now",
        "interrupted",
        "shutting-down",
        "state-unwritable",
    ),
}


async def _send_options(
    mode: Annotated[Mode, Query(description="strict: any socket state but OPEN blocks")] = Mode.PERMISSIVE,
    wait: Annotated[Wait, Query(description="what to wait for")] = Wait.ACK,
    deadline: Annotated[float, Query(ge=1, le=60, allow_inf_nan=False, description="seconds to wait")] = 20.0,
    idempotency_key: Annotated[str | None, Header(description="a repeated request is answered, not sent again")] = None,
) -> SendOptions:
    return SendOptions(mode=mode, wait=wait, deadline=deadline, key=idempotency_key)


def send_router(context: GatewayContext) -> APIRouter:
    sessions = context.sessions
    delivery = Delivery(context)
    checking = asyncio.Semaphore(IMAGES_AT_ONCE)
    texts = APIRouter(route_class=requires_scope(Scope.SEND, content=JSON), responses=_ANSWERS, tags=["messages"])
    pictures = APIRouter(route_class=requires_scope(Scope.SEND), responses=_ANSWERS, tags=["messages"])

    @texts.post("/whatsapp/send-message", summary="Send a text", response_model=MessageAnswer)
    async def send_message(
        request: Request, body: TextRequest, options: Annotated[SendOptions, Depends(_send_options)]
    ) -> Response:
        async def send(to: str, left: float, attempt: Attempt) -> Message:
            attempt.begun = True
            return await sessions.send_text(body.sessionId, to, body.message, until=options.wait.stage, deadline=left)

        return await delivery.deliver(
            request,
            options,
            OutgoingMessage(session=body.sessionId, phone=body.phone, kind="text", content=(body.message,), send=send),
        )

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
    async def send_image(
        request: Request,
        options: Annotated[SendOptions, Depends(_send_options)],
        verify: Annotated[bool, Query(description="send it only if it can be downloaded after the upload")] = False,
    ) -> Response:
        body, given = await _image_request(request)

        async def send(to: str, left: float, attempt: Attempt) -> Message:
            until = time.monotonic() + left
            image = given if given is not None else await _fetched(body.url or "", context.settings.body_limit)
            async with checking:
                await _check(image)
            attempt.begun = True
            left = max(0.0, until - time.monotonic())
            return await sessions.send_image(
                body.sessionId, to, image, body.caption, until=options.wait.stage, deadline=left, verify=verify
            )

        content = (body.url or "", given or b"", body.caption)
        return await delivery.deliver(
            request,
            options,
            OutgoingMessage(session=body.sessionId, phone=body.phone, kind="image", content=content, send=send),
        )

    router = APIRouter()
    router.include_router(texts)
    router.include_router(pictures)
    return router


async def _image_request(request: Request) -> tuple[ImageRequest | ImageForm, bytes | None]:
    """What was asked, and the image unless it is to be fetched."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == JSON:
            body = ImageRequest.model_validate_json(await request.body())
            return body, body.decoded()
        if kind == FORM:
            return await _image_form(request)
    except ValidationError as error:
        raise invalid_request([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
    except ValueError:
        raise Problem("invalid-image", {"pixels": image_check.MEGAPIXELS}) from None
    raise Problem("unsupported-media-type", {"wanted": f"{JSON}, {FORM}"})


async def _image_form(request: Request) -> tuple[ImageForm, bytes | None]:
    async with request.form(max_files=1, max_fields=8) as form:
        file = form.get("image")
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        body = ImageForm.model_validate(fields)
        if isinstance(file, UploadFile) == (body.url is not None):
            raise invalid_request(
                [{"loc": ("body", "image"), "msg": "give either image (as a file) or url", "type": ""}]
            )
        return body, await file.read() if isinstance(file, UploadFile) else None


async def _fetched(url: str, limit: int) -> bytes:
    try:
        return await image_download.download(url, limit=limit, deadline=FETCH_DEADLINE)
    except image_download.AddressRefused:
        raise Problem("image-address-refused") from None
    except image_download.NotFetched as error:
        raise Problem("image-not-fetched", {"reason": error}) from None


async def _check(image: bytes) -> None:
    try:
        await asyncio.to_thread(image_check.check, image)
    except image_check.NotAnImage:
        raise Problem("invalid-image", {"pixels": image_check.MEGAPIXELS}) from None
