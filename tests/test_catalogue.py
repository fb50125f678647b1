"""The texts for people, in both languages, and the table of reconnects."""

from __future__ import annotations

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.catalogue import (
    CAUSE_BY_ID,
    CAUSES,
    CHECK_BY_ID,
    FOUND_BY,
    KNOWN,
    PHRASES,
    RECONNECT,
    Action,
    Words,
    reconnect_for,
    sentence,
    words,
)
from diagnostics.catalogue.texts import TEXTS
from diagnostics.model import Language, Severity, Verdict

EN, ID = Language.ENGLISH, Language.INDONESIAN
FACTS = {
    "session",
    "detail",
    "code",
    "reason",
    "at",
    "expires",
    "prekeys",
    "times",
    "what",
    "rerun",
    "rerun_loudly",
    "rerun_longer",
    "pair",
    "variable",
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def commands(step: str) -> list[str]:
    """The texts in backquotes."""
    assert step.count("`") in (0, 2), step
    return step.split("`")[1::2]


def texts(said: Words) -> list[str]:
    return [said.claim, said.why, *said.remedy, said.headline, said.brief]


def test_every_cause_has_words_in_both_languages_and_nothing_else_has():
    assert set(TEXTS[EN]) == set(TEXTS[ID]) == set(CAUSE_BY_ID)
    assert set(CAUSE_BY_ID) == {cause.id for cause in (*CAUSES, *KNOWN)}
    assert len(CAUSE_BY_ID) == len(CAUSES) + len(KNOWN)
    assert set(FOUND_BY) == set(CHECK_BY_ID)


@pytest.mark.parametrize("cause", CAUSE_BY_ID)
def test_the_texts_of_a_cause_have_the_same_fields_and_commands_in_both_languages(cause):
    english, indonesian = words(cause, EN), words(cause, ID)
    assert fields(english.claim) == fields(indonesian.claim) <= FACTS
    assert fields(english.why) == fields(indonesian.why) <= FACTS
    assert [fields(step) for step in english.remedy] == [fields(step) for step in indonesian.remedy]
    assert [commands(step) for step in english.remedy] == [commands(step) for step in indonesian.remedy]
    assert len(english.unknown_to_simulator) == len(indonesian.unknown_to_simulator)
    for said in (english, indonesian):
        assert said.remedy
        assert all(text.strip() and not text.endswith(".") for text in texts(said))
        assert not fields(said.headline) | fields(said.brief)
        assert len(said.brief) <= 45
        assert ":" not in said.brief
    assert english.why != indonesian.why


def test_the_other_phrases_have_the_same_fields_in_both_languages():
    for name in PHRASES[EN].__dataclass_fields__:
        english, indonesian = getattr(PHRASES[EN], name), getattr(PHRASES[ID], name)
        if isinstance(english, str):
            assert fields(english) == fields(indonesian), name
        assert english != indonesian, name
    for said in PHRASES.values():
        assert set(said.titles) == set(CHECK_BY_ID)
        assert set(said.verdicts) == set(Verdict)
        assert set(said.severities) == set(Severity)


def test_the_sentence_is_the_guides_error_word_for_word():
    assert sentence("testing", "socket-unknown") == (
        "Session 'testing' is not in a healthy condition: WebSocket state unknown"
    )
    for cause in ("socket-unknown", "socket-unknown-unusable"):
        assert sentence("testing", cause, ID) == (
            "Session 'testing' tidak dalam kondisi sehat: WebSocket state unknown"
        )


def test_a_healthy_session_and_one_of_unknown_condition_have_sentences_of_their_own():
    assert sentence("a", None) == "Session 'a' is in a healthy condition"
    assert sentence("a", None, ID) == "Session 'a' dalam kondisi sehat"
    assert sentence("a", "probe-timeout").startswith("It is not known whether session 'a' is in a healthy condition: ")


def test_codes_that_an_account_or_another_client_decided_are_never_retried():
    for code in (401, 402, 403, 405, 406, 409, 411, 440):
        assert reconnect_for(code).action is Action.NEVER, code
    assert [row.code for row in RECONNECT if row.until_end] == [402]


@pytest.mark.parametrize(
    ("code", "reason", "action", "name"),
    [
        (408, "", Action.BACKOFF, "timedOut"),
        (408, "QR refs attempts ended", Action.NEVER, "qr-expired"),
        (428, "", Action.BACKOFF, "connectionClosed"),
        (500, "", Action.ONCE, "badSession"),
        (503, "", Action.BACKOFF, "unavailableService"),
        (515, "", Action.AT_ONCE, "restartRequired"),
        (400, "", Action.ONCE, "generic"),
        (599, "surprise", Action.ONCE, "surprise"),
        (599, "", Action.ONCE, "unknown"),
        (None, "zombie", Action.AT_ONCE, "zombie"),
        (None, "first-connect-failed", Action.BACKOFF, "first-connect-failed"),
        (None, "read tcp: connection reset by peer", Action.BACKOFF, "connection-lost"),
        (None, "replaced", Action.NEVER, "connectionReplaced"),
        (None, "device_removed", Action.NEVER, "loggedOut"),
        (440, "qr refs attempts ended", Action.NEVER, "connectionReplaced"),
    ],
)
def test_the_action_for_a_lost_connection_follows_from_its_reason(code, reason, action, name):
    found = reconnect_for(code, reason)
    assert (found.action, found.name) == (action, name)


def test_the_table_has_one_row_for_each_code_and_says_why_in_both_languages():
    codes = [row.code for row in RECONNECT if row.code is not None]
    assert len(set(codes)) == len(codes)
    for row in (*RECONNECT, reconnect_for(599)):
        assert row.why(EN) != row.why(ID)
        assert row.cause in CAUSE_BY_ID


@given(st.none() | st.integers(), st.text())
def test_every_code_and_reason_has_an_action(code, reason):
    found = reconnect_for(code, reason)
    assert found.why()
    assert found.code == code or code is None or found.name == "qr-expired"
