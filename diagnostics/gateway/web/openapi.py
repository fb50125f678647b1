"""The description of the API: problem documents, the bearer scheme, and which answers each route can give."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from diagnostics import __version__
from diagnostics.gateway.access_tokens import CHALLENGE
from diagnostics.gateway.web.auth_middleware import OPEN
from diagnostics.gateway.web.health_documents import FoundProblem
from diagnostics.gateway.web.problem_responses import MEDIA_TYPE
from diagnostics.gateway.web.problem_table import PROBLEMS
from diagnostics.model import Language

_PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}
_EVERYWHERE = (
    "malformed-body",
    "ambiguous-length",
    "unauthorized",
    "body-too-large",
    "invalid-request",
    "internal-error",
)


class Invalid(BaseModel):
    """One thing in a request that is not valid."""

    where: str = Field(examples=["body.phone"])
    what: str


class ProblemDocument(BaseModel):
    """RFC 9457, with a stable code and the steps that help."""

    type: str = Field(examples=["urn:wadiag:problem:no-such-session"])
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str = Field(examples=["no-such-session"])
    remedy: list[str]
    errors: list[Invalid] | None = Field(None, description="invalid-request: what is not valid")
    findings: list[FoundProblem] | None = Field(None, description="session-unhealthy: the first is the root cause")
    messageId: str | None = Field(None, description="send-refused")  # noqa: N815 - as the guide writes it
    whatsappCode: int | None = Field(None, description="send-refused: 463, 479 …")  # noqa: N815


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """A route's `responses` for these problems, and those that every route with a token can give."""
    return only(*_EVERYWHERE, *codes)


def only(*codes: str) -> dict[int | str, dict[str, Any]]:
    """A route's `responses` for these problems and no others."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {status: _described(own) for status, own in by_status.items()}


def _described(codes: list[str]) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "Content-Language": {"schema": {"type": "string", "enum": [each.value for each in Language]}}
    }
    kinds = [PROBLEMS[code] for code in codes]
    if any(kind.status == 401 for kind in kinds):
        headers["WWW-Authenticate"] = {"schema": {"type": "string", "const": CHALLENGE}}
    if any(kind.retry_after is not None for kind in kinds):
        headers["Retry-After"] = {
            "description": "seconds until it makes sense to ask again",
            "schema": {"type": "integer", "minimum": 1},
        }
    return {"description": ", ".join(codes), "headers": headers, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}


def describe(app: FastAPI, *further: type[BaseModel]) -> None:
    """Let the app's `openapi()` name the scheme and documents that no route returns as a model."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _schema(app, further)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _schema(app: FastAPI, further: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    schema = get_openapi(
        title="whatsapp-diagnostics gateway",
        version=__version__,
        summary="WhatsApp sessions over HTTP: are they healthy, link them, send with them",
        routes=app.routes,
    )
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    models: tuple[type[BaseModel], ...] = (ProblemDocument, *further)
    for model in models:
        own = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, item in schema["paths"].items():
        for operation in item.values():
            operation["security"] = [] if path in OPEN else [{"token": []}]
    # FastAPI describes event streams as OpenAPI 3.2 does (itemSchema), in a document of version 3.1.
    if (events := schema["paths"].get("/whatsapp/events")) is not None:
        events["get"]["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    # FastAPI keeps one description for a status; health has a 503 of its own, and that of any other route.
    health = schema["paths"]["/whatsapp/health/{sessionId}"]["get"]["responses"]["503"]
    interrupted = _described(["interrupted"])
    health["description"] += ", or interrupted"
    health["headers"] = interrupted["headers"]
    health["content"] |= interrupted["content"]
    return schema
