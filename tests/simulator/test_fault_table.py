"""Every fault, as the real, unmodified neonize sees it: its events, its states, and what becomes of a text.

The rows act on a login of their own, all accounts at once. `events` are those of the connection, in order; more of the
last ones may follow where a row repeats for ever.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from diagnostics.simulator import (
    CutShort,
    Drop,
    Duplicate,
    Event,
    Exhausted,
    Failure,
    Fault,
    Garbage,
    HalfOpen,
    Refusal,
    Reorder,
    Silence,
    Skew,
    Slow,
    StreamError,
)

from .real import ACKNOWLEDGED, HANG_SECONDS, HANGS, Client, Real, eventually

GONE = r"websocket (disconnected|not connected)|frame socket is closed|doesn't contain a device JID|has not come"
BACK = ("Connected", "Disconnected", "Connected")
BY_A_TEXT = ("reset in the middle", "ack lost")  # the events come when a text is sent
T, F = True, False


@dataclass(frozen=True)
class Row:
    """One fault: what the client reports, what it says of itself afterwards, and what becomes of a text."""

    name: str
    faults: tuple[Fault, ...]
    events: tuple[str, ...]
    connected: bool
    logged_in: bool
    text: str = ACKNOWLEDGED
    times: int = 1  # texts
    contact: tuple[Fault, ...] = ()
    live: bool = False  # the faults begin once the client is connected


def ready(action: StreamError | Drop | HalfOpen, times: int | None = 1) -> tuple[Fault, ...]:
    return (Fault(Event.READY, action, times=times),)


def at_the_reconnect(failure: Failure) -> tuple[Fault, ...]:
    return (Fault(Event.READY, Drop(), times=1), Fault(Event.LOGIN, failure, nth=2))


def message(action: Silence | Drop | Refusal | Duplicate | Reorder, times: int | None = None) -> tuple[Fault, ...]:
    return (Fault(Event.MESSAGE, action, times=times),)


REFUSED = ("Connected", "Disconnected")
ROWS = [
    # the session is ended by a stream error
    Row("401 device removed", ready(StreamError(401, "device_removed")), ("Connected", "LoggedOut"), F, F, GONE),
    Row("401 plain", ready(StreamError(401)), ("Connected", "StreamError", "Disconnected", "Connected"), T, T),
    Row("500", ready(StreamError(500)), ("Connected", "StreamError", "Disconnected", "Connected"), T, T),
    Row("replaced", ready(StreamError(conflict="replaced")), ("Connected", "StreamReplaced"), F, F, GONE),
    Row("503", ready(StreamError(503)), BACK, T, T),
    Row("503 kept open", ready(StreamError(503, keep_open=True)), ("Connected",), T, F, HANGS),
    Row("515", ready(StreamError(515)), ("Connected", "Connected"), T, T),
    # the login is refused, after a drop
    *(
        Row(f"failure {reason}", at_the_reconnect(Failure(reason)), (*REFUSED, event), F, T, GONE)
        for reason, event in [
            (401, "LoggedOut"),
            (403, "LoggedOut"),
            (406, "LoggedOut"),
            (405, "ClientOutdated"),
            (400, "ConnectFailure"),
            (409, "ConnectFailure"),
        ]
    ),
    Row("failure 402", at_the_reconnect(Failure(402, 101, 3600)), (*REFUSED, "TemporaryBan"), F, T, GONE),
    Row("failure 500", at_the_reconnect(Failure(500)), (*REFUSED, "Disconnected"), F, T, GONE),
    Row("failure 503", at_the_reconnect(Failure(503)), (*REFUSED, "Disconnected"), F, T, GONE),
    # the connection ends
    *(Row(f"drop {how}", ready(Drop(how)), BACK, T, T) for how in ("cut", "goodbye", "reset")),
    Row(
        "server down",
        (Fault(Event.READY, Drop("reset"), times=1), Fault(Event.LOGIN, Drop("reset"), nth=2)),
        ("Connected", "Disconnected", "Disconnected"),
        F,
        T,
        GONE,
    ),
    Row(
        "no success at the reconnect",
        (Fault(Event.READY, Drop(), times=1), Fault(Event.LOGIN, Silence(), nth=2)),
        ("Connected", "Disconnected"),
        T,
        T,
        HANGS,
    ),
    Row("half open", ready(HalfOpen()), ("Connected",), T, T, HANGS),
    Row("deaf", (Fault(Event.SEND, Silence()),), ("Connected",), T, T, HANGS, live=True),
    Row(
        "flapping",
        (Fault(Event.TIME, Drop(), after=0.4, every=0.4, times=3),),
        (*BACK, *BACK[1:], *BACK[1:]),
        T,
        T,
        live=True,
    ),
    Row(
        "healthy, then replaced",
        (Fault(Event.TIME, StreamError(conflict="replaced"), after=0.3),),
        ("Connected", "StreamReplaced"),
        F,
        F,
        GONE,
        live=True,
    ),
    # frames
    Row("reset in the middle of an ack", (Fault(Event.SEND, CutShort(), times=1, only="ack"),), BACK, T, T),
    Row("nonsense", (Fault(Event.SEND, Garbage(), times=3),), ("Connected",), T, T),
    # both sides count frames, so nothing behind it decrypts either
    Row(
        "what does not decrypt",
        (Fault(Event.SEND, Garbage(sealed=False), times=1),),
        ("Connected",),
        T,
        T,
        HANGS,
        live=True,
    ),
    Row("slow", (Fault(Event.SEND, Slow(latency=0.1)),), ("Connected",), T, T),
    Row("narrow", (Fault(Event.SEND, Slow(bandwidth=4000)),), ("Connected",), T, T),
    Row("clock ahead by a day", (Fault(Event.LOGIN, Skew(86_400)),), ("Connected",), T, T),
    # questions
    Row("questions unanswered", (Fault(Event.QUESTION, Silence()),), (), T, T, HANGS),
    Row(
        "usync refused",
        (Fault(Event.QUESTION, Refusal(429), only="usync"),),
        ("Connected",),
        T,
        T,
        "429|rate-overlimit",
    ),
    # whatsmeow leaves out whom it has no keys for, even when that is everybody: acknowledged, and nobody can read it
    Row("prekeys refused", (Fault(Event.QUESTION, Refusal(500), only="encrypt"),), ("Connected",), T, T),
    # messages
    Row("ack 463", message(Refusal(463)), ("Connected",), T, T, "error 463"),
    Row("ack 479", message(Refusal(479)), ("Connected",), T, T, "error 479"),
    Row("ack 429 once", message(Refusal(429), times=1), ("Connected",), T, T, "error 429"),
    Row("ack never", message(Silence()), ("Connected",), T, T, HANGS),
    Row("ack lost and reset", message(Drop("reset"), times=1), BACK, T, T),
    Row("ack twice", message(Duplicate(2)), ("Connected",), T, T, times=2),
    Row("acks reordered", message(Reorder(2)), ("Connected",), T, T, times=2),
    # prekeys of whom is written to
    Row("prekeys exhausted", (), ("Connected",), T, T, contact=(Fault(Event.BUNDLE, Exhausted()),)),
]


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
    """Pair, apply the faults, log in anew, and watch."""
    client, contact = real.paired(), real.server.add_account()
    real.server.apply(contact, row.contact)
    if row.live:
        client.connect()
        client.heard("Connected")
    real.server.apply(client.account, row.faults)
    if not row.live:
        client.connect()
    if not row.name.startswith(BY_A_TEXT):
        eventually(lambda: len(client.events) >= len(row.events), 5)
    if not row.events:
        time.sleep(HANG_SECONDS)
    expected = (row.connected, row.logged_in)
    until = time.monotonic() + 2
    while (states := client.states()) != expected and time.monotonic() < until:
        time.sleep(0.01)
    events = [event for event in client.events if event != "connect-task-ended"]
    seconds = HANG_SECONDS if row.text == HANGS else 20.0
    texts = [client.text(to=contact.phone, seconds=seconds) for _ in range(row.times)]
    if row.text == ACKNOWLEDGED:
        eventually(lambda: len(client.events) >= len(row.events))  # a text may be what broke the connection
        events = client.events
    return Seen(client, events, states, texts)


rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))


@rows
def test_the_client_reports_these_events(seen: dict[str, Seen], row: Row) -> None:
    events = seen[row.name].events
    assert tuple(events[: len(row.events)]) == row.events
    assert set(events[len(row.events) :]) <= {"Disconnected"}, "more only where it tries again and again"


@rows
def test_the_client_says_of_itself(seen: dict[str, Seen], row: Row) -> None:
    assert seen[row.name].states == (row.connected, row.logged_in)


@rows
def test_a_text_becomes(seen: dict[str, Seen], row: Row) -> None:
    for text in seen[row.name].texts:
        assert re.search(row.text, text), text
