"""What every scenario looks like to the real, unmodified neonize: the events, the states, and what becomes of a send.

All sessions live in one child process and are looked at together, once; the tests read what was seen.

    scenario       events after the login             connected, logged in   a text                   an image
    healthy        Connected                          T, T                   acknowledged             acknowledged
    unpaired       qr                                 T, F                   –                        –
    logged-out     Connected, LoggedOut               F, F                   fails at once            fails at once
    replaced       Connected, StreamReplaced          F, F                   fails at once            fails at once
    connecting     none                               T, F                   hangs                    hangs
    closed         Connected, Disconnected, …         F, T                   fails at once            fails at once
    zombie         Connected, Disconnected            T, T                   hangs                    hangs
    unknown-state  Connected                          T, T                   acknowledged             acknowledged
    outdated       ClientOutdated                     F, F                   fails at once            fails at once
    banned         TemporaryBan                       F, F                   fails at once            fails at once
    ack-refused    Connected                          T, T                   error 463                error 463
    ack-lost       Connected                          T, T                   hangs                    hangs
    media-down     Connected                          T, T                   acknowledged             upload error 500
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from diagnostics.neonize import client_log, link_store
from diagnostics.neonize.process import CallFailed, Worker, WorkerTimeout
from diagnostics.neonize.protocol import Connect, Push, SendImage, SendText, State
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import SCENARIOS, Scenario, SimulatedAccount, WhatsAppServer

ACKNOWLEDGED = "acknowledged"
HANGS = "hangs"
HANG_SECONDS = 1.0  # where others take 0.1; the client itself waits for 75
ANSWER_SECONDS = 20.0
FAILS = r"(websocket (disconnected|not connected)|frame socket is closed|doesn't contain a device JID|has not come)"


@dataclass
class Seen:
    """One session as its client saw it."""

    account: SimulatedAccount
    events: list[Push] = field(default_factory=list)
    connected: bool | None = None
    logged_in: bool | None = None
    ready_state: str = ""
    text: str = ""
    image: str = ""

    @property
    def names(self) -> list[str]:
        return [push.event for push in self.events]


@dataclass(frozen=True)
class Expected:
    """A row of the table: event names, states, and patterns for what becomes of the sends."""

    events: list[str]
    connected: bool
    logged_in: bool
    text: str = ACKNOWLEDGED
    image: str = ACKNOWLEDGED


EXPECTED = {
    "healthy": Expected(["Connected"], True, True),
    "unpaired": Expected(["qr"], True, False, "", ""),
    "logged-out": Expected(["Connected", "LoggedOut"], False, False, FAILS, FAILS),
    "replaced": Expected(["Connected", "StreamReplaced"], False, False, FAILS, FAILS),
    "connecting": Expected([], True, False, HANGS, HANGS),
    "closed": Expected(["Connected", "Disconnected", "Disconnected"], False, True, FAILS, FAILS),
    "zombie": Expected(["Connected", "Disconnected"], True, True, HANGS, HANGS),
    "unknown-state": Expected(["Connected"], True, True),
    "outdated": Expected(["ClientOutdated"], False, False, FAILS, FAILS),
    "banned": Expected(["TemporaryBan"], False, False, FAILS, FAILS),
    "ack-refused": Expected(["Connected"], True, True, "server returned error 463", "server returned error 463"),
    "ack-lost": Expected(["Connected"], True, True, HANGS, HANGS),
    "media-down": Expected(["Connected"], True, True, ACKNOWLEDGED, "upload failed with status code 500"),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return asyncio.run(look_at_everything(tmp_path_factory.mktemp("stores")))


async def look_at_everything(stores: Path) -> dict[str, Seen]:
    server = WhatsAppServer()
    worker = Worker(environment(server.client_environment()))
    try:
        worker.start()
        await asyncio.to_thread(server.start)
        await worker.hello(30, server.noise_root)
        sessions = [look_at(server, worker, SCENARIOS[name], stores / f"{name}.db") for name in EXPECTED]
        return dict(zip(EXPECTED, await asyncio.gather(*sessions), strict=True))
    finally:
        await worker.close()
        server.close()


async def look_at(server: WhatsAppServer, worker: Worker, scenario: Scenario, store: Path) -> Seen:
    """Pair, apply the faults, log in again, and watch."""
    seen, expected = Seen(server.add_account()), EXPECTED[scenario.name]
    proxy = server.proxy_url
    if scenario.store == "paired":
        await link_store.pair(
            worker,
            scenario.name,
            store,
            show=lambda code: server.scan(code, seen.account),
            deadline=30,
            proxy=proxy,
            fast_store=True,
        )
        server.apply(seen.account, scenario.faults)
    heard = asyncio.Event()

    def listen(push: Push) -> None:
        if push.event not in {"uploaded", "fetched", "connect-task-ended"} | client_log.EVENTS:
            seen.events.append(push)
        if len(seen.events) >= len(expected.events):
            heard.set()

    worker.subscribe(scenario.name, listen)
    # Connect waits up to a second for the login, so an event that is not heard by then does not come.
    await worker.call(Connect(scenario.name, str(store), proxy=proxy, create=True, fast_store=True), 30)
    if expected.events:
        await asyncio.wait_for(heard.wait(), ANSWER_SECONDS)
    await settle(worker, scenario.name, seen, expected)
    if expected.text:
        await send(server, worker, scenario.name, seen, HANG_SECONDS if expected.text == HANGS else ANSWER_SECONDS)
    return seen


async def settle(worker: Worker, session: str, seen: Seen, expected: Expected) -> None:
    """Read the states until they are as expected, if they ever are: the server closes the connection a moment later."""
    for _ in range(1000):
        values = await worker.call(State(session, ("is_connected", "is_logged_in", "readyState")), ANSWER_SECONDS)
        seen.connected, seen.logged_in = values["is_connected"]["value"], values["is_logged_in"]["value"]
        seen.ready_state = str(values["readyState"])
        if (seen.connected, seen.logged_in) == (expected.connected, expected.logged_in):
            return
        await asyncio.sleep(0.02)


async def send(server: WhatsAppServer, worker: Worker, session: str, seen: Seen, deadline: float) -> None:
    """A text and an image, side by side, and what becomes of them."""
    picture = BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "PNG")

    async def outcome(call: SendText | SendImage) -> str:
        try:
            await worker.call(call, deadline)
        except WorkerTimeout:
            return HANGS
        except CallFailed as failed:
            return str(failed)
        return ACKNOWLEDGED

    to = server.contact.phone
    seen.text, seen.image = await asyncio.gather(
        outcome(SendText(session, to, "hello")), outcome(SendImage(session, to, picture.getvalue()))
    )


scenarios = pytest.mark.parametrize("name", EXPECTED)


@scenarios
def test_the_client_reports_these_events(seen: dict[str, Seen], name: str) -> None:
    names = seen[name].names
    if name == "closed":  # it goes on, after 2, 4, 6 … seconds
        names = names[:3]
    assert names == EXPECTED[name].events


@scenarios
def test_the_client_holds_itself_for(seen: dict[str, Seen], name: str) -> None:
    expected = EXPECTED[name]
    assert (seen[name].connected, seen[name].logged_in) == (expected.connected, expected.logged_in)


@scenarios
def test_a_text_and_an_image_end_like_this(seen: dict[str, Seen], name: str) -> None:
    expected, found = EXPECTED[name], seen[name]
    assert re.search(expected.text, found.text), found.text
    assert re.search(expected.image, found.image), found.image


@scenarios
def test_the_server_has_recorded_the_same(seen: dict[str, Seen], name: str) -> None:
    messages = [(message.type, message.acknowledged, message.error) for message in seen[name].account.messages]
    text, image = ("text", True, None), ("media", True, None)
    recorded = {
        "healthy": {text, image},
        "unknown-state": {text, image},
        "ack-refused": {("text", False, 463), ("media", False, 463)},
        "media-down": {text},
    }
    if name == "ack-lost":  # the client hands over one and holds the other back until it has an answer
        assert [message[1:] for message in messages] == [(False, None)]
    else:
        assert set(messages) == recorded.get(name, set())


def test_the_ban_carries_its_code_and_its_end(seen: dict[str, Seen]) -> None:
    assert seen["banned"].events[0].data == {"Code": "SEND_TO_TOO_MANY_PEOPLE", "Expire": "86400"}


def test_logged_out_means_the_phone_did_it(seen: dict[str, Seen]) -> None:
    assert seen["logged-out"].events[1].data["Reason"] == "LOGGED_OUT"


def test_the_attribute_of_unknown_state_does_not_exist(seen: dict[str, Seen]) -> None:
    assert SCENARIOS["unknown-state"].client == {"state_attribute": "readyState"}
    assert "AttributeError" in seen["unknown-state"].ready_state


def test_every_scenario_with_a_store_is_looked_at() -> None:
    assert set(EXPECTED) == {name for name, scenario in SCENARIOS.items() if scenario.store != "none"}
