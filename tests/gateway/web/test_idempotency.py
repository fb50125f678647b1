"""Repeated requests, on the real records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import event
from starlette.responses import Response

from diagnostics.gateway.contract import Interrupted, NotPaired
from diagnostics.gateway.fleet.records import Records
from diagnostics.gateway.web.idempotency import REPLAYED, Attempt, Once, RunningTime
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


class Clocks:
    """The system's clock, which may be set, and the one that only goes on. In seconds."""

    def __init__(self) -> None:
        self.wall = NOW
        self.elapsed = 1000.0

    def once(self, records: Records) -> Once:
        """As a process makes it."""
        return Once(records, RunningTime(records, lambda: self.wall, lambda: self.elapsed))

    def pass_by(self, time: timedelta) -> None:
        self.wall += time
        self.elapsed += time.total_seconds()


def new(records: Records) -> Once:
    return Clocks().once(records)


async def asked(
    once: Once,
    send: Callable[[Attempt], Awaitable[Response]],
    *,
    key: str | None = "k",
    by="bot",
    fingerprint="a",
) -> Response:
    return await once.run(send, key=key, token=by, fingerprint=fingerprint)


async def test_the_same_request_is_answered_again_and_sent_once(records):
    once, send = new(records), Sender()
    first = await asked(once, send)
    again = await asked(once, send, key='"k"')
    assert send.sent == 1
    assert (again.status_code, again.body, again.media_type) == (first.status_code, first.body, "application/json")
    assert (REPLAYED.lower() in first.headers, again.headers[REPLAYED]) == (False, "true")


async def test_another_token_or_key_is_another_request_and_no_key_is_always_one(records):
    once, send = new(records), Sender()
    for more in ({}, {"by": "other"}, {"key": "k2"}, {"key": None}, {"key": None}):
        await asked(once, send, **more)
    assert send.sent == 5


async def test_another_body_under_the_same_key_is_refused(records):
    once, send = new(records), Sender()
    await asked(once, send)
    with pytest.raises(Problem, match="key-reused"):
        await asked(once, send, fingerprint="b")
    assert send.sent == 1


async def test_a_repeated_request_while_the_first_one_runs_is_answered_request_running(records):
    once, going, go_on = new(records), asyncio.Event(), asyncio.Event()

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
    once, send = new(records), Sender()
    with pytest.raises(type(error)):
        await asked(once, Sender(error, begun=begun))
    assert (await asked(once, send)).status_code == 202
    assert send.sent == 1


@pytest.mark.parametrize("error", [Interrupted("…", 1.0), RuntimeError("…"), asyncio.CancelledError()])
async def test_a_request_whose_effect_is_not_known_is_not_sent_again_by_this_process_or_the_next(records, error):
    send = Sender()
    with pytest.raises(type(error)):
        await asked(new(records), Sender(error))
    for once in (new(records), new(records)):
        with pytest.raises(Problem, match="outcome-unknown"):
            await asked(once, send)
    assert send.sent == 0


async def test_a_key_is_free_again_after_a_day(records):
    clocks, send = Clocks(), Sender()
    once = clocks.once(records)
    await asked(once, send)
    clocks.pass_by(timedelta(hours=24, seconds=1))
    await asked(once, send, fingerprint="b")
    assert send.sent == 2


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(hours=-30), timedelta(days=-400)])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_key_survives_a_clock_that_jumps_also_across_a_restart(records, jump, restarted):
    clocks, send = Clocks(), Sender()
    once = clocks.once(records)
    await asked(once, send)
    await asked(once, send, key="another")
    clocks.wall += jump
    if restarted:
        clocks.elapsed = 0.0
        once = clocks.once(records)
    for key in ("k", "another"):
        assert (await asked(once, send, key=key)).headers[REPLAYED] == "true"
    clocks.pass_by(timedelta(hours=23))
    assert (await asked(once, send)).headers[REPLAYED] == "true"
    assert send.sent == 2
    clocks.pass_by(timedelta(hours=2))
    await asked(once, send)
    assert send.sent == 3


def fill_up(records: Records) -> None:
    """Let the database be as large as it may get."""

    @event.listens_for(records.engine, "checkout")
    def limit(connection, *_: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")


async def test_without_room_for_its_key_a_request_is_refused_before_it_is_sent(records):
    once, send = new(records), Sender()
    await asked(once, send)
    fill_up(records)

    async def ask_many() -> None:
        for number in range(1000):
            await asked(once, send, key=f"key-{number}")

    with pytest.raises(Problem, match="state-unwritable") as refused:
        await ask_many()
    assert send.sent < 1000
    assert refused.value.facts == {"reason": "database or disk is full"}
    assert (await asked(once, Sender(), key=None)).status_code == 202
    assert (await asked(once, send, key="k")).headers[REPLAYED] == "true"


async def test_without_room_for_its_answer_a_message_is_answered_and_never_sent_again(records, caplog):
    once, sent = new(records), 0

    async def send_much(attempt: Attempt) -> Response:
        nonlocal sent
        attempt.begun = True
        sent += 1
        return Response(b"x" * 1_000_000)

    await asked(once, Sender(), key="another")
    fill_up(records)
    assert (await asked(once, send_much)).status_code == 200
    assert caplog.messages == ["the answer of an Idempotency-Key was not stored: database or disk is full"]
    with pytest.raises(Problem, match="outcome-unknown"):
        await asked(once, send_much)
    assert sent == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, '"'])
async def test_an_invalid_key_is_refused(records, key):
    with pytest.raises(Problem, match="invalid-request"):
        await asked(new(records), Sender(), key=key)
