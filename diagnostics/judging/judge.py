"""Turn evidence, mode and time into a diagnosis. Pure: no I/O, no clock, no library.

Theory of operation. The checks are judged in the order of the catalogue, which is the order of dependency. Each check
has one rule that reads the evidence and answers: it passes, it has this cause, it was not asked for, or it could not be
observed. The first cause that blocks the later checks makes its check the *blocker*. Later checks that would fail are
reported as blocked by it instead, so that one root cause stands out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from diagnostics.catalogue import (
    CAUSE_BY_ID,
    CHECK_BY_ID,
    CHECK_ORDER,
    CHECKS,
    PHRASES,
    Check,
    Phrases,
    again,
    steps,
    with_upstream,
    words,
)
from diagnostics.judging.rules import RULES, Answer, Caused, NotAsked, NotKnown, Passed, Terms
from diagnostics.model import (
    Absence,
    Aspect,
    CheckResult,
    Diagnosis,
    Evidence,
    Finding,
    Language,
    Mode,
    Observation,
    Outcome,
    Severity,
    Verdict,
)

OLD = timedelta(minutes=10)  # an observation that is older says nothing about now
AHEAD = timedelta(minutes=2)  # so far two machines' clocks may differ
# Where nothing is sent, these decide.
_DECISIVE = frozenset({"session.authenticated", "socket.state", "session.responds", "send.available"})
_SENDS = ("send.text", "send.image")
_VERDICTS = {
    Severity.CRITICAL: Verdict.UNHEALTHY,
    Severity.UNKNOWN: Verdict.UNKNOWN,
    Severity.WARNING: Verdict.DEGRADED,
}
_FAILED = {Severity.CRITICAL: Outcome.FAIL, Severity.UNKNOWN: Outcome.UNKNOWN, Severity.WARNING: Outcome.WARN}


@dataclass(frozen=True, slots=True)
class _Wording:
    """What the texts of findings depend on, besides the evidence."""

    mode: Mode
    language: Language
    facts: Mapping[str, str]  # fields that every template may use
    rerun_is_safe: bool
    unknown_to_simulator: bool

    @property
    def say(self) -> Phrases:
        return PHRASES[self.language]


def judge(
    evidence: Evidence,
    *,
    mode: Mode,
    now: datetime,
    checks: Iterable[str] | None = None,
    rerun: str = "",
    rerun_is_safe: bool = False,
    pair: str = "",
    language: Language = Language.ENGLISH,
    zone: tzinfo = UTC,
    simulated: bool = False,
    unknown_to_simulator: bool = False,
) -> Diagnosis:
    """Judge one session.

    Args:
        evidence: what was observed.
        mode: permissive or strict.
        now: the time of judgement, timezone-aware; the remaining time of a ban counts from it.
        checks: ids of the selected checks, None for all. Checks that could explain a selected one are
            judged too.
        rerun: the command that checks this session again, for the remedies.
        rerun_is_safe: that command connects nothing and sends nothing.
        pair: the command that shows this session's QR code ("wadiag pair testing"), for the remedies; without it they
            say to start the bot again, which works for every client.
        language: of claims, reasons, remedies and headline.
        zone: time zone of the texts; times in data are UTC.
        simulated: the session is a rehearsal on the simulator.
        unknown_to_simulator: only the simulator was asked for the session; if it does not exist, the remedy is to name
            a real target.

    Returns:
        The diagnosis. Its findings start with the root cause.
    """
    asked = with_upstream(CHECK_BY_ID if checks is None else checks)
    evidence = fresh(evidence, now)
    facts = {
        "session": evidence.session,
        **again(rerun or f"pytest checks --session {evidence.session}"),
        "pair": pair or PHRASES[language].pair,
        "pairs": pair,
    }
    wording = _Wording(mode, language, facts, rerun_is_safe, unknown_to_simulator)
    terms = Terms(now, wording.say, zone)
    results: list[CheckResult] = []
    blocker = ""
    for check in asked:
        answer = RULES[check.id](evidence, terms)
        failed = [r.check for r in results if r.outcome in (Outcome.FAIL, Outcome.UNKNOWN)]
        explanation = blocker or "".join(failed[-1:])
        result = _result(check, answer, evidence, wording, blocker, explanation)
        results.append(result)
        if not blocker and result.finding is not None and CAUSE_BY_ID[result.finding.cause].blocks:
            blocker = check.id
    if not blocker and {check.id for check in asked} >= _DECISIVE:
        results = _with_what_is_not_proven(results, wording)
    findings = tuple(sorted((r.finding for r in results if r.finding is not None), key=_root_first))
    verdict, headline = _verdict(findings, results, wording)
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
        language=language,
        simulated=simulated,
    )


def standing(diagnosis: Diagnosis, check: str, selected: Collection[str]) -> CheckResult:
    """One check's result in a run that selected only some checks.

    If the check is blocked by the failure of a check that was not selected, it takes over that outcome and finding:
    selecting a check must not hide why it cannot pass. A warning is not taken over: the check stays blocked, because it
    was not tried and did not pass.
    """
    result = next(r for r in diagnosis.results if r.check == check)
    if result.outcome is Outcome.BLOCKED and result.blocked_by not in selected:
        root = next(r for r in diagnosis.results if r.check == result.blocked_by)
        if root.outcome is not Outcome.WARN:
            return replace(result, outcome=root.outcome, finding=root.finding, note=root.note)
    return result


def _result(
    check: Check, answer: Answer, evidence: Evidence, wording: _Wording, blocker: str, explanation: str
) -> CheckResult:
    """The result of one check.

    Args:
        blocker: the check that blocks the later ones, or ""; it turns a failure into BLOCKED.
        explanation: the check that explains why this one was not tried, or "".
    """
    at = next((o.at for a in Aspect if a in check.needs and (o := evidence.get(a))), None)
    match answer:
        case Passed(note):
            return CheckResult(check.id, Outcome.PASS, note, at=at)
        case NotAsked(note):
            return CheckResult(check.id, Outcome.SKIPPED, note, at=at)
        case NotKnown(note, by) if by or explanation:
            return CheckResult(check.id, Outcome.BLOCKED, note, blocked_by=by or explanation, at=at)
        case NotKnown(note):
            # No finding explains why it was not observed, so the result is unknown.
            finding = _finding(check, Caused("not-observed", note), wording)
            return CheckResult(check.id, Outcome.UNKNOWN, note, finding, at=at)
        case Caused(_, measured) if blocker:
            return CheckResult(check.id, Outcome.BLOCKED, measured, blocked_by=blocker, at=at)
        case Caused(_, measured):
            finding = _finding(check, answer, wording)
            return CheckResult(check.id, _FAILED[finding.severity], measured, finding, at=at)


def _finding(check: Check, caused: Caused, wording: _Wording) -> Finding:
    said = words(caused.cause, wording.language)
    facts = {**wording.facts, **caused.facts}
    claim = said.claim.format_map(facts)
    return Finding(
        check=check.id,
        cause=caused.cause,
        severity=CAUSE_BY_ID[caused.cause].severity(wording.mode),
        claim=claim,
        measured="" if _says_the_same(claim, caused) else caused.measured,
        why=said.why.format_map(facts),
        remedy=steps(
            (said.unknown_to_simulator if wording.unknown_to_simulator else ()) or said.remedy,
            facts,
            rerun_is_safe=wording.rerun_is_safe,
        ),
    )


def _says_the_same(claim: str, caused: Caused) -> bool:
    """Whether the measured text only repeats the claim, or contains the detail that the claim quotes."""
    detail = str(caused.facts.get("detail", ""))
    return caused.measured in claim or (detail != "" and detail in caused.measured)


def _root_first(finding: Finding) -> tuple[int, int, bool, int]:
    """What strict mode alone calls critical comes after what is critical in both modes."""
    cause = CAUSE_BY_ID[finding.cause]
    return (finding.severity.rank, cause.permissive.rank, cause.vague, CHECK_ORDER[finding.check])


def _connection_seen(results: Iterable[CheckResult]) -> bool:
    """Whether a connection was observed: without one, a warning says nothing about sending."""
    return any(r.check == "socket.state" and r.outcome in (Outcome.PASS, Outcome.WARN) for r in results)


def _with_what_is_not_proven(results: list[CheckResult], wording: _Wording) -> list[CheckResult]:
    """Of a full run: the first decisive check that nobody could answer is unknown, unless something else is decided."""
    graver = any(r.outcome in (Outcome.FAIL, Outcome.UNKNOWN) for r in results)
    sent = any(r.outcome is Outcome.PASS for r in results if r.check in _SENDS)
    untold = next((r for r in results if r.check in _DECISIVE and r.outcome is Outcome.SKIPPED), None)
    if graver or sent or untold is None:
        return results
    finding = _finding(CHECK_BY_ID[untold.check], Caused("not-proven", untold.note, {"detail": untold.note}), wording)
    return [replace(r, outcome=Outcome.UNKNOWN, finding=finding) if r is untold else r for r in results]


def fresh(evidence: Evidence, now: datetime) -> Evidence:
    """The evidence without the values that are too old, or from a clock that is ahead: those are unknown."""
    observations = {aspect: _if_fresh(seen, now) for aspect, seen in evidence.observations.items()}
    return replace(evidence, observations=observations)


def _if_fresh(seen: Observation, now: datetime) -> Observation:
    age = now - seen.at
    if not seen.known or -AHEAD <= age <= OLD:
        return seen
    how_far = f"{abs(age).total_seconds():.0f} s {'ago' if age > OLD else 'ahead of this clock'}"
    detail = f"{seen.source or seen.aspect}: observed {seen.at:%Y-%m-%d %H:%M:%S} UTC, {how_far}"
    return replace(seen, value=None, absence=Absence.STALE, detail=detail)


def _verdict(findings: tuple[Finding, ...], results: list[CheckResult], wording: _Wording) -> tuple[Verdict, str]:
    say = wording.say
    if findings and findings[0].severity is Severity.WARNING and not _connection_seen(results):
        return Verdict.UNKNOWN, say.not_connected
    if findings:
        return _VERDICTS[findings[0].severity], words(findings[0].cause, wording.language).headline
    passed = {r.check for r in results if r.outcome is Outcome.PASS}
    sent = set(_SENDS) & passed
    if sent:
        what = say.both if len(sent) == 2 else say.text if "send.text" in sent else say.image
        return Verdict.HEALTHY, say.sent.format(what=what)
    if passed >= _DECISIVE:
        return Verdict.HEALTHY, say.not_sent
    left = len(CHECKS) - len(passed)
    return Verdict.UNKNOWN, say.not_asked.format(left=left, all=len(CHECKS))
