"""What the page says about one session. Pure: a view and its diagnosis in, words out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from diagnostics.catalogue import PHRASES
from diagnostics.gateway.contract import Phase, SessionView
from diagnostics.gateway.web.health_documents import reconnecting_words
from diagnostics.gateway.web.page.page_words import PHASES, WORDS
from diagnostics.model import Diagnosis, Disconnect, Finding, Language, Outcome, Verdict
from diagnostics.reporting.ranking import SIGNS

SICK_FIRST = (Verdict.UNHEALTHY, Verdict.UNKNOWN, Verdict.DEGRADED, Verdict.HEALTHY)  # page.js sorts like this, too


@dataclass(frozen=True, slots=True)
class Card:
    """One session on the page, in the reader's language.

    Attributes:
        name: for addresses, as the session is really called; `shown` is what a person reads.
        key: what its elements' ids end in.
        finding: the root cause, None for a healthy session.
        facts: label and value, in the order in which they are shown.
        checks: outcome, check and note of each check that was asked.
        linkable: a QR code can be shown.
        version: differs whenever something that is shown differs.
    """

    name: str
    shown: str
    key: str
    verdict: Verdict
    verdict_word: str
    sign: str
    phase: str
    headline: str
    finding: Finding | None
    facts: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, str, str], ...]
    linkable: bool
    linked_before: bool
    version: str

    @property
    def healthy(self) -> bool:
        return self.verdict is Verdict.HEALTHY


def session_card(name: str, view: SessionView, diagnosis: Diagnosis, language: Language) -> Card:
    """A session's card; view and diagnosis are masked already, and the diagnosis speaks the same language."""
    finding = diagnosis.root
    words = WORDS[language]
    plan = view.reconnecting
    due = words["next_at"].format(at=f"{plan.next_at:%H:%M:%S}") if plan.next_at else ""
    labelled = (
        (words["reconnecting"], "; ".join(filter(None, [reconnecting_words(plan, language), due]))),
        (words["last_connected"], _time(view.last_connected) or words["never"]),
        (words["last_disconnect"], _lost(view.last_disconnect)),
    )
    facts = tuple((label, value) for label, value in labelled if value)
    asked = tuple((r.outcome, r.check, r.note) for r in diagnosis.results if r.outcome is not Outcome.SKIPPED)
    shown = (
        language,
        diagnosis.headline,
        view.phase,
        finding,
        facts,
        [(outcome, check) for outcome, check, _ in asked],
    )
    return Card(
        name=name,
        shown=diagnosis.session,
        key=key(name),
        verdict=diagnosis.verdict,
        verdict_word=PHRASES[language].verdicts[diagnosis.verdict],
        sign=SIGNS[diagnosis.verdict],
        phase=PHASES[language][view.phase],
        headline=diagnosis.headline,
        finding=finding,
        facts=facts,
        checks=asked,
        linkable=view.phase is Phase.PAIRING or (view.phase is Phase.STOPPED and not view.jid),
        linked_before=view.last_connected is not None,
        version=digest(repr(shown)),
    )


def sick_first(cards: Iterable[Card]) -> list[Card]:
    """The cards in the order of the page: what needs a person comes first."""
    return sorted(cards, key=lambda card: (SICK_FIRST.index(card.verdict), card.name))


def counts(cards: Sequence[Card], language: Language) -> list[tuple[str, str, str, int]]:
    """Verdict, sign, word and number of cards for each verdict that there is."""
    numbers = [(verdict, sum(card.verdict is verdict for card in cards)) for verdict in SICK_FIRST]
    words = PHRASES[language].verdicts
    return [(str(verdict), SIGNS[verdict], words[verdict], number) for verdict, number in numbers if number]


def key(name: str) -> str:
    """A session's name as part of an element's id: names have dots, which selectors take for classes."""
    return digest(name)


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _lost(lost: Disconnect | None) -> str:
    if lost is None:
        return ""
    what = " ".join(filter(None, [str(lost.code or ""), lost.reason]))
    return f"{_time(lost.at)} ({what})"


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
