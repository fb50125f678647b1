"""What the page says about one session. Pure: a view and its diagnosis in, words out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from diagnostics.gateway.contract import Phase, SessionView
from diagnostics.gateway.web.page.words import PHASES, VERDICTS, WORDS
from diagnostics.model import Diagnosis, Finding, Language
from diagnostics.redact import printable, redact


@dataclass(frozen=True, slots=True)
class Card:
    """One session on the page; all text is redacted and in the reader's language.

    Attributes:
        verdict: as a class of the style sheet; `verdict_word` is what a person reads.
        finding: the root cause, None for a healthy session.
        facts: label and value, in the order in which they are shown.
        checks: outcome, check and note of each check that was asked.
        linkable: a QR code can be shown.
        version: differs when anything that is shown differs, times of observation apart.
    """

    session: str
    verdict: str
    verdict_word: str
    phase: str
    headline: str
    finding: Finding | None
    facts: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, str, str], ...]
    linkable: bool
    linked_before: bool
    version: str


def card(view: SessionView, diagnosis: Diagnosis, language: Language) -> Card:
    """The session as the page shows it; `diagnosis` is in the same language."""
    words = WORDS[language]
    finding = diagnosis.root
    asked = [result for result in diagnosis.results if result.outcome != "skipped"]
    facts = tuple((words[label], value) for label, value in _facts(view, words) if value)
    shown = (diagnosis.verdict, view.phase, diagnosis.headline, facts, [(r.check, r.outcome) for r in asked])
    return Card(
        session=view.evidence.session,
        verdict=diagnosis.verdict,
        verdict_word=VERDICTS[language][diagnosis.verdict],
        phase=PHASES[language][view.phase],
        headline=_clean(diagnosis.headline),
        finding=finding and _redacted(finding),
        facts=facts,
        checks=tuple((r.outcome, r.check, _clean(r.note)) for r in asked),
        linkable=view.phase is Phase.PAIRING or (view.phase is Phase.STOPPED and not view.jid),
        linked_before=view.last_connected is not None,
        version=hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest(),
    )


def _facts(view: SessionView, words: dict[str, str] | object) -> list[tuple[str, str]]:
    lost, again = view.last_disconnect, view.reconnecting
    last = "" if lost is None else f"{_time(lost.at)} ({' '.join(filter(None, [str(lost.code or ''), lost.reason]))})"
    return [
        ("reconnecting", _clean(again.why)),
        ("last_connected", _time(view.last_connected)),
        ("last_disconnect", _clean(last)),
    ]


def _redacted(finding: Finding) -> Finding:
    return Finding(
        check=finding.check,
        cause=finding.cause,
        severity=finding.severity,
        claim=_clean(finding.claim),
        measured=_clean(finding.measured),
        why=_clean(finding.why),
        remedy=tuple(_clean(step) for step in finding.remedy),
    )


def _clean(text: str) -> str:
    return printable(redact(text))


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
