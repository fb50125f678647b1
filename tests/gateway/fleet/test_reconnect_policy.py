"""Whether and when a session connects again, by the reason of its loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.catalogue import RECONNECT, reconnect_for
from diagnostics.catalogue.reconnect import why
from diagnostics.gateway.fleet.reconnect_policy import CAP, decide_reconnect
from diagnostics.model import Disconnect, Language

NOW = datetime(2026, 11, 22, 10, 41, 7, tzinfo=UTC)


def decided(code, attempts=0, chance=1.0, *, expires=None, reason=""):
    lost = Disconnect(code, reason, NOW, expires=expires, permanent=True)
    return decide_reconnect(reconnect_for(code, reason), lost, attempts, NOW, chance)


def wait(decision):
    return None if decision.next_at is None else (decision.next_at - NOW).total_seconds()


@pytest.mark.parametrize("code", [401, 403, 405, 406, 409, 440])
@given(attempts=st.integers(0, 100), chance=st.floats(0, 1))
def test_what_a_person_has_to_fix_is_never_tried_again(code, attempts, chance):
    assert decided(code, attempts, chance).next_at is None


@pytest.mark.parametrize("code", [400, 500, 599])
def test_what_may_be_a_passing_fault_is_tried_once(code):
    assert wait(decided(code)) == 0
    assert decided(code, attempts=1).next_at is None


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (1000, 60)])
def test_waits_double_up_to_a_minute(attempts, seconds):
    assert wait(decided(503, attempts)) == seconds
    assert wait(decided(503, attempts, chance=0.5)) == seconds / 2


def test_a_restart_that_whatsapp_asks_for_is_followed_at_once_and_a_loop_of_them_slowed_down():
    assert wait(decided(515)) == 0
    assert wait(decided(515, attempts=3)) == 8


def test_a_ban_is_waited_out():
    assert wait(decided(402, expires=NOW + timedelta(hours=3), chance=0.5)) == 3 * 3600 + 0.5
    assert decided(402).next_at is None
    assert wait(decided(402, expires=NOW - timedelta(hours=3), chance=0.5)) == 0.5


@given(st.sampled_from(RECONNECT), st.integers(0, 1000), st.floats(0, 1))
def test_every_row_of_the_table_gives_a_bounded_wait_or_none_and_says_why(row, attempts, chance):
    decision = decided(row.code, attempts, chance, reason=row.name)
    assert decision.next_at is None or 0 <= (wait(decision) or 0) <= CAP
    assert decision.action == str(row.action)
    for language in Language:
        assert why(decision.code, decision.name, decision.by, language) == row.why(language)
