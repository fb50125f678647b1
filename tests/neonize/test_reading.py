"""Translating the client's events and attributes into the model's values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from diagnostics.model import SocketState
from diagnostics.neonize import interpret
from diagnostics.neonize.protocol import Push

AT = datetime(2026, 11, 22, 10, 41, 7, tzinfo=UTC)


def push(event: str, **data: Any) -> Push:
    return Push("testing", event, AT.timestamp(), data)


CONNECTED, DROPPED = push("Connected", status=True), push("Disconnected", status=True)


@pytest.mark.parametrize(
    ("event", "code", "reason"),
    [
        (push("LoggedOut", OnConnect=False, Reason="LOGGED_OUT"), 401, "device_removed"),
        (push("LoggedOut", OnConnect=True, Reason="LOGGED_OUT"), 401, "logged_out"),
        (push("LoggedOut", OnConnect=True, Reason="MAIN_DEVICE_GONE"), 403, "locked"),
        (push("LoggedOut", OnConnect=True, Reason="UNKNOWN_LOGOUT"), 406, "banned"),
        (push("LoggedOut", OnConnect=True, Reason="SOMETHING_NEW"), 401, "logged_out"),
        (push("StreamReplaced"), 440, "replaced"),
        (push("TemporaryBan", Code="BLOCKED_BY_USERS", Expire="60"), 402, "102 blocked by too many people"),
        (push("TemporaryBan"), 402, "temporarily_banned"),
        (push("ClientOutdated"), 405, "client_outdated"),
        (push("ConnectFailure", Reason="BAD_USER_AGENT"), 409, "bad_user_agent"),
        (push("ConnectFailure", Reason="SOMETHING_NEW", Message="go away"), None, "go away"),
        (push("connect-task-ended", error="dial tcp: connection refused"), None, "dial tcp: connection refused"),
        (push("connect-task-ended", error=""), None, "the client ended by itself, without an error"),
    ],
    ids=lambda value: value.event if isinstance(value, Push) else None,
)
def test_a_refusal_has_whatsapps_code_and_reason_and_is_permanent(event: Push, code: int | None, reason: str) -> None:
    refused = interpret.disconnect([CONNECTED, event, CONNECTED])  # goroutines may swap the order of events
    assert refused is not None
    assert (refused.code, refused.reason, refused.permanent, refused.at) == (code, reason, True, AT)
    assert refused.raw.startswith(event.event)


@pytest.mark.parametrize(("seconds", "expires"), [("86400", AT + timedelta(days=1)), ("0", None)])
def test_the_end_of_a_ban_counts_from_its_event(seconds: str, expires: datetime | None) -> None:
    refused = interpret.disconnect([push("TemporaryBan", Code="BROADCAST_LIST", Expire=seconds)])
    assert refused is not None
    assert refused.expires == expires


def test_a_lost_connection_does_not_count_after_a_reconnect() -> None:
    assert interpret.disconnect([CONNECTED, DROPPED, DROPPED, CONNECTED]) is None
    assert interpret.disconnect([CONNECTED, push("StreamError", Code="500"), DROPPED, CONNECTED]) is None
    assert interpret.disconnect([]) is None


def test_a_drop_without_a_reconnect_is_a_lost_connection() -> None:
    lost = interpret.disconnect([CONNECTED, DROPPED])
    assert lost is not None
    assert (lost.code, lost.reason, lost.permanent) == (None, "connection lost", False)


def test_a_drop_has_the_code_of_the_stream_error_before_it() -> None:
    lost = interpret.disconnect([CONNECTED, push("StreamError", Code="500", Raw={"Tag": "stream:error"}), DROPPED])
    assert lost is not None
    assert (lost.code, lost.reason, lost.permanent) == (500, "stream error", False)
    assert lost.raw == "StreamError(Code=500)"


def says(connected: Any, logged_in: Any) -> dict[str, dict[str, Any]]:
    return {"is_connected": {"value": connected}, "is_logged_in": {"value": logged_in}}


@pytest.mark.parametrize(
    ("connected", "logged_in", "events", "state"),
    [
        (True, True, [CONNECTED], SocketState.OPEN),
        (True, True, [], SocketState.OPEN),
        (True, False, [CONNECTED], SocketState.CONNECTING),
        (False, False, [], SocketState.CONNECTING),
        (False, True, [CONNECTED, DROPPED], SocketState.CLOSED),
        (False, False, [push("StreamReplaced")], SocketState.CLOSED),
        (False, False, [push("connect-task-ended", error="no")], SocketState.CLOSED),
        (None, True, [CONNECTED], SocketState.ABSENT),
        ("open", True, [CONNECTED], SocketState.UNKNOWN),
        (1, True, [CONNECTED], SocketState.UNKNOWN),
    ],
)
def test_the_sockets_state(connected: Any, logged_in: Any, events: list[Push], state: SocketState) -> None:
    found, raw = interpret.socket(says(connected, logged_in), events)
    assert found is state
    assert f"is_connected={connected} is_logged_in={logged_in}" in raw


def test_the_raw_text_says_whether_the_connection_was_lost_meanwhile() -> None:
    def freshness(*events: Push) -> str:
        return interpret.socket(says(connected=True, logged_in=True), events)[1].partition(", ")[2]

    assert freshness() == "no Connected event"
    assert freshness(CONNECTED) == "Connected event seen"
    assert freshness(CONNECTED, DROPPED) == "no Connected event since the connection was lost"


def test_a_missing_attribute_is_an_unknown_state_with_its_error_as_raw_text() -> None:
    answers: dict[str, dict[str, Any]] = {
        "readyState": {"error": "AttributeError: no attribute 'readyState'"},
        "is_logged_in": {"value": True},
    }
    state, raw = interpret.socket(answers, [CONNECTED], "readyState")
    assert state is SocketState.UNKNOWN
    assert raw == "AttributeError: no attribute 'readyState' is_logged_in=True, Connected event seen"


@pytest.mark.parametrize(
    ("kind", "error", "stage", "code"),
    [
        ("SendMessageError", "server returned error 463", "ack", 463),
        ("SendMessageError", "timed out waiting for message send response", "ack", None),
        ("SendMessageError", "no LID found for 62811@s.whatsapp.net from server", "recipient", None),
        (
            "SendMessageError",
            "failed to get device list: info query returned status 429: rate-overlimit",
            "question",
            429,
        ),
        ("SendMessageError", "server returned error 7", "ack", 7),
        ("SendMessageError", "server returned error 10001", "ack", 10001),
        ("ack-refused", "server returned error not-allowed", "ack", None),
        ("upload-unusable", "the media host answered without an address of the file", "upload", None),
        ("DownloadError", "download failed with status code 404", "download", 404),
        ("GetBlocklistError", "websocket disconnected before info query returned response", "send", None),
        ("SendMessageError", "websocket not connected", "send", None),
        ("UploadError", "upload failed with status code 507", "upload", 507),
        ("UploadError", "failed to refresh media connections: info query timed out", "upload", None),
    ],
)
def test_a_failed_send_has_the_stage_and_the_code(
    kind: str,
    error: str,
    stage: str,
    code: int | None,
) -> None:
    sent = interpret.send_error(kind, error, 0.5)
    assert (sent.acknowledged, sent.stage, sent.code, sent.error, sent.took) == (False, stage, code, error, 0.5)


def test_an_error_from_the_server_counts_as_an_answer() -> None:
    assert interpret.answered_by_server("info query returned status 403: forbidden")
    assert interpret.answered_by_server("missing <list> element in response to blocklist query")
    assert not interpret.answered_by_server("info query timed out")
    assert not interpret.answered_by_server("websocket disconnected before info query returned response")


def test_the_log_never_shows_the_text_of_a_qr_code() -> None:
    (event,) = interpret.events([push("qr", code="https://wa.me/settings/linked_devices#2@secret")])
    assert (event.name, event.detail) == ("qr", "")
