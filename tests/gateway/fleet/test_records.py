"""What is kept, comes back as it was; in SQLite and in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from diagnostics.errors import UsageProblem
from diagnostics.gateway.contract import Message, Reconnecting, Stage
from diagnostics.gateway.fleet.client_stores import sqlalchemy_url
from diagnostics.gateway.fleet.records import Answer, Record, Records
from diagnostics.model import Disconnect

NOW = datetime(2026, 11, 22, 10, 41, 7, 123456, tzinfo=UTC)
BANNED = Disconnect(402, "101 too many messages to strangers", NOW, "TemporaryBan", NOW + timedelta(days=1), True)
RECORD = Record(
    "testing",
    NOW,
    "4915100000001:3@s.whatsapp.net",
    True,
    NOW,
    BANNED,
    Reconnecting(3, NOW, "never", 402, "temporaryBan"),
)
MESSAGE = Message("testing", "3EB0", "text", Stage.READ, {Stage.ACCEPTED: NOW, Stage.READ: NOW}, 463, "refused", "t-1")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite3'}"
    return sqlalchemy_url(request.getfixturevalue("postgres").database(tmp_path.name))


async def reopened(url):
    records = Records(url)
    found = await records.open()
    await records.close()
    return found


async def test_what_is_kept_comes_back_as_it_was_and_what_is_dropped_does_not(url):
    records = Records(url)
    assert await records.open() == ([], [])
    records.keep(Record("other", NOW.astimezone(timezone(timedelta(hours=7)))))
    records.keep(RECORD)
    records.keep(MESSAGE)
    await records.close()
    assert await reopened(url) == ([Record("other", NOW), RECORD], [MESSAGE])

    records = Records(url)
    await records.open()
    records.drop("testing")
    await records.close()
    assert await reopened(url) == ([Record("other", NOW)], [])


async def test_a_repeated_request_gets_the_first_ones_answer(url):
    records = Records(url)
    await records.open()
    assert await records.newest() is None
    assert await records.idempotent("bot", "key", "abc", NOW) is None
    assert await records.idempotent("bot", "old key", "abc", NOW - timedelta(hours=1)) is None
    assert await records.newest() == NOW
    assert await records.idempotent("bot", "key", "abc", NOW) == Answer("abc", None, b"")
    assert await records.idempotent("other bot", "key", "def", NOW) is None
    await records.answered("bot", "key", 200, b"{}")
    assert await records.idempotent("bot", "key", "other", NOW) == Answer("abc", 200, b"{}")
    await records.unreserved("other bot", "key")
    assert await records.idempotent("other bot", "key", "def", NOW) is None
    assert await records.idempotent("bot", "key", "new", NOW + timedelta(days=2)) is None
    await records.close()


async def test_a_database_that_cannot_be_opened_is_one_sentence_without_a_password():
    records = Records("postgresql+psycopg://wadiag:secret@127.0.0.1:9/gateway")
    with pytest.raises(UsageProblem, match="the gateway's records cannot be opened") as refused:
        await records.open()
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
    await records.close()
