"""The health of one session as documents: a view of the session in, what callers read out. Pure.

`judged` lets the judge diagnose the view's evidence. `health_document` puts view and diagnosis into this project's own
JSON, `health_json` into `application/health+json`. Everything in both is masked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from diagnostics import __version__
from diagnostics.catalogue import sentence
from diagnostics.catalogue.reconnect import why
from diagnostics.evidence.documents import of_evidence, of_finding
from diagnostics.gateway.contract import Phase, Reconnecting, SessionView
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

CAN_SEND = frozenset({Verdict.HEALTHY, Verdict.DEGRADED})  # what 200 says


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class SocketFacts(_Part):
    """The state of the session's WebSocket to WhatsApp."""

    state: SocketState = Field(description="`unknown` also where it could not be read")
    value: int | None = Field(description="the `readyState` number of the WebSocket standard, 0 to 3; null for none")
    raw: str = Field(description="what the client said literally, or why nothing is known")


class RemedyStep(_Part):
    """One step of a remedy, as `model.Step`."""

    text: str = Field(description="what to do, for a person")
    command: str = Field(description="the command in it; empty where there is none to type")
    safe: bool = Field(description="it may be run unasked: it only looks, connects nothing and sends nothing")
    verify: str = Field(description="the command that shows whether the step worked; empty where `command` is that")


class FoundProblem(_Part):
    """One thing that is wrong; the first is the root cause. The document form of a finding (`evidence.documents`)."""

    check: str = Field(description="the check that found it", examples=["session.authenticated"])
    cause: str = Field(description="stable slug of the cause", examples=["device-removed"])
    severity: Severity
    claim: str = Field(description="what is wrong")
    measured: str = Field(description="how that is known; empty where the claim says it")
    why: str = Field(description="why it matters")
    remedy: list[RemedyStep] = Field(description="the steps that fix it, in order")


class CheckAnswer(_Part):
    """What became of one check."""

    check: str
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
class HealthOptions:
    """What the caller wants of a health answer, and what its remedies may name.

    Attributes:
        rerun, pair: the commands that look at the session again and that show its QR code, as `judge` takes them.
    """

    mode: Mode = Mode.PERMISSIVE
    language: Language = Language.ENGLISH
    rerun: str = ""
    pair: str = ""


def health_document(view: SessionView, asked: HealthOptions, *, now: datetime) -> HealthDocument:
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
        checks=[CheckAnswer(check=each.check, outcome=each.outcome, note=each.note) for each in diagnosis.results],
        phase=view.phase,
        observed_at=view.observed_at,
        last_connected=view.last_connected,
        last_disconnect=_lost(view.last_disconnect),
        reconnecting=_plan(view.reconnecting, asked.language),
        evidence=of_evidence(view.evidence),
    )


def health_json(view: SessionView, asked: HealthOptions, *, now: datetime) -> HealthJson:
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


def diagnosed(view: SessionView, asked: HealthOptions, now: datetime) -> tuple[SessionView, Diagnosis]:
    """View and diagnosis, both masked."""
    return redact.model(view), judged(view, asked, now)


def judged(view: SessionView, asked: HealthOptions, now: datetime) -> Diagnosis:
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
    return FoundProblem(**of_finding(finding))


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
