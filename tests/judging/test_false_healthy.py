"""What must never end as healthy, and what is only unknown though nothing is wrong that was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.judging.judge import AHEAD, OLD, judge
from diagnostics.model import Absence, Aspect, Mode, Outcome, Sent, SocketState, StoreFacts, Verdict
from tests.evidence_samples import HEALTHY, NOW, evidence, lost

NO_SENDS = {"text": Absence.NOT_ASKED, "image": Absence.NOT_ASKED}


def judged(mode: Mode = Mode.PERMISSIVE, checks: list[str] | None = None, **values: Any):
    return judge(evidence(**values), mode=mode, now=NOW, checks=checks)


DAY = timedelta(days=1)


@pytest.mark.parametrize("age", [OLD + timedelta(seconds=1), DAY, 3650 * DAY, -DAY])
def test_evidence_that_is_not_of_now_is_unknown_whatever_it_says(age):
    for mode in Mode:
        diagnosis = judge(evidence(), mode=mode, now=NOW + age)
        assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, "evidence-stale")


@pytest.mark.parametrize("age", [timedelta(0), OLD, -AHEAD])
def test_evidence_of_clocks_that_nearly_agree_is_believed(age):
    assert judge(evidence(), mode=Mode.STRICT, now=NOW + age).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("code", "cause"), [(401, "questions-refused"), (None, "questions-refused"), (429, "rate-limited")]
)
def test_an_error_is_an_answer_and_no_proof(code, cause):
    whole = evidence(round_trip=Absence.ERROR, **NO_SENDS)
    refused = replace(whole.observations[Aspect.ROUND_TRIP], code=code)
    whole = replace(whole, observations={**whole.observations, Aspect.ROUND_TRIP: refused})
    diagnosis = judge(whole, mode=Mode.PERMISSIVE, now=NOW)
    assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNHEALTHY, cause)


def test_what_the_server_refuses_does_not_count_against_messages_that_it_acknowledges():
    assert judged(round_trip=Absence.ERROR).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("sent", "cause", "verdict"),
    [
        (Sent(True, devices=0), "message-unreadable", Verdict.UNKNOWN),
        (Sent(True, devices=0, code=500), "questions-refused", Verdict.UNHEALTHY),
        (Sent(True, devices=0, code=429), "rate-limited", Verdict.UNHEALTHY),
        (Sent(False, reason="rate-overlimit"), "rate-limited", Verdict.UNHEALTHY),
        (Sent(False, stage="question", reason="missing <list> element"), "questions-refused", Verdict.UNHEALTHY),
        (Sent(False, reason="not-allowed"), "send-refused", Verdict.UNHEALTHY),
        (Sent(False, code=7), "send-refused", Verdict.UNHEALTHY),
        (Sent(False, code=10001), "send-refused", Verdict.UNHEALTHY),
        (Sent(False, stage="question"), "question-unanswered", Verdict.UNHEALTHY),
        (Sent(False, stage="question", code=429), "rate-limited", Verdict.UNHEALTHY),
        (Sent(False, stage="recipient", error="no LID found"), "recipient-invalid", Verdict.UNKNOWN),
    ],
)
def test_a_text_that_nobody_can_read_is_not_sent(sent, cause, verdict):
    diagnosis = judged(text=sent, image=Absence.BLOCKED)
    assert (diagnosis.root.cause, diagnosis.verdict) == (cause, verdict)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("code", [None, 503])
def test_outages_that_passed_are_not_the_cause_of_a_refusal_and_come_after_it(mode, code):
    outages = replace(lost(code, "stream error"), permanent=False, times=2)
    diagnosis = judged(mode, disconnect=outages, text=Sent(False, code=463), image=Absence.BLOCKED)
    assert [each.cause for each in diagnosis.findings] == ["reachout-timelock", "connection-unstable"]


def test_outages_after_which_the_server_does_not_answer_are_the_cause_though_messages_were_acknowledged():
    outages = replace(lost(None, "connection lost"), permanent=False, times=3)
    diagnosis = judged(disconnect=outages, round_trip=Absence.UNREACHABLE)
    assert (diagnosis.root.cause, diagnosis.verdict) == ("connection-dropping", Verdict.UNHEALTHY)


def test_what_the_server_refuses_does_not_hide_the_refusal_of_a_message_that_it_took():
    diagnosis = judged(round_trip=Absence.ERROR, text=Sent(False, code=463), image=Absence.BLOCKED)
    assert diagnosis.root.cause == "reachout-timelock"


def test_an_image_that_cannot_be_downloaded_again_is_not_sent():
    diagnosis = judged(image=Sent(False, stage="download", error="download failed with status code 404"))
    assert (diagnosis.root.cause, diagnosis.verdict) == ("media-unreadable", Verdict.UNHEALTHY)


def test_a_full_run_is_never_unknown_without_a_check_that_fails():
    """A gateway that tells only that a session exists, is authenticated and OPEN."""
    untold = dict.fromkeys(("store", "disconnect", "round_trip", "send_available"), Absence.UNTOLD)
    for mode in Mode:
        diagnosis = judged(mode, **untold, **NO_SENDS)
        assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, "not-proven")
        assert diagnosis.result("session.responds").outcome is Outcome.UNKNOWN
        assert any("--send-to" in step.command for step in diagnosis.root.remedy)


def test_a_warning_does_not_hide_that_nothing_is_proven():
    low = StoreFacts(intact=True, prekeys=2, prekeys_total=2, devices=1)
    diagnosis = judged(store=low, round_trip=Absence.UNTOLD, **NO_SENDS)
    assert [finding.cause for finding in diagnosis.findings] == ["not-proven", "prekeys-low"]
    assert diagnosis.verdict is Verdict.UNKNOWN


def test_a_message_proves_what_a_gateway_cannot_tell():
    untold = dict.fromkeys(("store", "disconnect", "round_trip", "send_available"), Absence.UNTOLD)
    assert judged(Mode.STRICT, **untold).verdict is Verdict.HEALTHY


def test_a_run_of_some_checks_may_end_unknown_without_a_finding():
    diagnosis = judged(checks=["session.exists", "store.intact"])
    assert (diagnosis.verdict, diagnosis.findings) == (Verdict.UNKNOWN, ())


def test_a_defect_of_a_store_that_was_only_read_improves_nothing():
    low = StoreFacts(intact=True, prekeys=2, prekeys_total=2, devices=1)
    assert judged(store=low).verdict is Verdict.DEGRADED
    read = judged(store=low, checks=["session.exists", "store.intact", "session.authenticated"])
    assert (read.verdict, [finding.cause for finding in read.findings]) == (Verdict.UNKNOWN, ["prekeys-low"])


@pytest.mark.parametrize("code", [401, 500, 503, 515, 599])
def test_a_code_after_every_login_is_named_though_questions_are_answered_between(code):
    again = lost(code, "stream error", times=4)
    for mode in Mode:
        diagnosis = judged(mode, disconnect=again, **NO_SENDS)
        assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNHEALTHY, "connection-refused")
        assert str(code) in diagnosis.root.claim


def test_a_connection_that_is_lost_again_and_again_is_a_warning_while_messages_go_out():
    dropping = lost(None, "connection lost", times=4)
    assert judged(disconnect=dropping).root.cause == "connection-unstable"
    assert judged(disconnect=dropping).verdict is Verdict.DEGRADED
    refused = judged(disconnect=dropping, text=Sent(False, stage="send"), image=Absence.BLOCKED)
    assert (refused.root.cause, refused.verdict) == ("connection-dropping", Verdict.UNHEALTHY)


@pytest.mark.parametrize("step", ["dial", "handshake"])
def test_a_step_of_connecting_without_an_answer_is_the_networks(step):
    stalled = lost(None, "the websocket to WhatsApp was not opened within 2.0 s", step=step)
    diagnosis = judged(disconnect=stalled, socket=SocketState.CONNECTING, round_trip=Absence.BLOCKED, **NO_SENDS)
    assert (diagnosis.root.cause, diagnosis.verdict) == ("whatsapp-unreachable", Verdict.UNHEALTHY)
    assert "within 2.0 s" in diagnosis.root.claim


def test_nothing_but_whole_and_fresh_evidence_is_healthy():
    """Each aspect that decides, absent for any reason: never healthy without a message, never healthy in a full run."""
    for aspect in (Aspect.SOCKET, Aspect.ROUND_TRIP, Aspect.SEND_AVAILABLE, Aspect.AUTHENTICATED):
        for absence in Absence:
            diagnosis = judged(**{aspect.name.lower(): absence, **NO_SENDS})
            assert diagnosis.verdict is not Verdict.HEALTHY, (aspect, absence)
            failed = {result.outcome for result in diagnosis.results} & {Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN}
            assert failed, (aspect, absence)
    assert set(HEALTHY) == set(Aspect)
    assert len(CHECK_BY_ID) == 10
