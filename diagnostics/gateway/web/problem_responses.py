"""Turns what went wrong into an answer: problem documents (RFC 9457) in the caller's language.

Every exception of the app ends here. What a caller sent is not repeated to them: it may hold numbers and texts, and an
answer ends up in other people's logs.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from diagnostics.catalogue.reconnect import why
from diagnostics.gateway.access_tokens import CHALLENGE
from diagnostics.gateway.contract import (
    AlreadyPaired,
    GatewayProblem,
    Interrupted,
    NoCodeYet,
    NoSuchSession,
    NotConnected,
    NotPaired,
    SendRefused,
    StateUnwritable,
)
from diagnostics.gateway.web.content_negotiation import request_language
from diagnostics.gateway.web.problem_table import PROBLEMS
from diagnostics.model import Language
from diagnostics.redact import printable, redact

MEDIA_TYPE = "application/problem+json"
_TOO_MANY = 429
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class Problem(Exception):
    """Ends a request with a problem document.

    Args:
        code: of the table.
        facts: fill the texts; a mapping has one for each language.
        more: further members of the document ("findings", "errors").
        headers: of the answer.
    """

    def __init__(
        self,
        code: str,
        facts: Mapping[str, object] | None = None,
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.kind = PROBLEMS[code]
        self.facts = facts or {}
        self.more = more or {}
        self.headers = dict(headers or {})


def problem_document(problem: Problem, language: Language) -> dict[str, Any]:
    """The problem document with its extension members `code` and `remedy`."""
    words = problem.kind.words[language]
    facts = {name: fact[language] if isinstance(fact, Mapping) else fact for name, fact in problem.facts.items()}
    return {
        "type": problem.kind.type,
        "title": words.title,
        "status": problem.kind.status,
        "detail": words.detail.format_map(facts),
        "code": problem.kind.code,
        "remedy": [step.format_map(facts) for step in words.remedy],
        **problem.more,
    }


def problem_response(request: Request, problem: Problem, default: Language) -> Response:
    language = request_language(request, default)
    headers = {"Content-Language": language, "Cache-Control": "no-store", **problem.headers}
    if problem.kind.status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if problem.kind.retry_after is not None:
        headers.setdefault("Retry-After", str(problem.kind.retry_after))
    body = json.dumps(problem_document(problem, language), ensure_ascii=False).encode()
    return Response(body, problem.kind.status, headers, MEDIA_TYPE)


def problem_from(error: GatewayProblem, session: str) -> Problem:
    """What sessions refused, as a problem; `session` is the name that the request carried."""
    named = {"session": redact(session) or "{sessionId}"}
    match error:
        case NoSuchSession():
            return Problem("no-such-session", named)
        case AlreadyPaired():
            return Problem("already-paired", named)
        case NotPaired():
            return Problem("not-paired", named)
        case NotConnected(reconnecting=plan):
            decided = {each: why(plan.code, plan.name, plan.by, each) if plan.action else "" for each in Language}
            return Problem(
                "not-connected", {**named, "decided": {each: f": {w}" if w else "" for each, w in decided.items()}}
            )
        case StateUnwritable(reason=reason):
            return Problem("state-unwritable", {"reason": _quoted(reason)})
        case NoCodeYet():
            return Problem("no-code-yet", named)
        case Interrupted(retry_after=seconds):
            return Problem("interrupted", named, headers={"Retry-After": str(max(1, round(seconds)))})
        case SendRefused(message=message, sent=sent):
            known = {"messageId": message.id or None, "ticket": message.ticket, "whatsappCode": message.code}
            known |= {"whatsappReason": sent.reason, "failedAt": sent.stage}
            if message.code == _TOO_MANY:
                return Problem("too-many-messages", named, more=known)
            reason = message.error or str(error)
            return Problem("send-refused", {**named, "reason": _quoted(reason)}, more=known)
        case _:
            return Problem("not-now", {**named, "reason": _quoted(str(error))})


def storage_failed(error: Exception) -> Problem:
    """The problem of a request that needs something stored which could not be."""
    return Problem("state-unwritable", {"reason": storage_reason(error)})


def storage_reason(error: BaseException) -> str:
    """Why something could not be stored, in a few words: those of what failed first, a database's driver."""
    cause = error
    while (earlier := cause.__cause__ or cause.__context__) is not None:
        cause = earlier
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return _quoted((text.strip().splitlines() or [type(cause).__name__])[0])


def install_problem_handlers(app: FastAPI, default: Language, body_limit: int) -> None:
    """Let every error of the app end as a problem document."""

    def answer(request: Request, error: Exception) -> Response:
        match error:
            case Problem():
                problem = error
            case GatewayProblem():
                problem = problem_from(error, request.path_params.get("sessionId", ""))
            case RequestValidationError():
                problem = invalid_request(error.errors())
            case HTTPException(status_code=status, headers=headers):
                code = _CODES.get(status, "internal-error" if status >= 500 else "malformed-body")
                problem = Problem(code, {"limit": body_limit}, headers=headers)
            case _:
                problem = Problem("internal-error")
        return problem_response(request, problem, default)

    def full_disk(request: Request, error: Exception) -> Response:
        if isinstance(error, OSError) and error.errno in _DISK:  # a large upload is written to a file, too
            return problem_response(request, storage_failed(error), default)
        raise error  # a fault of the gateway: answered as any other, and its traceback belongs in the log

    for kind in (Problem, GatewayProblem, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(OSError, full_disk)


_CODES = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Pydantic's errors, each with where and what, and without what was sent."""
    if any(each["type"] == "json_invalid" for each in errors):
        return Problem("malformed-body")
    return Problem(
        "invalid-request",
        more={"errors": [{"where": _where(each["loc"]), "what": _quoted(str(each["msg"]))} for each in errors[:20]]},
    )


def _where(location: Sequence[object]) -> str:
    """ "body.phone"; a place is named by the model, except where an unknown key stands."""
    return printable(redact(".".join(map(str, location))), 80)


def _quoted(text: str) -> str:
    return printable(redact(text), 300)
