"""The faults of a connected session, as the real, unmodified neonize sees them: its events, its states, what becomes of
a text, and what is left in its store. The rows are those of docs/faults.md; all are looked at together, once.
"""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest

from diagnostics.simulator import Event
from tests.simulator.faults.faults_page import ROWS, Row
from tests.simulator.real import ACKNOWLEDGED, HANG_SECONDS, HANGS, Client, Real, eventually

GONE = r"websocket (disconnected|not connected)|frame socket is closed|doesn't contain a device JID|has not come"


@dataclass
class Seen:
    client: Client
    events: list[str]
    states: tuple[bool, bool]
    texts: list[str]


@pytest.fixture(scope="module")
def seen(real: Real) -> dict[str, Seen]:
    with ThreadPoolExecutor(len(ROWS)) as pool:
        return dict(zip((row.name for row in ROWS), pool.map(lambda row: look(real, row), ROWS), strict=True))


def look(real: Real, row: Row) -> Seen:
    """Take a linked session, apply the faults, log in, and watch."""
    client, contact = real.copied(), real.server.add_account()
    if row.given == "connected":
        client.connect()
        client.heard("Connected")
    real.server.apply(contact if row.given == "whom it writes to" else client.account, row.faults)
    if row.given != "connected":
        client.connect()  # waits up to a second for the login, so what is not heard by then does not come
    before_a_text = row.events[:1] if by_a_text(row) else row.events
    eventually(lambda: len(client.events) >= len(before_a_text))
    expected = (row.connected, row.logged_in)
    eventually(lambda: client.states() == expected)
    states = client.states()
    events = [event for event in client.events if event != "connect-task-ended"]
    seconds = HANG_SECONDS if row.text == HANGS else 20.0
    texts = [client.text(to=contact.phone, seconds=seconds) for _ in range(row.times)]
    if row.text == ACKNOWLEDGED:
        eventually(lambda: len(client.events) >= len(row.events))  # a text may be what broke the connection
        events = client.events
    return Seen(client, events, states, texts)


def by_a_text(row: Row) -> bool:
    """All events but the first come when a text is sent."""
    return any(fault.event is Event.MESSAGE or fault.only == "ack" for fault in row.faults)


rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))


@rows
def test_the_client_reports_these_events(seen: dict[str, Seen], row: Row) -> None:
    events = tuple(seen[row.name].events)
    assert events[: len(row.events)] == row.events
    assert set(events[len(row.events) :]) <= ({row.events[-1]} if row.again else set())


@rows
def test_the_client_says_of_itself(seen: dict[str, Seen], row: Row) -> None:
    assert seen[row.name].states == (row.connected, row.logged_in)


@rows
def test_a_text_becomes(seen: dict[str, Seen], row: Row) -> None:
    for text in seen[row.name].texts:
        assert re.search(GONE if row.text == "fails at once" else re.escape(row.text), text), text


@rows
def test_the_session_is_kept_or_deleted(seen: dict[str, Seen], row: Row) -> None:
    with closing(sqlite3.connect(seen[row.name].client.store)) as store:
        (devices,) = store.execute("SELECT count(*) FROM whatsmeow_device").fetchone()
    assert bool(devices) is row.kept
