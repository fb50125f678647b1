"""The catalogue: every check, every cause, and what to do about a lost connection, each defined once.

The judge decides *which* cause applies; the catalogue says what it means: id, severity, and the texts for people.
Probes, reports, the gateway and the documentation all read from here, so each sentence is changed in one place.

checks.py       the checks, and what each needs to be observed
causes.py       why a check does not pass: severity and consequences
english_session.py, english_connection.py, and the same in indonesian_*.py: the texts of these causes
log_causes.py, indonesian_log_causes.py causes that appear in logs and that no check measures, with their texts
texts.py        all of these texts by language
phrases.py      the other texts: verdicts, titles of checks, sentences of the judge
signs.py        how the causes appear in the logs of other projects
steps.py        from a remedy's template to its steps and commands
reconnect.py    whether to reconnect, by WhatsApp's reason
"""

from __future__ import annotations

from diagnostics.catalogue.causes import CAUSES, FOUND_BY, Cause
from diagnostics.catalogue.checks import CHECK_BY_ID, CHECK_ORDER, CHECKS, Check, with_upstream
from diagnostics.catalogue.log_causes import KNOWN
from diagnostics.catalogue.phrases import PHRASES, Phrases
from diagnostics.catalogue.reconnect import RECONNECT, Action, Reconnect, reconnect_for
from diagnostics.catalogue.signs import LABELLED, SIGNS, Labelled, Sign
from diagnostics.catalogue.steps import again, plain, steps
from diagnostics.catalogue.texts import TEXTS
from diagnostics.catalogue.words import Words
from diagnostics.model import Language, Severity

CAUSE_BY_ID = {cause.id: cause for cause in (*CAUSES, *KNOWN)}


def words(cause_id: str, language: Language = Language.ENGLISH) -> Words:
    """The texts of a cause."""
    return TEXTS[language][cause_id]


def sentence(session: str, cause_id: str | None, language: Language = Language.ENGLISH) -> str:
    """The condition of a session, in the one sentence of the troubleshooting guide.

    Args:
        session: its name.
        cause_id: the root cause; None only for a session whose verdict is healthy.

    >>> sentence("testing", "socket-unknown", Language.INDONESIAN)
    "Session 'testing' tidak dalam kondisi sehat: WebSocket state unknown"
    """
    say = PHRASES[language]
    if cause_id is None:
        return say.healthy.format(session=session)
    known = CAUSE_BY_ID[cause_id].permissive is not Severity.UNKNOWN
    return (say.sick if known else say.unsure).format(session=session, brief=words(cause_id, language).brief)


__all__ = [
    "CAUSES",
    "CAUSE_BY_ID",
    "CHECKS",
    "CHECK_BY_ID",
    "CHECK_ORDER",
    "FOUND_BY",
    "KNOWN",
    "LABELLED",
    "PHRASES",
    "RECONNECT",
    "SIGNS",
    "Action",
    "Cause",
    "Check",
    "Labelled",
    "Phrases",
    "Reconnect",
    "Sign",
    "Words",
    "again",
    "plain",
    "reconnect_for",
    "sentence",
    "steps",
    "with_upstream",
    "words",
]
