"""The JSON form of evidence, findings and diagnoses.

`wadiag check --json`, JUnit's properties, the gateway's health and everything that stores or forwards a diagnosis use
this form. A document has the fields of the model as objects, lists, texts, numbers and null. Enumerations are written
as their values, times as ISO 8601 in UTC. docs/diagnosis.schema.json is the JSON Schema of a run's document; a test
compares it with `schema()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from diagnostics.model import CheckResult, Diagnosis, Evidence, Finding, Language, Mode, Verdict

VERSION = 1  # of the form; incremented when a member is renamed, removed or changes its meaning


class EvidenceDocument(msgspec.Struct, kw_only=True):
    """What was observed of one session.

    Attributes:
        observations: by aspect; the value of each has the shape that `model.Aspect` names.
    """

    session: str
    target: str
    observations: dict[str, dict[str, Any]]
    events: list[dict[str, Any]]
    took: float


class DiagnosisDocument(msgspec.Struct, kw_only=True):
    """One session, judged.

    Attributes:
        causes: ids of the causes that were found, the root cause first.
        findings: the root cause first.
        checks: one result for each check that was judged; its finding, if any, is the one in `findings` of that check.
    """

    session: str
    target: str
    mode: Mode
    language: Language
    verdict: Verdict
    simulated: bool
    headline: str
    judged_at: datetime
    causes: list[str]
    findings: list[Finding]
    checks: list[CheckResult]
    evidence: EvidenceDocument | None


class RunDocument(msgspec.Struct, kw_only=True):
    """One run.

    Attributes:
        version: of this form.
        suite: name and version of what wrote it.
        complete: every session was looked at; False where the run was stopped.
        stopped_by: the signal that stopped it, "" where none did.
        unfinished: names of the sessions that were not looked at.
        counts: sessions by verdict.
        exit_code: of the run.
    """

    version: int
    suite: str
    started_at: datetime
    ended_at: datetime
    complete: bool
    stopped_by: str
    unfinished: list[str]
    counts: dict[str, int]
    exit_code: int
    sessions: list[DiagnosisDocument]


def of_evidence(evidence: Evidence) -> dict[str, Any]:
    """Evidence as a document. `exchange.from_plain` makes the same evidence of it."""
    plain: dict[str, Any] = msgspec.to_builtins(evidence)
    for seen in plain["observations"].values():
        del seen["aspect"]  # it is the key
    return plain


def of_finding(finding: Finding) -> dict[str, Any]:
    """A finding as a document."""
    plain: dict[str, Any] = msgspec.to_builtins(finding)
    return plain


def of_diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    """A diagnosis as a document, with its evidence. Redact the diagnosis first."""
    plain: dict[str, Any] = msgspec.to_builtins(diagnosis)
    checks = plain.pop("results")
    for each in checks:
        del each["finding"]  # it is among the findings, under the same check
    plain["checks"] = checks
    plain["causes"] = list(dict.fromkeys(finding.cause for finding in diagnosis.findings))
    plain["evidence"] = None if diagnosis.evidence is None else of_evidence(diagnosis.evidence)
    return plain


def of_run(
    sessions: Sequence[dict[str, Any]],
    *,
    suite: str,
    started_at: datetime,
    ended_at: datetime,
    stopped_by: str,
    unfinished: Sequence[str],
    exit_code: int,
) -> dict[str, Any]:
    """A run as a document.

    Args:
        sessions: documents of its diagnoses.
    """
    counts = dict.fromkeys((str(verdict) for verdict in Verdict), 0)
    for each in sessions:
        counts[each["verdict"]] += 1
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "version": VERSION,
            "suite": suite,
            "started_at": started_at,
            "ended_at": ended_at,
            "complete": not unfinished,
            "stopped_by": stopped_by,
            "unfinished": list(unfinished),
            "counts": counts,
            "exit_code": exit_code,
            "sessions": list(sessions),
        }
    )
    return plain


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a run's document; `#/$defs/DiagnosisDocument` is that of one line of NDJSON."""
    made = msgspec.json.schema(RunDocument)
    del made["$defs"]["CheckResult"]["properties"]["finding"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of whatsapp-diagnostics",
        **made,
    }
