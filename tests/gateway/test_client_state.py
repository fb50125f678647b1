"""What is known of a session, folded from its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from diagnostics.gateway.client_state import LOG, ClientState, apply_event, with_new_client
from diagnostics.model import Disconnect, SocketState
from diagnostics.neonize import interpret
from diagnostics.neonize.protocol import Push

NOW = datetime(2026, 11, 22, 10, 41, 7, tzinfo=UTC)
EVENTS = {
    "qr": {"code": "2@ref,noise,identity,adv,6"},
    "PairStatus": {"ID": {"User": "4915100000001", "Device": 3, "Server": "s.whatsapp.net"}, "Status": "SUCCESS"},
    "Connected": {"status": True},
    "Disconnected": {"status": True},
    "StreamError": {"Code": "500"},
    "LoggedOut": {"OnConnect": False, "Reason": "LOGGED_OUT"},
    "StreamReplaced": {},
    "TemporaryBan": {"Code": "BROADCAST_LIST", "Expire": "60"},
    "ClientOutdated": {},
    "ConnectFailure": {"Reason": "GENERIC"},
    "connect-task-ended": {"error": "dial tcp: connection refused"},
    "KeepAliveTimeout": {"ErrorCount": "1"},
    "Receipt": {"ids": ["3EB0"], "type": "READ"},
}


def pushes(*names: str) -> list[Push]:
    return [Push("testing", name, NOW.timestamp() + n, EVENTS[name]) for n, name in enumerate(names)]


def folded(*names: str) -> ClientState:
    known = ClientState()
    for push in pushes(*names):
        known = apply_event(known, push, NOW)
    return known


histories = st.lists(st.sampled_from(sorted(EVENTS)), max_size=30)


def without_the_past(history: list[Push]) -> Disconnect | None:
    """Why the connection is down now; how often it was lost and came back is kept in `recent`, not in the facts."""
    down = interpret.refusal(history) or interpret.lost(history) or interpret.said(history)
    found = interpret.disconnect(history)
    return replace(found, times=1) if down and found else None


@given(histories)
def test_of_a_whole_history_a_few_events_say_the_same(names):
    history = [push for push in pushes(*names) if push.event != "Receipt"]
    known = folded(*names)
    assert len(known.facts) <= 5
    assert interpret.disconnect(known.facts) == without_the_past(history)
    assert interpret.authenticated(known.facts) == interpret.authenticated(history)
    for connected in (True, False):
        answers = {"is_connected": {"value": connected}, "is_logged_in": {"value": True}}
        assert interpret.socket(answers, known.facts) == interpret.socket(answers, history)


@given(histories)
def test_a_session_is_online_exactly_if_a_login_was_the_last_that_happened_to_its_connection(names):
    lost = [n for n in names if n in interpret.REFUSALS]
    ups_and_downs = [n for n in names if n in ("Connected", "Disconnected", "StreamError")]
    assert folded(*names).online is (not lost and ups_and_downs[-1:] == ["Connected"])


def test_the_log_is_bounded_and_what_counts_outlives_it():
    known = folded("StreamReplaced", *["KeepAliveTimeout"] * 200)
    assert len(known.log) == LOG
    assert known.disconnect is not None
    assert known.disconnect.code == 440


def test_the_first_code_lasts_a_minute_and_each_that_follows_twenty_seconds():
    first, second = folded("qr"), folded("qr", "qr")
    assert first.code is not None
    assert second.code is not None
    assert (first.code.expires_at, second.code.expires_at) == (NOW + timedelta(seconds=60), NOW + timedelta(seconds=20))
    assert folded("qr", "PairStatus").code is None


def test_a_pairing_says_which_device_it_is_and_the_log_does_not_say_whose():
    known = folded("qr", "PairStatus", "Connected")
    assert known.jid == "4915100000001:3@s.whatsapp.net"
    assert "49151" not in str(known.log)
    assert "2@ref" not in str(known.log)


def test_the_drop_after_a_stream_error_is_one_loss_with_the_errors_code():
    known = folded("Connected", "StreamError", "Disconnected")
    assert known.last_disconnect is not None
    assert (known.last_disconnect.code, known.losses) == (500, 1)


def test_a_loss_is_remembered_after_the_next_login_and_not_counted_any_more():
    known = folded("Connected", "Disconnected", "Disconnected", "Connected")
    assert known.last_disconnect is not None
    assert (known.last_disconnect.reason, known.losses, known.disconnect) == ("connection lost", 0, None)


def test_a_new_client_starts_without_what_the_one_before_said():
    known = with_new_client(folded("Connected", "StreamReplaced"))
    answers = {"is_connected": {"value": False}, "is_logged_in": {"value": False}}
    assert (known.disconnect, known.refused) == (None, False)
    assert interpret.socket(answers, known.facts)[0] is SocketState.CONNECTING
    assert known.last_disconnect is not None
