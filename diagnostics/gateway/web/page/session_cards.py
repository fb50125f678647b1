"""What the page says about one session. Pure: a view and its diagnosis in, words out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from diagnostics.catalogue import PHRASES, Action
from diagnostics.gateway.contract import Phase, SessionView
from diagnostics.gateway.web.health_documents import reconnecting_words
from diagnostics.gateway.web.page.page_words import PHASES, WORDS
from diagnostics.model import Diagnosis, Disconnect, Finding, Language, Outcome, Verdict
from diagnostics.reporting.ranking import SIGNS, WORST_FIRST


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
        harmful: why connecting again does harm, by the reconnect table; "" where it does none.
        version: differs whenever something that is shown differs.
    """

    name: str
    shown: str
    key: str
    verdict: str
    verdict_word: str
    sign: str
    phase: str
    headline: str
    finding: Finding | None
    facts: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, str, str], ...]
    linkable: bool
    harmful: str
    linked_before: bool
    version: str


def card(name: str, view: SessionView, diagnosis: Diagnosis, language: Language) -> Card:
    """A session's card; view and diagnosis are masked already, and the diagnosis speaks the same language."""
    finding = diagnosis.root
    words = WORDS[language]
    plan = view.reconnecting
    due = words["next_at"].format(at=f"{plan.next_at:%H:%M:%S}") if plan.next_at else ""
    told = (
        (words["reconnecting"], "; ".join(filter(None, [reconnecting_words(plan, language), due]))),
        (words["last_connected"], _time(view.last_connected) or words["never"]),
        (words["last_disconnect"], _lost(view.last_disconnect)),
    )
    facts = tuple((label, value) for label, value in told if value)
    asked = tuple((r.outcome, r.check, r.note) for r in diagnosis.results if r.outcome is not Outcome.SKIPPED)
    linkable = view.phase is Phase.PAIRING or (view.phase is Phase.STOPPED and not view.jid)
    harmful = reconnecting_words(plan, language) if plan.action == Action.NEVER and not linkable else ""
    shown = (
        language,
        diagnosis.headline,
        view.phase,
        finding,
        facts,
        harmful,
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
        linkable=linkable,
        harmful=harmful,
        linked_before=view.last_connected is not None,
        version=_digest(repr(shown)),
    )


@dataclass(frozen=True, slots=True)
class Board:
    """All cards of one page.

    Attributes:
        troubled: the worst first.
        healthy: in the order of their names.
        counts: sign, verdict, its word and how many sessions have it, the worst first; verdicts that none has are left
            out.
    """

    troubled: tuple[Card, ...]
    healthy: tuple[Card, ...]
    counts: tuple[tuple[str, str, str, int], ...]


def board(cards: Iterable[Card], language: Language) -> Board:
    """The cards in the order in which a reader wants them."""
    ordered = sorted(cards, key=lambda card: (WORST_FIRST.index(Verdict(card.verdict)), card.name))
    number = Counter(card.verdict for card in ordered)
    said = PHRASES[language].verdicts
    return Board(
        troubled=tuple(card for card in ordered if card.verdict != Verdict.HEALTHY),
        healthy=tuple(card for card in ordered if card.verdict == Verdict.HEALTHY),
        counts=tuple((SIGNS[each], str(each), said[each], number[each]) for each in WORST_FIRST if number[each]),
    )


def key(name: str) -> str:
    """A session's name as part of an element's id: names have dots, which selectors take for classes."""
    return _digest(name)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _lost(lost: Disconnect | None) -> str:
    if lost is None:
        return ""
    what = " ".join(filter(None, [str(lost.code or ""), lost.reason]))
    return f"{_time(lost.at)} ({what})"


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
