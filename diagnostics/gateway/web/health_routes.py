"""`GET /whatsapp/health/{sessionId}`, on any `HealthSource`: the gateway's fleet or an attached bot.

Status: 200 if the session can send (healthy, degraded), 503 if it cannot *or if that is not known*: unknown is never
healthy. A session that does not exist is the source's NoSuchSession, which the app answers with 404.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel

from diagnostics.evidence.recorder import utc_now
from diagnostics.gateway.contract import SESSION_NAME, HealthSource
from diagnostics.gateway.web.content_negotiation import preferred, request_language
from diagnostics.gateway.web.health_documents import (
    CAN_SEND,
    HealthDocument,
    HealthJson,
    HealthOptions,
    health_document,
    health_json,
)
from diagnostics.model import Language, Mode

JSON = "application/json"
HEALTH_JSON = "application/health+json"


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """A schema that refers to nothing outside itself: FastAPI lists the models of the main form only."""
    schema = model.model_json_schema(mode="serialization")
    schema["properties"]["checks"]["additionalProperties"]["items"] = schema.pop("$defs")["Measurement"]
    return schema


_OTHER_FORM = {HEALTH_JSON: {"schema": _inlined(HealthJson)}}


def health_router(
    source: HealthSource,
    *,
    language: Language = Language.ENGLISH,
    rerun: str = "pytest checks --session {session} --target gateway",
    pair: str = "",
    clock: Callable[[], datetime] = utc_now,
) -> APIRouter:
    """`GET /whatsapp/health/{sessionId}`.

    Args:
        language: for callers who do not say which they want.
        rerun, pair: as in `HealthOptions`, with a place for the session's name.
    """
    router = APIRouter()

    @router.get(
        "/whatsapp/health/{sessionId}",
        summary="How a session is: can it send; if not, why; what to do",
        response_model=HealthDocument,
        response_description="It can send: healthy, or degraded (with warnings)",
        responses={
            200: {"content": _OTHER_FORM},
            503: {
                "description": "It cannot send (unhealthy), or that is not known (unknown)",
                "model": HealthDocument,
                "content": _OTHER_FORM,
            },
        },
    )
    async def health(
        request: Request,
        session: Annotated[str, Path(alias="sessionId", pattern=SESSION_NAME, examples=["testing"])],
        mode: Annotated[Mode, Query(description="strict: any socket state but OPEN fails")] = Mode.PERMISSIVE,
        fresh: Annotated[bool, Query(description="ask the server now, which takes seconds at most")] = False,
        lang: Annotated[Language | None, Query(description="goes before Accept-Language")] = None,  # noqa: ARG001
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        view = await source.look(session, fresh=fresh)
        asked = HealthOptions(
            mode=mode,
            language=request_language(request, language),
            rerun=rerun.format(session=session),
            pair=pair.format(session=session),
        )
        form = preferred(accept, (JSON, HEALTH_JSON))
        answer: HealthDocument | HealthJson
        if form == HEALTH_JSON:
            answer = health_json(view, asked, now=clock())
            fit = answer.status != "fail"
        else:
            answer = health_document(view, asked, now=clock())
            fit = answer.verdict in CAN_SEND
        return Response(
            answer.model_dump_json(by_alias=True, exclude_none=form == HEALTH_JSON),
            200 if fit else 503,
            {"Content-Language": asked.language, "Vary": "Accept, Accept-Language", "Cache-Control": "no-store"},
            form,
        )

    return router
