"""Routes that link a session to a phone: QR codes as pictures, text or JSON, and pairing codes."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.contract import SESSION_NAME, GatewayProblem, QrCode
from diagnostics.gateway.web.app_context import GatewayContext
from diagnostics.gateway.web.audit_log import Action, note_action
from diagnostics.gateway.web.auth_middleware import requires_scope
from diagnostics.gateway.web.content_negotiation import accepts, preferred
from diagnostics.gateway.web.openapi import problems
from diagnostics.gateway.web.phone_numbers import NotANumber, digits
from diagnostics.gateway.web.problem_responses import Problem

_SCALE = 8  # pixels a module: some 500 altogether, which a phone reads from a screen at arm's length
_BORDER = 4  # modules of quiet zone, as the standard wants


class QrAnswer(BaseModel):
    """A pairing QR code. A credential: whoever scans it owns the session."""

    session: str
    qr: str = Field(description="the text to draw as a QR code")
    shown_at: datetime
    expires_at: datetime = Field(description="ask again then: the next code follows")


class PairRequest(BaseModel, extra="forbid"):
    """The phone to link."""

    phone: str = Field(min_length=4, max_length=60, examples=["+62 812-3456-7890"])


class PairAnswer(BaseModel):
    """A code to type on the phone: Settings > Linked devices > Link a device > Link with phone number instead."""

    session: str
    code: str = Field(examples=["ABCD-EFGH"])


def png(text: str) -> bytes:
    return _drawn(text, "png")


def svg(text: str, title: str = "WhatsApp QR") -> bytes:
    return _drawn(
        text, "svg", title=title, light="white", omitsize=True
    )  # white on a dark page too; as large as there is room


def _drawn(text: str, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    segno.make(text, error="l", micro=False).save(out, kind=kind, scale=_SCALE, border=_BORDER, **options)
    return out.getvalue()


_FORMS: dict[str, Callable[[QrCode, str], bytes]] = {
    "image/png": lambda qr, _: png(qr.text),
    "image/svg+xml": lambda qr, _: svg(qr.text),
    "text/plain": lambda qr, _: qr.text.encode(),
    "application/json": lambda qr, session: (
        QrAnswer(session=session, qr=qr.text, shown_at=qr.shown_at, expires_at=qr.expires_at).model_dump_json().encode()
    ),
}

Session = Annotated[str, Path(alias="sessionId", pattern=SESSION_NAME, examples=["testing"])]
Deadline = Annotated[float, Query(ge=1, le=60, description="seconds to wait for WhatsApp", allow_inf_nan=False)]


def link_router(context: GatewayContext) -> APIRouter:
    router = APIRouter(route_class=requires_scope(Scope.ADMIN), tags=["pairing"])
    sessions = context.sessions

    @router.get(
        "/whatsapp/qr-image/{sessionId}",
        summary="The current QR code; creates the session if there is none",
        response_class=Response,
        responses={
            200: {
                "description": "The code to scan on the phone: Settings > Linked devices > Link a device",
                "headers": {"Expires-At": {"schema": {"type": "string", "format": "date-time"}}},
                "content": {
                    "image/png": {"schema": {"type": "string", "format": "binary"}},
                    "image/svg+xml": {"schema": {"type": "string"}},
                    "text/plain": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"$ref": "#/components/schemas/QrAnswer"}},
                },
            },
            **problems("forbidden", "not-acceptable", "already-paired", "no-code-yet", "interrupted", "shutting-down"),
        },
    )
    async def qr_image(
        request: Request,
        session: Session,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
        deadline: Deadline = 20.0,
    ) -> Response:
        form = preferred(accept, tuple(_FORMS))
        if not accepts(accept, form):
            raise Problem("not-acceptable", {"offered": ", ".join(_FORMS)})
        context.refuse_while_draining()
        note_action(request.state.token, Action.LINK, session)
        qr = await context.unless_ending(sessions.qr(session, deadline=deadline))
        headers = {"Cache-Control": "no-store", "Vary": "Accept", "Expires-At": qr.expires_at.isoformat()}
        return Response(_FORMS[form](qr, session), 200, headers, form)

    codes = APIRouter(route_class=requires_scope(Scope.ADMIN, content="application/json"), tags=["pairing"])

    @codes.post(
        "/whatsapp/pair-code/{sessionId}",
        summary="A code to type on the phone instead of scanning; creates the session if there is none",
        responses=problems(
            "forbidden",
            "already-paired",
            "unsupported-media-type",
            "invalid-phone",
            "number-refused",
            "shutting-down",
            "no-code-yet",
            "interrupted",
        ),
    )
    async def pair_code(request: Request, session: Session, body: PairRequest, deadline: Deadline = 20.0) -> PairAnswer:
        context.refuse_while_draining()
        note_action(request.state.token, Action.LINK, session)
        try:
            phone = digits(body.phone, context.settings.country)
        except NotANumber:
            raise Problem("invalid-phone") from None
        try:
            code = await context.unless_ending(sessions.pair_code(session, phone, deadline=deadline))
        except GatewayProblem as error:
            if type(error) is GatewayProblem:  # none of the kinds that say something about the session
                raise Problem("number-refused") from error
            raise
        return PairAnswer(session=session, code=code)

    router.include_router(codes)
    return router
