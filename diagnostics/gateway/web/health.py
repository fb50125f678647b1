"""The health of one session over HTTP: what is known, judged, in the caller's words and form.

`health_document` is pure. `health_router` is the route, on any `HealthSource`: the gateway's fleet or an attached bot.

Status: 200 where the session can send (healthy, degraded), 503 where it cannot *and where that is not known*: unknown
is never healthy. A session that does not exist is the source's NoSuchSession, which the app answers with 404.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from diagnostics import __version__
from diagnostics.catalogue import sentence
from diagnostics.catalogue.reconnect import why
from diagnostics.evidence.exchange import to_plain
from diagnostics.gateway.contract import HealthSource, Phase, Reconnecting, SessionView
from diagnostics.gateway.web.accept import preferred
from diagnostics.gateway.web.errors import spoken
from diagnostics.judging.judge import judge
from diagnostics.model import (
    Aspect,
    CheckResult,
    Diagnosis,
    Disconnect,
    Evidence,
    Finding,
    Language,
    Mode,
    Outcome,
    Severity,
    SocketState,
    StoreFacts,
    Verdict,
)
from diagnostics.redact import redact

JSON = "application/json"
HEALTH_JSON = "application/health+json"
SESSION_NAME = r"^[a-zA-Z0-9._-]{1,64}$"
FIT = frozenset({Verdict.HEALTHY, Verdict.DEGRADED})  # what 200 says


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class SocketFacts(_Part):
    """The state of the session's WebSocket to WhatsApp."""

    state: SocketState = Field(description="`unknown` also where it could not be read")
    value: int | None = Field(description="the `readyState` number of the WebSocket standard, 0 to 3; null for none")
    raw: str = Field(description="what the client said literally, or why nothing is known")


class FoundProblem(_Part):
    """One thing that is wrong; the first is the root cause."""

    id: str = Field(description="the check that found it", examples=["session.authenticated"])
    cause: str = Field(description="stable slug of the cause", examples=["device-removed"])
    severity: Severity
    claim: str = Field(description="what is wrong")
    measured: str = Field(description="how that is known; empty where the claim says it")
    why: str = Field(description="why it matters")
    remedy: list[str] = Field(description="the steps that fix it, in order")


class CheckAnswer(_Part):
    """What became of one check."""

    id: str
    outcome: Outcome
    note: str


class LastDisconnect(_Part):
    """The last refusal or loss of the connection, kept after the session came back."""

    code: int | None = Field(description="WhatsApp's code; null where none was given")
    reason: str
    at: datetime
    expires: datetime | None = Field(description="when a temporary ban ends")


class ReconnectPlan(_Part):
    """What was decided about connecting again."""

    attempts: int = Field(description="connections tried in a row since the session was last online")
    next_at: datetime | None
    action: str = Field(description="at-once, backoff, once or never; empty where nothing was lost")
    reason: str = Field(description="of the reconnect table; stable", examples=["loggedOut", "connection-lost"])
    why: str = Field(description="in words; empty where nothing was lost")


class HealthDocument(_Part):
    """How a session is. Identities in it are masked."""

    session: str
    exists: bool | None = Field(description="null where it is not known, as for every answer here")
    authenticated: bool | None
    socket: SocketFacts
    send_available: bool | None
    mode: Mode
    verdict: Verdict
    headline: str
    message: str = Field(description="one sentence for a person")
    findings: list[FoundProblem]
    checks: list[CheckAnswer]
    phase: Phase
    observed_at: datetime = Field(description="when the oldest live fact was seen")
    last_connected: datetime | None
    last_disconnect: LastDisconnect | None
    reconnecting: ReconnectPlan
    evidence: dict[str, Any] = Field(description="the facts themselves, for another judge")


class Measurement(_Part):
    """One entry of health+json's `checks`; members that do not apply are left out."""

    component_type: str = Field(alias="componentType")
    observed_value: bool | int | float | str | None = Field(None, alias="observedValue")
    observed_unit: str | None = Field(None, alias="observedUnit")
    status: Literal["pass", "warn", "fail"]
    time: datetime | None = None
    output: str | None = None


class HealthJson(_Part):
    """`application/health+json` (draft-inadarei-api-health-check): for monitors that know that form."""

    status: Literal["pass", "warn", "fail"]
    version: str = "1"
    release_id: str = Field(alias="releaseId")
    service_id: str = Field(alias="serviceId")
    description: str
    output: str | None = None
    checks: dict[str, list[Measurement]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the caller wants of a health answer, and what its remedies may name.

    Attributes:
        rerun, pair: the commands that look at the session again and that show its QR code, as `judge` takes them.
    """

    mode: Mode = Mode.PERMISSIVE
    language: Language = Language.ENGLISH
    rerun: str = ""
    pair: str = ""


def health_document(view: SessionView, asked: Asked, *, now: datetime) -> HealthDocument:
    """The answer to `GET /whatsapp/health/{sessionId}` as JSON."""
    view, diagnosis = diagnosed(view, asked, now)
    return HealthDocument(
        session=diagnosis.session,
        exists=_value(view.evidence, Aspect.EXISTS),
        authenticated=_value(view.evidence, Aspect.AUTHENTICATED),
        socket=_socket(view.evidence),
        send_available=_value(view.evidence, Aspect.SEND_AVAILABLE),
        mode=asked.mode,
        verdict=diagnosis.verdict,
        headline=diagnosis.headline,
        message=_message(diagnosis, asked.language),
        findings=[found(finding) for finding in diagnosis.findings],
        checks=[CheckAnswer(id=each.check, outcome=each.outcome, note=each.note) for each in diagnosis.results],
        phase=view.phase,
        observed_at=view.observed_at,
        last_connected=view.last_connected,
        last_disconnect=_lost(view.last_disconnect),
        reconnecting=_plan(view.reconnecting, asked.language),
        evidence=to_plain(view.evidence),
    )


def health_json(view: SessionView, asked: Asked, *, now: datetime) -> HealthJson:
    """The same as `application/health+json`. Checks that nobody asked for are left out."""
    view, diagnosis = diagnosed(view, asked, now)
    return HealthJson(
        status=_STATUS[diagnosis.verdict],
        releaseId=__version__,
        serviceId=diagnosis.session,
        description=diagnosis.headline,
        output=None if diagnosis.verdict is Verdict.HEALTHY else _message(diagnosis, asked.language),
        checks={
            each.check.replace(".", ":"): [_measurement(each, view.evidence)]
            for each in diagnosis.results
            if each.outcome is not Outcome.SKIPPED
        },
    )


def diagnosed(view: SessionView, asked: Asked, now: datetime) -> tuple[SessionView, Diagnosis]:
    """View and diagnosis, both masked."""
    return redact.model(view), judged(view, asked, now)


def judged(view: SessionView, asked: Asked, now: datetime) -> Diagnosis:
    """The diagnosis alone, masked. It does not repeat the evidence, which takes longer to mask than all the rest."""
    diagnosis = judge(
        view.evidence, mode=asked.mode, now=now, rerun=asked.rerun, pair=asked.pair, language=asked.language
    )
    return redact.model(replace(diagnosis, evidence=None))


def _message(diagnosis: Diagnosis, language: Language) -> str:
    if diagnosis.verdict is Verdict.HEALTHY:
        return sentence(diagnosis.session, None, language)
    return sentence(diagnosis.session, diagnosis.root.cause if diagnosis.root else "not-observed", language)


def _value(evidence: Evidence, aspect: Aspect) -> Any:
    seen = evidence.get(aspect)
    return seen.value if seen is not None and seen.known else None


def _socket(evidence: Evidence) -> SocketFacts:
    seen = evidence.get(Aspect.SOCKET)
    if seen is None or not seen.known:
        return SocketFacts(state=SocketState.UNKNOWN, value=None, raw=seen.detail if seen else "")
    state: SocketState = seen.value
    return SocketFacts(state=state, value=state.number, raw=seen.raw)


def found(finding: Finding) -> FoundProblem:
    return FoundProblem(
        id=finding.check,
        cause=finding.cause,
        severity=finding.severity,
        claim=finding.claim,
        measured=finding.measured,
        why=finding.why,
        remedy=[step.text for step in finding.remedy],
    )


def _lost(lost: Disconnect | None) -> LastDisconnect | None:
    if lost is None:
        return None
    return LastDisconnect(code=lost.code, reason=lost.reason, at=lost.at, expires=lost.expires)


def _plan(plan: Reconnecting, language: Language) -> ReconnectPlan:
    return ReconnectPlan(
        attempts=plan.attempts,
        next_at=plan.next_at,
        action=plan.action,
        reason=plan.name,
        why=reconnecting_words(plan, language),
    )


def reconnecting_words(plan: Reconnecting, language: Language) -> str:
    """What was decided about connecting again and why, in one sentence; "" where nothing was lost."""
    return why(plan.code, plan.name, plan.by, language) if plan.action else ""


# --- health+json ---

_STATUS: dict[Verdict, Literal["pass", "warn", "fail"]] = {
    Verdict.HEALTHY: "pass",
    Verdict.DEGRADED: "warn",
    Verdict.UNHEALTHY: "fail",
    Verdict.UNKNOWN: "fail",
}
_OUTCOMES: dict[Outcome, Literal["pass", "warn", "fail"]] = {Outcome.PASS: "pass", Outcome.WARN: "warn"}
_OBSERVED = {
    "session.exists": Aspect.EXISTS,
    "store.intact": Aspect.STORE,
    "session.authenticated": Aspect.AUTHENTICATED,
    "connection.accepted": Aspect.DISCONNECT,
    "socket.state": Aspect.SOCKET,
    "session.responds": Aspect.ROUND_TRIP,
    "send.available": Aspect.SEND_AVAILABLE,
}


def _measurement(result: CheckResult, evidence: Evidence) -> Measurement:
    aspect = _OBSERVED.get(result.check)
    value = _value(evidence, aspect) if aspect else None
    if isinstance(value, Disconnect):
        value = value.code if value.code is not None else value.reason
    elif isinstance(value, StoreFacts):
        value = value.intact
    said = result.finding.claim if result.finding else result.note
    return Measurement(
        componentType="datastore" if result.check.startswith("store.") else "component",
        observedValue=value,
        observedUnit="s" if isinstance(value, float) else None,
        status=_OUTCOMES.get(result.outcome, "fail"),
        time=result.at,
        output=None if result.outcome is Outcome.PASS else said,
    )


# --- the route ---


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """A schema that refers to nothing outside itself: FastAPI lists the models of the main form only."""
    schema = model.model_json_schema(mode="serialization")
    schema["properties"]["checks"]["additionalProperties"]["items"] = schema.pop("$defs")["Measurement"]
    return schema


_OTHER_FORM = {HEALTH_JSON: {"schema": _inlined(HealthJson)}}


def utc_now() -> datetime:
    return datetime.now(UTC)


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
        rerun, pair: as in `Asked`, with a place for the session's name.
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
        asked = Asked(
            mode=mode,
            language=spoken(request, language),
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
            fit = answer.verdict in FIT
        return Response(
            answer.model_dump_json(by_alias=True, exclude_none=form == HEALTH_JSON),
            200 if fit else 503,
            {"Content-Language": asked.language, "Vary": "Accept, Accept-Language", "Cache-Control": "no-store"},
            form,
        )

    return router
