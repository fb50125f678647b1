"""Middleware for every request: checks the token, limits the body, writes the access log, counts.

It is plain ASGI around FastAPI, because FastAPI reads a body before it resolves dependencies, and a request without a
token must not make it read one. The scope of a token is checked by the route (`requires_scope`), also before the body
is read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from diagnostics.gateway.access_tokens import Scope, Token, Tokens
from diagnostics.gateway.log_limits import CAUSED_BY_ANYONE
from diagnostics.gateway.web.metrics import Metrics
from diagnostics.gateway.web.problem_responses import Problem, problem_response
from diagnostics.model import Language

OPEN = frozenset({"/livez", "/readyz"})  # never with personal data
PAGE = "/page/"  # the status page, "/" itself included, asks for a cookie instead

_log = logging.getLogger("wadiag.access")


class AuthMiddleware:
    """Answers 400 for a body of two lengths, 401 without a valid token and 413 for too large a body.

    Logs route and outcome, never the path.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, body_limit: int, language: Language, metrics: Metrics) -> None:
        self.app = app
        self.tokens = tokens
        self.body_limit = body_limit
        self.language = language
        self.metrics = metrics

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"  # FastAPI gives event streams another
            await send(message)

        try:
            await self._admit(scope, receive, watched)
        finally:
            took = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "-")
            token: Token | None = scope.get("state", {}).get("token")
            method = _known_method(scope["method"])
            self.metrics.answered(method, route, status)
            _log.info(
                "method=%s route=%s status=%d ms=%.1f by=%s",
                method, route, status, took * 1000, token.name if token else "-",
                extra=None if token else CAUSED_BY_ANYONE,
            )  # fmt: skip

    async def _admit(self, scope: Connection, receive: Receive, send: Send) -> None:
        request = Request(scope)
        # Proxies disagree which of the two counts: what one takes for a body is another's next request.
        if {name for name, _ in scope["headers"]} >= {b"content-length", b"transfer-encoding"}:
            ambiguous = Problem("ambiguous-length", headers={"Connection": "close"})
            await problem_response(request, ambiguous, self.language)(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in OPEN and path != "/" and not path.startswith(PAGE):
            headers = [value for name, value in scope["headers"] if name == b"authorization"]
            token = self.tokens.find(headers)
            if token is None:
                await problem_response(request, Problem("unauthorized"), self.language)(scope, receive, send)
                return
            scope.setdefault("state", {})["token"] = token
        too_large = Problem("body-too-large", {"limit": self.body_limit}, headers={"Connection": "close"})
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.body_limit:
            await problem_response(request, too_large, self.language)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.body_limit:
                raise HTTPException(413)  # the framework lets no other exception through while it reads
            return message

        await self.app(scope, counted, send)


def requires_scope(scope: Scope, *, content: str = "") -> type[APIRoute]:
    """A class of routes that refuse a token without this scope, and a body that is not of this media type.

    Both before the body is read. READ needs nothing: every token has it.
    """

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                token: Token = request.state.token
                if token.scope < scope:
                    raise Problem("forbidden", {"scope": scope.name.lower()})
                sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if content and sent != content:
                    raise Problem("unsupported-media-type", {"wanted": content})
                return await answer(request)

            return guarded

    return Guarded


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _known_method(method: str) -> str:
    """A caller may send any word as method; it must not get into log lines and labels."""
    return method if method in _METHODS else "other"
