"""Evidence is the same after JSON; data that cannot be understood is never taken as a value."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostics.catalogue import CHECKS
from diagnostics.evidence.documents import of_evidence
from diagnostics.evidence.exchange import TEXT_LIMIT, NotEvidence, from_plain
from diagnostics.judging.judge import judge
from diagnostics.model import (
    Absence,
    Aspect,
    Disconnect,
    Event,
    Evidence,
    Mode,
    Observation,
    Sent,
    SocketState,
    StoreFacts,
    StoreFile,
    Verdict,
)
from tests.evidence_samples import NOW, evidence, lost

texts = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=40)
seconds = st.floats(0, 1e6)
counts = st.none() | st.integers(0, 10**6)
times = st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone follows
VALUES = {
    Aspect.EXISTS: st.booleans(),
    Aspect.STORE: st.builds(StoreFacts, st.booleans(), texts, counts, counts, counts, st.sampled_from(StoreFile)),
    Aspect.AUTHENTICATED: st.booleans(),
    Aspect.DISCONNECT: st.none()
    | st.builds(Disconnect, counts, texts, times, texts, st.none() | times, st.booleans()),
    Aspect.SOCKET: st.sampled_from(SocketState),
    Aspect.ROUND_TRIP: seconds,
    Aspect.SEND_AVAILABLE: st.booleans(),
    Aspect.TEXT: (sent := st.builds(
        Sent, st.booleans(), texts, counts, st.sampled_from(["recipient", "upload", "send", "ack"]), texts, seconds
    )),
    Aspect.IMAGE: sent,
}  # fmt: skip


def seen(aspect: Aspect) -> st.SearchStrategy[Observation]:
    known = st.builds(Observation, st.just(aspect), times, VALUES[aspect], texts, texts, seconds)
    absences = st.sampled_from(Absence)
    absent = st.builds(Observation, st.just(aspect), times, st.none(), texts, texts, seconds, absences, texts, texts)
    return known | absent


evidences = st.builds(
    Evidence,
    session=texts,
    target=texts,
    observations=st.fixed_dictionaries({}, optional={aspect: seen(aspect) for aspect in Aspect}),
    events=st.lists(st.builds(Event, times, texts, texts), max_size=5).map(tuple),
    took=seconds,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | times.map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=6),
    max_leaves=12,
)
field_names = st.sampled_from(["value", "at", "raw", "source", "took", "absence", "detail"])
# Similar to evidence, so that every branch is reached.
nearly = st.fixed_dictionaries(
    {"session": st.just("testing") | anything, "observations": st.dictionaries(
        st.sampled_from(Aspect).map(str), anything | st.dictionaries(field_names, anything), max_size=9)},
    optional={"events": anything | st.lists(anything), "took": anything, "target": anything, "more": anything},
)  # fmt: skip


@settings(max_examples=50)
@given(evidences)
def test_evidence_is_the_same_after_json(sent):
    assert from_plain(json.loads(json.dumps(of_evidence(sent))), now=NOW) == sent


@settings(max_examples=60)
@given(anything | nearly)
def test_any_json_is_evidence_or_a_clear_error(plain):
    try:
        received = from_plain(plain, now=NOW)
    except NotEvidence as problem:
        said = str(problem)
    else:
        said = judge(received, mode=Mode.PERMISSIVE, now=NOW).headline
        assert all(observation.at.tzinfo is UTC for observation in received.observations.values())
    assert said.isprintable()


@settings(max_examples=60)
@given(st.sampled_from(Aspect), anything)
def test_a_value_is_taken_unchanged_or_not_at_all(aspect, value):
    plain = of_evidence(evidence())
    plain["observations"][aspect]["value"] = value
    received = from_plain(plain, now=NOW)
    if received.observations[aspect].known and received.observations[aspect].value is not SocketState.UNKNOWN:
        assert of_evidence(received)["observations"][aspect]["value"] == value


def spoiled(aspect: Aspect, **changes: Any) -> Evidence:
    plain = json.loads(json.dumps(of_evidence(evidence())))
    plain["observations"][aspect] |= changes
    return from_plain(plain, now=NOW)


@pytest.mark.parametrize(
    ("aspect", "changes"),
    [
        (Aspect.EXISTS, {"value": "true"}),
        (Aspect.EXISTS, {"value": 1}),
        (Aspect.AUTHENTICATED, {"value": None}),
        (Aspect.AUTHENTICATED, {"at": "yesterday"}),
        (Aspect.AUTHENTICATED, {"at": "2026-11-22T10:41:07"}),
        (Aspect.AUTHENTICATED, {"absence": "fine, really"}),
        (Aspect.SOCKET, {"value": 1}),
        (Aspect.ROUND_TRIP, {"value": -1.0}),
        (Aspect.ROUND_TRIP, {"value": float("nan")}),
        (Aspect.ROUND_TRIP, {"value": "0.1"}),
        (Aspect.ROUND_TRIP, {"value": 10**400}),
        (Aspect.STORE, {"value": {"intact": "yes"}}),
        (Aspect.STORE, {"value": {"intact": True, "prekeys": 10**30}}),
        (Aspect.DISCONNECT, {"value": {"code": "401"}}),
        (Aspect.TEXT, {"value": {"acknowledged": 1}}),
        (Aspect.TEXT, {"value": {"acknowledged": True, "stage": "heaven"}}),
        (Aspect.IMAGE, {"value": True}),
    ],
)
def test_an_observation_that_cannot_be_understood_is_unknown_and_says_so(aspect, changes):
    received = spoiled(aspect, **changes)
    assert received.observations[aspect].absence is Absence.CRASHED
    assert f"said of {aspect} cannot be understood" in received.observations[aspect].detail
    assert judge(received, mode=Mode.PERMISSIVE, now=NOW).verdict is Verdict.UNKNOWN


def test_a_round_trip_that_cannot_be_understood_is_not_a_zombie():
    """A zombie is a finding about the session, but here nothing is known about it."""
    found = judge(spoiled(Aspect.ROUND_TRIP, value="soon"), mode=Mode.PERMISSIVE, now=NOW)
    assert (found.root and found.root.cause) == "probe-crashed"


def test_an_unknown_socket_state_keeps_its_text():
    socket = spoiled(Aspect.SOCKET, value="half-open").observations[Aspect.SOCKET]
    assert socket.value is SocketState.UNKNOWN
    assert socket.raw == "half-open: raw socket"


def test_a_value_with_an_absence_is_ignored():
    assert spoiled(Aspect.AUTHENTICATED, absence="timeout").observations[Aspect.AUTHENTICATED].value is None


def test_aspects_of_another_version_are_ignored():
    plain = of_evidence(evidence())
    plain["observations"]["mood"] = {"at": "2026-11-22T10:41:07Z", "value": "good"}
    assert from_plain(plain, now=NOW) == evidence()


def test_a_missing_aspect_makes_the_verdict_unknown():
    plain = of_evidence(evidence())
    del plain["observations"]["socket"]
    assert judge(from_plain(plain, now=NOW), mode=Mode.PERMISSIVE, now=NOW).verdict is Verdict.UNKNOWN


def test_texts_are_shortened_and_control_characters_are_escaped():
    raw = spoiled(Aspect.EXISTS, raw="\x1b[2J\n" + "x" * 10**6).observations[Aspect.EXISTS].raw
    assert raw.startswith("\\x1b[2J xx")
    assert len(raw) == TEXT_LIMIT


def test_times_are_converted_to_utc():
    observation = spoiled(Aspect.EXISTS, at="2026-11-22T17:41:07+07:00").observations[Aspect.EXISTS]
    assert observation.at == NOW
    assert observation.at.tzinfo is UTC


def test_evidence_is_judged_the_same_before_and_after_json():
    for sick in (
        evidence(),
        evidence(socket=SocketState.UNKNOWN),
        evidence(disconnect=lost(402, "101", expires=NOW.replace(hour=12)), socket=SocketState.CLOSED),
        evidence(text=Sent(acknowledged=False, code=463)),
    ):
        here = judge(sick, mode=Mode.STRICT, now=NOW)
        there = judge(from_plain(of_evidence(sick), now=NOW), mode=Mode.STRICT, now=NOW)
        assert replace(there, evidence=None) == replace(here, evidence=None)
        assert len(there.results) == len(CHECKS)


@pytest.mark.parametrize("plain", [None, 3, "healthy", [], {}, {"session": "a"}, {"session": 1, "observations": {}}])
def test_data_that_is_not_evidence_is_refused_in_one_sentence(plain):
    with pytest.raises(NotEvidence) as refused:
        from_plain(plain, now=NOW)
    assert "\n" not in str(refused.value)
