"""Judging evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.catalogue import CHECKS, FOUND_BY, with_upstream, words
from diagnostics.judging.judge import judge, standing
from diagnostics.model import Absence, Aspect, Language, Mode, Outcome, Sent, SocketState, StoreFacts, Verdict
from tests.evidence_samples import HEALTHY, NOW, blocked_after, evidence, lost

P, S = Mode.PERMISSIVE, Mode.STRICT
HEALTHY_, DEGRADED, UNHEALTHY, UNKNOWN = Verdict.HEALTHY, Verdict.DEGRADED, Verdict.UNHEALTHY, Verdict.UNKNOWN
REFUSED = Sent(acknowledged=False, code=463, error="server returned error 463")
NO_SENDS = {"text": Absence.NOT_ASKED, "image": Absence.NOT_ASKED}


NOT_CONNECTED = {
    "disconnect": Absence.NOT_ASKED,
    "round_trip": Absence.NOT_ASKED,
    "send_available": Absence.NOT_ASKED,
    **NO_SENDS,
}


def judged(mode: Mode = P, checks: list[str] | None = None, **values: Any):
    return judge(evidence(**values), mode=mode, now=NOW, checks=checks)


# The table of socket states of the design: state, functional, verdict in permissive and in strict mode.
@pytest.mark.parametrize(
    ("state", "functional", "permissive", "strict", "cause"),
    [
        (SocketState.CONNECTING, True, DEGRADED, UNHEALTHY, "socket-connecting"),
        (SocketState.OPEN, True, HEALTHY_, HEALTHY_, None),
        (SocketState.CLOSING, True, DEGRADED, UNHEALTHY, "socket-closing"),
        (SocketState.CLOSED, True, UNHEALTHY, UNHEALTHY, "socket-closed"),
        (SocketState.UNKNOWN, True, DEGRADED, UNHEALTHY, "socket-unknown"),
        (SocketState.UNKNOWN, False, UNHEALTHY, UNHEALTHY, "socket-unknown-unusable"),
        (SocketState.ABSENT, True, DEGRADED, UNHEALTHY, "socket-absent"),
        (SocketState.ABSENT, False, UNHEALTHY, UNHEALTHY, "socket-absent-unusable"),
    ],
)
def test_socket_states_are_judged_by_the_table_of_the_design(state, functional, permissive, strict, cause):
    values: dict[str, Any] = {"socket": state}
    if not functional:
        values |= {"send_available": Absence.NOT_ASKED, **NO_SENDS}
    for mode, verdict in ((P, permissive), (S, strict)):
        diagnosis = judged(mode, **values)
        assert diagnosis.verdict is verdict
        assert (diagnosis.root and diagnosis.root.cause) == cause


@pytest.mark.parametrize(
    ("values", "cause", "check"),
    [
        ({"exists": False, **blocked_after(Aspect.EXISTS)}, "session-missing", "session.exists"),
        ({"store": StoreFacts(intact=False, problem="page 3 is torn")}, "store-damaged", "store.intact"),
        ({"authenticated": False, **blocked_after(Aspect.AUTHENTICATED)}, "not-paired", "session.authenticated"),
        (
            {"disconnect": lost(401, "device_removed"), "authenticated": False},
            "device-removed",
            "session.authenticated",
        ),
        ({"disconnect": lost(403, "locked")}, "account-locked", "session.authenticated"),
        ({"disconnect": lost(406, "banned")}, "account-locked", "session.authenticated"),
        ({"disconnect": lost(402, "101"), "socket": SocketState.CLOSED}, "temporarily-banned", "connection.accepted"),
        ({"disconnect": lost(405, "outdated")}, "client-outdated", "connection.accepted"),
        ({"disconnect": lost(440, "replaced")}, "stream-replaced", "connection.accepted"),
        ({"disconnect": lost(503, "unavailable")}, "connection-refused", "connection.accepted"),
        ({"disconnect": lost(418, "")}, "connection-refused", "connection.accepted"),
        (
            {"disconnect": lost(None, "dial tcp: refused", permanent=True)},
            "whatsapp-unreachable",
            "connection.accepted",
        ),
        ({"disconnect": lost(None, "connection lost"), "socket": SocketState.CLOSED}, "socket-closed", "socket.state"),
        ({"round_trip": Absence.TIMEOUT, **blocked_after(Aspect.ROUND_TRIP)}, "zombie", "session.responds"),
        ({"round_trip": Absence.UNREACHABLE}, "zombie", "session.responds"),
        ({"send_available": False}, "send-missing", "send.available"),
        ({"text": REFUSED, "image": Absence.BLOCKED}, "reachout-timelock", "send.text"),
        ({"text": Sent(False, code=479, error="479")}, "send-refused", "send.text"),
        ({"text": Sent(False, error="no acknowledgement within 5.0 s")}, "ack-missing", "send.text"),
        ({"text": Sent(False, stage="send", error="no such recipient")}, "send-failed", "send.text"),
        (
            {"image": Sent(False, code=500, stage="upload", error="status code 500")},
            "media-upload-failed",
            "send.image",
        ),
        ({"image": Sent(False, error="no acknowledgement")}, "ack-missing", "send.image"),
    ],
)
def test_what_blocks_sending_is_critical_in_both_modes_and_names_its_cause(values, cause, check):
    for mode in Mode:
        diagnosis = judged(mode, **values)
        assert diagnosis.verdict is UNHEALTHY
        assert (diagnosis.root.cause, diagnosis.root.check) == (cause, check)
        assert diagnosis.headline == words(cause).headline


def test_a_healthy_session_has_no_finding_and_passes_every_check_in_both_modes():
    for mode in Mode:
        diagnosis = judged(mode)
        assert diagnosis.findings == ()
        assert {r.outcome for r in diagnosis.results} == {Outcome.PASS}
        assert diagnosis.headline == "can send (text and image acknowledged by the server)"


def test_what_follows_from_the_root_cause_is_blocked_by_it_and_has_no_finding():
    diagnosis = judged(
        authenticated=False,
        disconnect=lost(401, "device_removed"),
        socket=SocketState.CLOSED,
        round_trip=Absence.BLOCKED,
        send_available=Absence.BLOCKED,
        text=Absence.BLOCKED,
        image=Absence.BLOCKED,
    )
    assert [f.cause for f in diagnosis.findings] == ["device-removed"]
    blocked = [r for r in diagnosis.results if r.outcome is Outcome.BLOCKED]
    assert {r.blocked_by for r in blocked} == {"session.authenticated"}
    assert [r.check for r in blocked] == [
        "connection.accepted",
        "socket.state",
        "session.responds",
        "send.available",
        "send.text",
        "send.image",
    ]


def test_a_connecting_socket_blocks_the_sends_without_calling_them_failed():
    diagnosis = judged(socket=SocketState.CONNECTING, **blocked_after(Aspect.SOCKET))
    assert diagnosis.result("socket.state").outcome is Outcome.WARN
    assert diagnosis.result("send.text").outcome is Outcome.BLOCKED
    assert diagnosis.result("send.text").blocked_by == "socket.state"


def test_an_unknown_socket_state_does_not_hide_the_refusal_that_explains_it():
    diagnosis = judged(socket=SocketState.UNKNOWN, text=REFUSED, image=Absence.BLOCKED)
    assert [f.cause for f in diagnosis.findings] == ["reachout-timelock", "socket-unknown-unusable"]


def test_an_unknown_state_is_functional_by_its_round_trip_when_nothing_may_be_sent():
    assert judged(socket=SocketState.UNKNOWN, **NO_SENDS).verdict is DEGRADED
    assert judged(socket=SocketState.UNKNOWN, round_trip=Absence.TIMEOUT, **NO_SENDS).verdict is UNHEALTHY


def test_a_zombie_shows_the_clients_state_and_the_missing_answer():
    root = judged(round_trip=Absence.TIMEOUT, **blocked_after(Aspect.ROUND_TRIP)).root
    assert "round_trip timeout" in root.claim
    assert root.measured == "raw socket"


def test_measured_is_empty_if_the_claim_already_says_it():
    root = judged(authenticated=False, **blocked_after(Aspect.AUTHENTICATED)).root
    assert "raw authenticated" in root.claim
    assert root.measured == ""


def test_an_unknown_state_is_not_functional_when_the_session_is_not_authenticated():
    assert judged(socket=SocketState.UNKNOWN, authenticated=False).root.cause == "not-paired"


@pytest.mark.parametrize(
    ("absence", "cause"),
    [
        (Absence.CRASHED, "probe-crashed"),
        (Absence.TIMEOUT, "probe-timeout"),
        (Absence.UNREACHABLE, "target-unreachable"),
    ],
)
def test_a_failed_probe_makes_the_verdict_unknown(absence, cause):
    for mode in Mode:
        diagnosis = judged(mode, send_available=absence, text=Absence.BLOCKED, image=Absence.BLOCKED)
        assert diagnosis.verdict is UNKNOWN
        assert diagnosis.root.cause == cause
        assert diagnosis.result("send.text").outcome is Outcome.BLOCKED
        assert diagnosis.result("send.available").blocked_by == "probe.completed"


def test_a_definite_finding_goes_before_a_later_failure_of_the_probe():
    diagnosis = judged(text=REFUSED, image=Absence.CRASHED)
    assert [f.cause for f in diagnosis.findings] == ["reachout-timelock", "probe-crashed"]
    assert diagnosis.verdict is UNHEALTHY


@pytest.mark.parametrize("aspect", list(HEALTHY))
def test_an_aspect_that_a_target_leaves_out_is_unknown_and_never_healthy(aspect):
    diagnosis = judged(**{aspect.name.lower(): ...})
    assert diagnosis.verdict is UNKNOWN
    assert diagnosis.root.cause == "not-observed"


def test_without_a_send_healthy_depends_on_the_round_trip_and_the_headline_says_so():
    diagnosis = judged(**NO_SENDS)
    assert diagnosis.verdict is HEALTHY_
    assert diagnosis.headline == "can send, as far as can be known without sending"
    assert diagnosis.result("send.text").outcome is Outcome.SKIPPED


def test_a_passive_look_is_unknown_because_a_store_does_not_show_whether_it_can_send():
    passive = dict.fromkeys(
        ("disconnect", "socket", "round_trip", "send_available", "text", "image"), Absence.NOT_ASKED
    )
    diagnosis = judged(**passive)
    assert (diagnosis.verdict, diagnosis.root.cause) == (UNKNOWN, "passive-look")
    assert diagnosis.result("session.authenticated").outcome is Outcome.PASS


def test_a_session_that_a_running_bot_holds_is_unknown_and_its_holder_is_named():
    held = dict.fromkeys(("disconnect", "socket", "round_trip", "send_available", "text", "image"), Absence.HELD)
    diagnosis = judged(**held)
    assert (diagnosis.verdict, diagnosis.root.cause) == (UNKNOWN, "held-elsewhere")
    assert len(diagnosis.findings) == 1


def test_checks_that_say_nothing_about_sending_never_make_a_session_healthy():
    diagnosis = judged(checks=["session.exists", "session.authenticated"])
    assert diagnosis.findings == ()
    assert diagnosis.verdict is UNKNOWN
    assert "checks were not" in diagnosis.headline


def test_selecting_one_check_judges_all_that_could_explain_it_but_never_adds_a_send():
    assert [c.id for c in with_upstream(["send.image"])] == [c.id for c in CHECKS if c.id != "send.text"]
    assert [c.id for c in with_upstream(["session.exists"])] == ["probe.completed", "session.exists"]


def test_a_selected_check_takes_over_the_finding_of_an_unselected_one_that_blocks_it():
    diagnosis = judged(exists=False, **blocked_after(Aspect.EXISTS), checks=["send.image"])
    assert standing(diagnosis, "send.image", {"send.image"}).outcome is Outcome.FAIL
    assert standing(diagnosis, "send.image", {"send.image"}).finding.cause == "session-missing"
    assert standing(diagnosis, "send.image", {"send.image", "session.exists"}).outcome is Outcome.BLOCKED


def test_a_check_that_was_not_tried_because_of_a_warning_stays_blocked_and_does_not_pass():
    diagnosis = judged(socket=SocketState.CONNECTING, **blocked_after(Aspect.SOCKET), checks=["send.text"])
    assert standing(diagnosis, "send.text", {"send.text"}).outcome is Outcome.BLOCKED


@pytest.mark.parametrize("absence", [a for a in Absence if a is not Absence.NOT_ASKED])
def test_a_target_that_could_not_be_observed_is_unknown_and_never_unhealthy(absence):
    for mode in Mode:
        diagnosis = judged(mode, **dict.fromkeys((a.name.lower() for a in HEALTHY), absence))
        assert diagnosis.verdict is UNKNOWN


def test_a_store_of_several_sessions_asks_which_one_is_meant():
    several = StoreFacts(intact=True, devices=2)
    diagnosis = judged(exists=False, store=several, **blocked_after(Aspect.STORE))
    assert (diagnosis.verdict, diagnosis.root.cause) == (UNKNOWN, "session-ambiguous")
    assert "jid" in diagnosis.root.remedy[0].text


def test_the_remedy_names_the_command_that_checks_this_session_again():
    sick = evidence(exists=False, **blocked_after(Aspect.EXISTS))
    again = "pytest checks --session testing --target neonize --store bot.db"
    assert judge(sick, mode=P, now=NOW, rerun=again).root.remedy[-1].command == again


def test_few_prekeys_are_a_warning_in_both_modes_unless_the_session_is_unpaired_anyway():
    low = StoreFacts(intact=True, prekeys=2, prekeys_total=2, devices=1)
    for mode in Mode:
        assert (judged(mode, store=low).verdict, judged(mode, store=low).root.cause) == (DEGRADED, "prekeys-low")
    unpaired = judged(store=low, authenticated=False)
    assert [f.cause for f in unpaired.findings] == ["not-paired"]


@pytest.mark.parametrize(
    ("ends_in", "said"),
    [
        (timedelta(minutes=59), "in 59 min"),
        (timedelta(hours=30), "in 30 h"),
        (timedelta(minutes=-1), "which has passed"),
    ],
)
def test_a_ban_says_until_when_counted_from_the_time_of_judgement(ends_in, said):
    with freeze_time("2026-11-22 10:45:00"):
        now = datetime.now(UTC)
        banned = evidence(disconnect=lost(402, "101", expires=now + ends_in), socket=SocketState.CLOSED)
        root = judge(banned, mode=P, now=now).root
    assert said in root.claim
    assert root.remedy[0].text.endswith(said)


def test_the_remedy_names_the_command_for_a_new_qr_code_or_else_a_way_for_every_bot():
    unlinked = evidence(disconnect=lost(401, "device_removed"))
    assert judge(unlinked, mode=P, now=NOW, pair="wadiag pair testing").root.remedy[0].command == "wadiag pair testing"
    assert "start the bot (or its gateway) again" in judge(unlinked, mode=P, now=NOW).root.remedy[0].text


def test_the_language_changes_the_texts_and_not_the_findings():
    for values in (
        {"disconnect": lost(401, "device_removed")},
        {"disconnect": lost(402, "101", expires=NOW + timedelta(hours=3))},
        {"text": REFUSED},
        {"store": StoreFacts(intact=True, prekeys=2)},
        {"send_available": ...},
        {},
        NO_SENDS,
    ):
        english = judge(evidence(**values), mode=P, now=NOW)
        indonesian = judge(evidence(**values), mode=P, now=NOW, language=Language.INDONESIAN)
        assert indonesian.verdict is english.verdict
        assert [f.cause for f in indonesian.findings] == [f.cause for f in english.findings]
        assert indonesian.headline != english.headline
        for ours, theirs in zip(indonesian.findings, english.findings, strict=True):
            assert (ours.claim, ours.why, ours.remedy) != (theirs.claim, theirs.why, theirs.remedy)
    banned = evidence(disconnect=lost(402, "101", expires=NOW + timedelta(hours=3)))
    assert "3 jam lagi" in judge(banned, mode=P, now=NOW, language=Language.INDONESIAN).root.claim
    refused = judge(evidence(text=REFUSED), mode=P, now=NOW, language=Language.INDONESIAN).root
    assert refused.claim == "server menolak teks dengan 463 (reach-out timelock)"


_VALUES = {
    "exists": st.sampled_from([True, False]),
    "store": st.builds(StoreFacts, intact=st.booleans(), prekeys=st.integers(0, 50) | st.none()),
    "authenticated": st.booleans(),
    "disconnect": st.none() | st.builds(lost, st.none() | st.integers(400, 600), st.text(max_size=9)),
    "socket": st.sampled_from(SocketState),
    "round_trip": st.floats(0, 9),
    "send_available": st.booleans(),
    "text": st.builds(Sent, acknowledged=st.booleans(), code=st.none() | st.integers(400, 500)),
    "image": st.builds(Sent, acknowledged=st.booleans(), stage=st.sampled_from(["upload", "send", "ack"])),
}


@given(st.fixed_dictionaries({k: v | st.sampled_from(Absence) | st.just(...) for k, v in _VALUES.items()}))
def test_any_evidence_can_be_judged_and_strict_is_never_milder_than_permissive(values):
    rank = {HEALTHY_: 0, DEGRADED: 1, UNKNOWN: 2, UNHEALTHY: 3}
    permissive, strict = judged(P, **values), judged(S, **values)
    assert rank[strict.verdict] >= rank[permissive.verdict]
    assert [r.check for r in strict.results] == [c.id for c in CHECKS]
    if strict.verdict is HEALTHY_:
        assert values["socket"] is SocketState.OPEN
        assert all(r.outcome in (Outcome.PASS, Outcome.SKIPPED) for r in strict.results)
    for finding in permissive.findings:
        assert finding.cause in {"not-observed", *(cause.id for cause in FOUND_BY[finding.check])}
    # Whatever did not pass is explained: by a finding of its own, by the check that blocks it, or by words.
    for result in permissive.results:
        match result.outcome:
            case Outcome.BLOCKED:
                assert permissive.result(result.blocked_by).finding is not None
            case Outcome.FAIL | Outcome.WARN | Outcome.UNKNOWN:
                assert result.finding in permissive.findings


AGAIN = "wadiag check testing --target neonize --store bot.db"


def test_a_remedy_is_data_with_the_command_whether_it_is_safe_and_how_to_verify_it():
    sick = evidence(disconnect=lost(405, "outdated"))
    upgrade, restart, again = judge(sick, mode=P, now=NOW, rerun=AGAIN, rerun_is_safe=True).root.remedy
    assert (upgrade.command, upgrade.safe) == ("pip install --upgrade neonize", False)
    assert upgrade.text == "upgrade the WhatsApp library (here: pip install --upgrade neonize)"
    assert (restart.command, restart.verify) == ("", AGAIN)
    assert (again.text, again.command, again.safe, again.verify) == (AGAIN, AGAIN, True, "")


def test_checking_again_is_not_safe_if_it_connects_or_sends():
    sick = evidence(disconnect=lost(405, "outdated"))
    assert not any(step.safe for step in judge(sick, mode=P, now=NOW, rerun=AGAIN).root.remedy)
    passive = evidence(socket=Absence.NOT_ASKED, **NOT_CONNECTED)
    steps = judge(passive, mode=P, now=NOW, rerun=AGAIN, rerun_is_safe=True).root.remedy
    assert {step.command.removeprefix(AGAIN): step.safe for step in steps if step.command} == {
        " --connect": False,
        ' -k "exists or intact or authenticated"': True,
    }


def test_no_text_of_a_target_becomes_a_command():
    hostile = evidence(authenticated=False, exists=False, **blocked_after(Aspect.AUTHENTICATED))
    seen = replace(hostile.observations[Aspect.EXISTS], raw="`rm -rf /` {rerun}")
    hostile = replace(hostile, observations={**hostile.observations, Aspect.EXISTS: seen})
    for step in judge(hostile, mode=P, now=NOW, rerun=AGAIN).root.remedy:
        assert "rm" not in step.command


def test_after_a_timeout_the_remedy_is_the_same_command_with_a_longer_deadline():
    late = evidence(**dict.fromkeys((aspect.name.lower() for aspect in Aspect), Absence.TIMEOUT))
    typed = "wadiag check testing --deadline 90 --mode strict"
    step = judge(late, mode=P, now=NOW, rerun=typed).root.remedy[0]
    assert step.command == "wadiag check testing --mode strict --deadline 180"


def test_times_for_people_carry_date_and_zone():
    unlinked = evidence(disconnect=lost(401, "device_removed"))
    jakarta = judge(unlinked, mode=P, now=NOW, zone=ZoneInfo("Asia/Jakarta")).root.claim
    assert "2026-11-22 17:41:07 WIB" in jakarta
    assert "2026-11-22 10:41:07 UTC" in judge(unlinked, mode=P, now=NOW).root.claim
    nameless = judge(unlinked, mode=P, now=NOW, zone=timezone(timedelta(hours=5, minutes=30))).root.claim
    assert "2026-11-22 16:11:07 +05:30" in nameless


def test_the_remedy_for_a_session_unknown_to_the_simulator_says_how_to_name_a_real_target():
    missing = evidence(exists=False, **blocked_after(Aspect.EXISTS))
    for language in Language:
        found = judge(missing, mode=P, now=NOW, unknown_to_simulator=True, simulated=True, language=language)
        remedy = "\n".join(map(str, found.root.remedy))
        assert "--target neonize --store PATH" in remedy
        assert "--target gateway --url URL" in remedy
        assert found.root.cause == "session-missing"
        assert found.simulated
