"""Repeated requests, on the real records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.responses import Response

from diagnostics.gateway.contract import Interrupted, NotPaired
from diagnostics.gateway.fleet.records import Records
from diagnostics.gateway.web.idempotency import REPLAYED, Attempt, Once
from diagnostics.gateway.web.problem_responses import Problem

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def records(tmp_path: Path):
    records = Records(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    await records.open()
    yield records
    await records.close()


class Sender:
    """Counts what it sends."""

    def __init__(self, error: Exception | None = None, *, begun: bool = True) -> None:
        self.sent = 0
        self.error = error
        self.begun = begun

    async def __call__(self, attempt: Attempt) -> Response:
        attempt.begun = self.begun
        if self.error is not None:
            raise self.error
        self.sent += 1
        return Response(b'{"messageId":"3EB0"}', 202, media_type="application/json")


async def asked(
    once: Once,
    send: Callable[[Attempt], Awaitable[Response]],
    *,
    key: str | None = "k",
    by="bot",
    fingerprint="a",
    now=NOW,
) -> Response:
    return await once.run(send, key=key, token=by, fingerprint=fingerprint, now=now)


async def test_the_same_request_is_answered_again_and_sent_once(records):
    once, send = Once(records), Sender()
    first = await asked(once, send)
    again = await asked(once, send, key='"k"')
    assert send.sent == 1
    assert (again.status_code, again.body, again.media_type) == (first.status_code, first.body, "application/json")
    assert (REPLAYED.lower() in first.headers, again.headers[REPLAYED]) == (False, "true")


async def test_another_token_or_key_is_another_request_and_no_key_is_always_one(records):
    once, send = Once(records), Sender()
    for more in ({}, {"by": "other"}, {"key": "k2"}, {"key": None}, {"key": None}):
        await asked(once, send, **more)
    assert send.sent == 5


async def test_another_body_under_the_same_key_is_refused(records):
    once, send = Once(records), Sender()
    await asked(once, send)
    with pytest.raises(Problem, match="key-reused"):
        await asked(once, send, fingerprint="b")
    assert send.sent == 1


async def test_a_repeated_request_while_the_first_one_runs_is_answered_request_running(records):
    once, going, go_on = Once(records), asyncio.Event(), asyncio.Event()

    async def slow(attempt: Attempt) -> Response:
        attempt.begun = True
        going.set()
        await go_on.wait()
        return Response(b"{}")

    first = asyncio.create_task(asked(once, slow))
    await going.wait()
    with pytest.raises(Problem, match="request-running"):
        await asked(once, Sender())
    go_on.set()
    assert (await first).status_code == 200


@pytest.mark.parametrize(
    ("error", "begun"), [(Problem("not-on-whatsapp"), False), (NotPaired("…"), True), (Interrupted("…", 1.0), False)]
)
async def test_a_request_without_effect_may_be_made_again(records, error, begun):
    once, send = Once(records), Sender()
    with pytest.raises(type(error)):
        await asked(once, Sender(error, begun=begun))
    assert (await asked(once, send)).status_code == 202
    assert send.sent == 1


@pytest.mark.parametrize("error", [Interrupted("…", 1.0), RuntimeError("…"), asyncio.CancelledError()])
async def test_a_request_whose_effect_is_not_known_is_not_sent_again_by_this_process_or_the_next(records, error):
    send = Sender()
    with pytest.raises(type(error)):
        await asked(Once(records), Sender(error))
    for once in (Once(records), Once(records)):
        with pytest.raises(Problem, match="outcome-unknown"):
            await asked(once, send)
    assert send.sent == 0


async def test_a_key_is_free_again_after_a_day(records):
    once, send = Once(records), Sender()
    await asked(once, send)
    await asked(once, send, fingerprint="b", now=NOW + timedelta(hours=24, seconds=1))
    assert send.sent == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, '"'])
async def test_an_invalid_key_is_refused(records, key):
    with pytest.raises(Problem, match="invalid-request"):
        await asked(Once(records), Sender(), key=key)
