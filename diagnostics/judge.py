"""Evidence, mode and time in; a diagnosis out. Pure: no I/O, no clock, no library.

Theory of operation. The checks are asked in the order of the catalogue, which is the order of dependency.
Each has one rule that reads the evidence and answers: it passes, it has this cause, nobody asked, or it
could not be observed. The first answer that makes everything behind it pointless becomes the *blocker*;
what would fail behind it is reported as blocked by it, so that one root cause stands out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from diagnostics.catalogue import (
    CAUSE_BY_ID,
    CHECK_BY_ID,
    CHECK_ORDER,
    CHECKS,
    PHRASES,
    Check,
    Phrases,
    with_upstream,
    words,
)
from diagnostics.model import (
    Absence,
    Aspect,
    CheckResult,
    Diagnosis,
    Disconnect,
    Evidence,
    Finding,
    Language,
    Mode,
    Observation,
    Outcome,
    Sent,
    Severity,
    SocketState,
    StoreFacts,
    Verdict,
)

PREKEYS_LOW = 5  # whatsmeow uploads more when the server has fewer than this (MinPreKeyCount)

# Codes with a cause of their own. 401, 403 and 406 end the authentication, the others only the connection.
_AUTH_CODES = {401: "device-removed", 403: "account-locked", 406: "account-locked"}
_REFUSALS = {402: "temporarily-banned", 405: "client-outdated", 440: "stream-replaced"}
_REACHOUT_TIMELOCK = 463

_SEVERITY_RANK = {Severity.CRITICAL: 0, Severity.UNKNOWN: 1, Severity.WARNING: 2}
_VERDICTS = {
    Severity.CRITICAL: Verdict.UNHEALTHY,
    Severity.UNKNOWN: Verdict.UNKNOWN,
    Severity.WARNING: Verdict.DEGRADED,
}
_FAILED = {Severity.CRITICAL: Outcome.FAIL, Severity.UNKNOWN: Outcome.UNKNOWN, Severity.WARNING: Outcome.WARN}


@dataclass(frozen=True, slots=True)
class Passed:
    note: str


@dataclass(frozen=True, slots=True)
class Caused:
    """A cause of the catalogue applies; `facts` fill its templates."""

    cause: str
    measured: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotAsked:
    note: str


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Not observed. `by` names the check that explains it; "" means the finding before it."""

    note: str
    by: str = ""


Answer = Passed | Caused | NotAsked | NotKnown


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a judgement is made with, beside the evidence."""

    mode: Mode
    now: datetime
    language: Language
    facts: Mapping[str, str]  # that the templates of every cause may name

    @property
    def say(self) -> Phrases:
        return PHRASES[self.language]


Rule = Callable[[Evidence, _Bench], Answer]


def judge(
    evidence: Evidence,
    *,
    mode: Mode,
    now: datetime,
    checks: Iterable[str] | None = None,
    rerun: str = "",
    pair: str = "",
    language: Language = Language.ENGLISH,
) -> Diagnosis:
    """Judge one session.

    Args:
        evidence: what was observed.
        mode: permissive or strict.
        now: the time of judgement, timezone-aware; a ban's remaining time is counted from it.
        checks: ids of the selected checks, None for all. Checks that could explain a selected one are
            judged too.
        rerun: the command that looks at this session again, for the remedies.
        pair: the command that shows this session's QR code ("wadiag pair testing"), for the remedies; without it they
            say to start the bot again, which holds for every client.
        language: of claims, reasons, remedies and headline.

    Returns:
        The diagnosis. Its findings start with the root cause.
    """
    asked = with_upstream(CHECK_BY_ID if checks is None else checks)
    facts = {
        "session": evidence.session,
        "rerun": rerun or f"pytest checks --session {evidence.session}",
        "pair": pair or PHRASES[language].pair,
    }
    bench = _Bench(mode, now, language, facts)
    results: list[CheckResult] = []
    blocker = ""
    for check in asked:
        answer = _RULES[check.id](evidence, bench)
        failed = [r.check for r in results if r.outcome in (Outcome.FAIL, Outcome.UNKNOWN)]
        explanation = blocker or "".join(failed[-1:])
        result = _result(check, answer, evidence, bench, blocker, explanation)
        results.append(result)
        if not blocker and result.finding is not None and CAUSE_BY_ID[result.finding.cause].blocks:
            blocker = check.id
    findings = tuple(sorted((r.finding for r in results if r.finding is not None), key=_root_first))
    verdict, headline = _verdict(findings, results, bench)
    return Diagnosis(
        session=evidence.session,
        target=evidence.target,
        mode=mode,
        verdict=verdict,
        headline=headline,
        results=tuple(results),
        findings=findings,
        judged_at=now,
        evidence=evidence,
    )


def standing(diagnosis: Diagnosis, check: str, selected: Collection[str]) -> CheckResult:
    """One check's result in a run that selected only some checks.

    A check that is blocked by the failure of one that nobody selected takes over its outcome and finding: selecting a
    check must not hide why it cannot pass. A mere warning is not taken over: what was not tried did not pass.
    """
    result = next(r for r in diagnosis.results if r.check == check)
    if result.outcome is Outcome.BLOCKED and result.blocked_by not in selected:
        root = next(r for r in diagnosis.results if r.check == result.blocked_by)
        if root.outcome is not Outcome.WARN:
            return replace(result, outcome=root.outcome, finding=root.finding, note=root.note)
    return result


def _result(
    check: Check, answer: Answer, evidence: Evidence, bench: _Bench, blocker: str, explanation: str
) -> CheckResult:
    """`blocker` hides what fails behind it; `explanation` also explains what was not tried at all."""
    at = next((o.at for a in Aspect if a in check.needs and (o := evidence.get(a))), None)
    match answer:
        case Passed(note):
            return CheckResult(check.id, Outcome.PASS, note, at=at)
        case NotAsked(note):
            return CheckResult(check.id, Outcome.SKIPPED, note, at=at)
        case NotKnown(note, by) if by or explanation:
            return CheckResult(check.id, Outcome.BLOCKED, note, blocked_by=by or explanation, at=at)
        case NotKnown(note):
            # Blocked by nothing that the judge can see: somebody owes an explanation, so it is unknown.
            finding = _finding(check, Caused("not-observed", note), bench)
            return CheckResult(check.id, Outcome.UNKNOWN, note, finding, at=at)
        case Caused(_, measured) if blocker:
            return CheckResult(check.id, Outcome.BLOCKED, measured, blocked_by=blocker, at=at)
        case Caused(_, measured):
            finding = _finding(check, answer, bench)
            return CheckResult(check.id, _FAILED[finding.severity], measured, finding, at=at)


def _finding(check: Check, caused: Caused, bench: _Bench) -> Finding:
    said = words(caused.cause, bench.language)
    facts = {**bench.facts, **caused.facts}
    claim = said.claim.format_map(facts)
    return Finding(
        check=check.id,
        cause=caused.cause,
        severity=CAUSE_BY_ID[caused.cause].severity(bench.mode),
        claim=claim,
        measured="" if _says_the_same(claim, caused) else caused.measured,
        why=said.why.format_map(facts),
        remedy=tuple(step.format_map(facts) for step in said.remedy),
    )


def _says_the_same(claim: str, caused: Caused) -> bool:
    """Whether what was measured only repeats the claim, or wraps the words that the claim quotes."""
    detail = str(caused.facts.get("detail", ""))
    return caused.measured in claim or (detail != "" and detail in caused.measured)


def _root_first(finding: Finding) -> tuple[int, bool, int]:
    return (_SEVERITY_RANK[finding.severity], CAUSE_BY_ID[finding.cause].vague, CHECK_ORDER[finding.check])


def _verdict(findings: tuple[Finding, ...], results: list[CheckResult], bench: _Bench) -> tuple[Verdict, str]:
    say = bench.say
    if findings:
        return _VERDICTS[findings[0].severity], words(findings[0].cause, bench.language).headline
    passed = {r.check for r in results if r.outcome is Outcome.PASS}
    sent = {"send.text", "send.image"} & passed
    if sent:
        what = say.both if len(sent) == 2 else say.text if "send.text" in sent else say.image
        return Verdict.HEALTHY, say.sent.format(what=what)
    if {"socket.state", "session.responds", "send.available"} <= passed:
        return Verdict.HEALTHY, say.not_sent
    left = len(CHECKS) - len(passed)
    return Verdict.UNKNOWN, say.not_asked.format(left=left, all=len(CHECKS))


# --- the rules, one for each check ---


def _absent(observation: Observation | None, bench: _Bench) -> Answer:
    if observation is None:
        return NotKnown(bench.say.said_nothing)
    match observation.absence:
        case Absence.NOT_ASKED:
            return NotAsked(observation.detail)
        case Absence.BLOCKED | Absence.HELD:
            return NotKnown(observation.detail)
        case _:
            return NotKnown(observation.detail, by="probe.completed")


_PROBE_CAUSES = {
    Absence.CRASHED: "probe-crashed",
    Absence.UNREACHABLE: "target-unreachable",
    Absence.TIMEOUT: "probe-timeout",
}


def _probe_completed(evidence: Evidence, bench: _Bench) -> Answer:
    for observation in evidence.observations.values():
        if observation.aspect is Aspect.ROUND_TRIP and _unanswered(evidence):
            continue  # a finding about the session, not about the probe
        if observation.absence in _PROBE_CAUSES:
            cause = _PROBE_CAUSES[observation.absence]
            return Caused(cause, f"{observation.aspect}: {observation.detail}", {"detail": observation.detail})
    return Passed(bench.say.looked.format(count=len(evidence.observations), seconds=evidence.took))


def _session_exists(evidence: Evidence, bench: _Bench) -> Answer:
    seen = evidence.get(Aspect.EXISTS)
    if seen is None or not seen.known:
        return _absent(seen, bench)
    if seen.value is True:
        return Passed(seen.raw)
    store = evidence.get(Aspect.STORE)
    several = store is not None and store.known and (store.value.devices or 0) > 1
    return Caused("session-ambiguous" if several else "session-missing", seen.raw, {"detail": seen.raw})


def _store_intact(evidence: Evidence, bench: _Bench) -> Answer:
    seen = evidence.get(Aspect.STORE)
    if seen is None or not seen.known:
        return _absent(seen, bench)
    facts: StoreFacts = seen.value
    if not facts.intact:
        return Caused("store-damaged", seen.raw or facts.problem, {"detail": facts.problem})
    if facts.prekeys is not None and facts.prekeys < PREKEYS_LOW and _is_true(evidence, Aspect.AUTHENTICATED):
        measured = bench.say.prekeys.format(count=facts.prekeys, wanted=PREKEYS_LOW)
        return Caused("prekeys-low", measured, {"prekeys": facts.prekeys})
    return Passed(seen.raw)


def _session_authenticated(evidence: Evidence, bench: _Bench) -> Answer:
    refused = _disconnect(evidence)
    if refused is not None and refused.code in _AUTH_CODES:
        return _refusal(_AUTH_CODES[refused.code], refused, bench)
    seen = evidence.get(Aspect.AUTHENTICATED)
    if seen is None or not seen.known:
        return _absent(seen, bench)
    if seen.value is True:
        return Passed(seen.raw)
    return Caused("not-paired", seen.raw, {"detail": seen.raw})


def _connection_accepted(evidence: Evidence, bench: _Bench) -> Answer:
    seen = evidence.get(Aspect.DISCONNECT)
    if seen is not None and seen.absence is Absence.HELD:
        return Caused("held-elsewhere", seen.detail, {"detail": seen.detail})
    if seen is None or not seen.known:
        return _absent(seen, bench)
    refused = _disconnect(evidence)
    if refused is None:
        return Passed(bench.say.not_refused)
    if refused.code is None:
        if refused.permanent:
            return Caused("whatsapp-unreachable", refused.raw or refused.reason, {"detail": refused.reason})
        return Passed(f"{bench.say.not_refused} ({refused.reason})")  # what became of it is the socket's finding
    return _refusal(_REFUSALS.get(refused.code, "connection-refused"), refused, bench)


def _socket_state(evidence: Evidence, bench: _Bench) -> Answer:
    seen = evidence.get(Aspect.SOCKET)
    if seen is not None and seen.absence is Absence.NOT_ASKED:
        return Caused("passive-look", seen.detail)
    if seen is None or not seen.known:
        return _absent(seen, bench)
    match seen.value:
        case SocketState.OPEN:
            return Passed(f"{SocketState.OPEN}: {seen.raw}")
        case SocketState.CONNECTING:
            return Caused("socket-connecting", seen.raw)
        case SocketState.CLOSING:
            return Caused("socket-closing", seen.raw)
        case SocketState.CLOSED:
            lost = _disconnect(evidence)
            return Caused("socket-closed", seen.raw, {"detail": lost.reason if lost else seen.raw})
        case SocketState.ABSENT:
            return Caused("socket-absent" if _functional(evidence) else "socket-absent-unusable", seen.raw)
        case _:
            return Caused("socket-unknown" if _functional(evidence) else "socket-unknown-unusable", seen.raw)


def _session_responds(evidence: Evidence, bench: _Bench) -> Answer:
    seen = evidence.get(Aspect.ROUND_TRIP)
    if seen is None:
        return _absent(seen, bench)
    if seen.known:
        return Passed(bench.say.answered.format(milliseconds=seen.value * 1000))
    if _unanswered(evidence):
        return Caused("zombie", evidence.observations[Aspect.SOCKET].raw, {"detail": seen.detail})
    return _absent(seen, bench)


def _send_available(evidence: Evidence, bench: _Bench) -> Answer:
    seen = evidence.get(Aspect.SEND_AVAILABLE)
    if seen is None or not seen.known:
        return _absent(seen, bench)
    return Passed(seen.raw) if seen.value is True else Caused("send-missing", seen.raw, {"detail": seen.raw})


def _sent(aspect: Aspect) -> Rule:
    def rule(evidence: Evidence, bench: _Bench) -> Answer:
        seen = evidence.get(aspect)
        if seen is None or not seen.known:
            return _absent(seen, bench)
        sent: Sent = seen.value
        if sent.acknowledged:
            return Passed(bench.say.acknowledged.format(milliseconds=sent.took * 1000))
        what = bench.say.text if aspect is Aspect.TEXT else bench.say.image
        return Caused(
            _send_cause(sent),
            sent.error,
            {"what": what, "code": sent.code, "detail": sent.error or bench.say.no_error},
        )

    return rule


def _send_cause(sent: Sent) -> str:
    if sent.stage == "upload":
        return "media-upload-failed"
    if sent.code is not None:
        return "reachout-timelock" if sent.code == _REACHOUT_TIMELOCK else "send-refused"
    return "ack-missing" if sent.stage == "ack" else "send-failed"


_RULES: Mapping[str, Rule] = {
    "probe.completed": _probe_completed,
    "session.exists": _session_exists,
    "store.intact": _store_intact,
    "session.authenticated": _session_authenticated,
    "connection.accepted": _connection_accepted,
    "socket.state": _socket_state,
    "session.responds": _session_responds,
    "send.available": _send_available,
    "send.text": _sent(Aspect.TEXT),
    "send.image": _sent(Aspect.IMAGE),
}


def _unanswered(evidence: Evidence) -> bool:
    """Whether a question on a connection that was seen got no answer; without a socket, nobody was asked."""
    socket, answer = evidence.get(Aspect.SOCKET), evidence.get(Aspect.ROUND_TRIP)
    asked = socket is not None and socket.known and answer is not None
    return asked and answer is not None and answer.absence in (Absence.TIMEOUT, Absence.UNREACHABLE)


def _is_true(evidence: Evidence, aspect: Aspect) -> bool:
    seen = evidence.get(aspect)
    return seen is not None and seen.known and seen.value is True


def _disconnect(evidence: Evidence) -> Disconnect | None:
    seen = evidence.get(Aspect.DISCONNECT)
    return seen.value if seen is not None and seen.known else None


def _functional(evidence: Evidence) -> bool:
    """Authenticated and able to send: by a real send where one was asked for, else by a round trip."""
    if not _is_true(evidence, Aspect.AUTHENTICATED):
        return False
    sends = [seen.value for a in (Aspect.TEXT, Aspect.IMAGE) if (seen := evidence.get(a)) and seen.known]
    if sends:
        return all(sent.acknowledged for sent in sends)
    answered = evidence.get(Aspect.ROUND_TRIP)
    return answered is not None and answered.known and _is_true(evidence, Aspect.SEND_AVAILABLE)


def _refusal(cause: str, refused: Disconnect, bench: _Bench) -> Caused:
    facts = {
        "code": refused.code,
        "reason": refused.reason,
        "at": f"{refused.at:%H:%M:%S}",
        "expires": _until(refused.expires, bench.now, bench.say),
    }
    return Caused(cause, refused.raw or f"{refused.code} {refused.reason}", facts)


def _until(end: datetime | None, now: datetime, say: Phrases) -> str:
    """'2026-11-22 18:00 UTC, in 59 min': when something ends, and how long that still is.

    >>> from datetime import UTC
    >>> now, end = datetime(2026, 11, 22, 17, 1, tzinfo=UTC), datetime(2026, 11, 22, 18, tzinfo=UTC)
    >>> _until(end, now, PHRASES[Language.ENGLISH])
    '2026-11-22 18:00 UTC, in 59 min'
    """
    if end is None:
        return say.end_unknown
    minutes = round((end - now).total_seconds() / 60)
    if minutes <= 0:
        left = say.end_passed
    elif minutes < 120:
        left = say.end_in_minutes.format(count=minutes)
    else:
        left = say.end_in_hours.format(count=minutes // 60)
    return f"{end:%Y-%m-%d %H:%M} UTC, {left}"
