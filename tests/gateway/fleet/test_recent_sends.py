"""What the gateway's own last messages say about a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from diagnostics.evidence.request import Request
from diagnostics.gateway.fleet.recent_sends import LAST, RECENT, RecentSends
from diagnostics.judging.judge import judge
from diagnostics.model import Aspect, Evidence, Mode, Observation, Sent
from diagnostics.neonize import client_log

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OK = Sent(acknowledged=True, message_id="3EB0")
REFUSED = {
    "reachout-timelock": Sent(acknowledged=False, code=463, error="server returned error 463"),
    "rate-limited": Sent(acknowledged=False, code=429, error="server returned error 429"),
    "send-refused": Sent(acknowledged=False, code=500, stage="send", error="info query returned status 500"),
    "ack-missing": Sent(acknowledged=False, error="timed out waiting for message send response"),
    "send-failed": Sent(acknowledged=False, stage="send", error="no such table: whatsmeow_sessions"),
}


def after(*sends, kind="text", now=NOW):
    """The outcome after these messages, one a second until now."""
    recent = RecentSends()
    for ago, sent in zip(reversed(range(len(sends))), sends, strict=True):
        recent.note("testing", kind, sent, NOW - timedelta(seconds=ago))
    return recent.outcome("testing", kind, now)


def cause(outcome):
    seen = Observation(Aspect.TEXT, outcome.at, outcome.sent)
    request = Request("testing", frozenset({Aspect.TEXT}), 1.0)
    evidence = Evidence(request.session, "gateway", {Aspect.TEXT: seen})
    (finding,) = [each for each in judge(evidence, mode=Mode.STRICT, now=NOW).findings if each.check == "send.text"]
    return finding.cause


@pytest.mark.parametrize("expected", REFUSED)
def test_failures_alone_have_the_cause_of_the_last_one(expected):
    outcome = after(REFUSED[expected], REFUSED[expected], REFUSED[expected])
    assert cause(outcome) == expected
    assert outcome.sent.error == f"3 of the gateway's last 3 failed, the last with: {REFUSED[expected].error}"


def test_one_failure_and_a_mixture_are_warnings_until_three_fail_in_a_row():
    refused = REFUSED["reachout-timelock"]
    assert cause(after(refused)) == "sends-failing"
    assert cause(after(refused, OK, refused, refused)) == "sends-failing"
    assert cause(after(refused, OK, refused, refused, refused)) == "reachout-timelock"
    assert after(OK, refused).sent.error.startswith("1 of the gateway's last 2 failed")


def test_one_success_clears_all_failures_before_it():
    assert after(*REFUSED.values(), OK).sent is OK


def test_old_messages_say_nothing():
    assert after(*[OK] * 3, now=NOW + RECENT + timedelta(seconds=1)) is None
    assert after() is None


def test_only_the_last_messages_count():
    refused = REFUSED["rate-limited"]
    assert cause(after(OK, *[refused] * LAST)) == "rate-limited"


def test_a_crash_counts_by_itself():
    crash = Sent(acknowledged=False, stage="crash", error="the worker died of SIGABRT")
    assert cause(after(OK, crash)) == "client-crashes"


def test_texts_say_nothing_about_images():
    recent = RecentSends()
    recent.note("testing", "text", OK, NOW)
    assert recent.outcome("testing", "image", NOW) is None
    recent.forget("testing")
    assert recent.outcome("testing", "text", NOW) is None


def test_messages_that_wait_long_for_their_acknowledgement_count_as_failed_until_it_comes():
    recent = RecentSends()
    for ticket in ("t-1", "t-2"):
        recent.begin("testing", "text", ticket, NOW)
        recent.heard("testing", client_log.HANDED)
    assert recent.outcome("testing", "text", NOW + timedelta(seconds=14)) is None
    assert cause(recent.outcome("testing", "text", NOW + timedelta(seconds=16))) == "ack-missing"
    recent.end("testing", "text", "t-1")
    recent.end("testing", "text", "t-2")
    assert recent.outcome("testing", "text", NOW + timedelta(seconds=16)) is None


def test_an_image_that_waits_is_at_the_stage_that_its_client_said_last():
    recent = RecentSends()
    for ticket in ("t-1", "t-2"):
        recent.begin("testing", "image", ticket, NOW, verified=True)
    late = NOW + timedelta(seconds=61)
    for event, expected in (
        ("", "media-upload-failed"),
        ("uploaded", "media-unreadable"),
        ("fetched", "question-unanswered"),
        (client_log.HANDED, "ack-missing"),
    ):
        for _ in range(2):
            recent.heard("testing", event)
        assert cause(recent.outcome("testing", "image", late)) == expected


def test_an_event_is_about_the_message_that_waits_longest_for_it():
    recent = RecentSends()
    recent.begin("testing", "text", "t-1", NOW)
    recent.begin("testing", "text", "t-2", NOW + timedelta(seconds=1))
    recent.heard("testing", client_log.HANDED)
    assert [recent.stage("testing", "text", ticket) for ticket in ("t-1", "t-2")] == ["ack", "question"]
