"""Faults before the account of a connection is known, of pairing, and of questions, with the real neonize."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from diagnostics.neonize import protocol
from diagnostics.neonize.process import CallFailed
from diagnostics.simulator import (
    BadHmac,
    Certificate,
    Drop,
    Event,
    Failure,
    Fault,
    HttpStatus,
    Refusal,
    ScanRefused,
    Settings,
    Silence,
    SimulatorError,
)
from diagnostics.simulator.faults.actions import Action
from tests.simulator import calls
from tests.simulator.real import ACKNOWLEDGED, HANG_SECONDS, Client, Real, eventually, real_clients


@pytest.fixture
def everybody(real: Real) -> Iterator[Real]:
    """What is applied to all clients ends with the test."""
    yield real
    real.server.apply(None, ())


@pytest.fixture(scope="module")
def paired(real: Real) -> Client:
    return real.paired()


@pytest.fixture(scope="module")
def connected(real: Real) -> Client:
    return real.connected()


# Certificates and ways to the server


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("root", "failed to verify intermediate cert signature"),
        ("serial", "unexpected leaf issuer serial"),
        ("expired", "certificate expired"),
        ("early", "certificate not valid yet"),
        ("key", "cert key doesn't match"),
    ],
)
def test_a_wrong_certificate_ends_the_first_connection_for_good(
    everybody: Real, paired: Client, wrong: Literal["root", "serial", "expired", "early", "key"], complaint: str
) -> None:
    everybody.server.apply(None, [Fault(Event.HELLO, Certificate(wrong))])
    assert complaint in fails_to_connect(paired)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (Event.DIAL, HttpStatus(403)),
        (Event.DIAL, HttpStatus(503)),
        (Event.DIAL, Drop("reset")),
        (Event.UPGRADE, HttpStatus(403)),
        (Event.UPGRADE, HttpStatus(503)),
        (Event.UPGRADE, Drop()),
    ],
)
def test_a_client_that_is_refused_at_first_never_tries_again(
    everybody: Real, paired: Client, event: Event, action: Action
) -> None:
    """Not once but until the end of the test: a client of an earlier test may come back by itself and take the turn."""
    everybody.server.apply(None, [Fault(event, action)])
    assert fails_to_connect(paired)


def fails_to_connect(client: Client) -> str:
    """Connect without an event; what the connect task says at its end."""
    client.connect()
    error = client.heard("connect-task-ended").data["error"]
    assert client.events == ["connect-task-ended"]
    assert client.states() == (False, False)
    client.stop()
    return str(error)


@pytest.mark.parametrize(
    ("event", "action"),
    [(Event.UPGRADE, Silence()), (Event.HELLO, Drop("reset"))],
)
def test_a_client_that_gets_no_answer_waits(everybody: Real, event: Event, action: Action) -> None:
    """In the handshake whatsmeow waits for its 20 s even when the connection is gone."""
    client = everybody.copied()
    everybody.server.apply(None, [Fault(event, action)])
    client.connect()  # itself waits up to a second for the login, which is long enough to see that nothing comes
    assert client.events == []


# Faults that begin and end


def test_a_ban_ends_when_it_was_said_to(real: Real) -> None:
    client = real.copied()
    real.server.apply(client.account, [Fault(Event.LOGIN, Failure(402, code=101, expire=1), lasts=0.5)])
    client.connect()
    assert client.heard("TemporaryBan").data["Expire"] == "1"
    client.stop()
    time.sleep(0.5)
    client.connect()
    client.heard("Connected")
    assert client.text() == ACKNOWLEDGED


def test_faults_begin_and_end_while_the_client_is_connected(real: Real, connected: Client) -> None:
    real.server.apply(connected.account, [Fault(Event.MESSAGE, Refusal(479), nth=2, times=1)])
    texts = [connected.text() for _ in range(3)]
    assert ["479" in text for text in texts] == [False, True, False]
    real.server.apply(connected.account, [Fault(Event.MESSAGE, Refusal(429))])
    assert "429" in connected.text()
    real.server.apply(connected.account, ())
    assert connected.text() == ACKNOWLEDGED


# Pairing


def test_a_phone_whose_answer_is_wrong_or_lost_links_nothing(real: Real) -> None:
    """Both clients are watched at the same time."""
    wrong, lost = real.client(), real.client()
    for client, action in ((wrong, BadHmac()), (lost, Silence())):
        real.server.apply(client.account, [Fault(Event.SCAN, action)])
        client.connect()
        real.server.scan(client.heard("qr").data["code"], client.account)
    time.sleep(HANG_SECONDS)
    assert (wrong.events, lost.events) == (["qr"], ["qr"])
    assert (wrong.states(), lost.states()) == ((False, False), (True, False))
    assert (wrong.account.devices, lost.account.devices) == ((), ())


def test_a_client_whose_qr_codes_nobody_scans_is_sent_away_and_says_nothing(tmp_path: Path) -> None:
    """Of six codes; whatsmeow shows each for a minute or 20 s, whatever the server does meanwhile."""
    with real_clients(tmp_path, settings=Settings(first_qr=0.2, next_qr=0.02)) as real:
        client = real.client()
        client.connect()
        code = client.heard("qr").data["code"]
        assert eventually(lambda: client.states() == (False, False))
        assert client.events == ["qr"]
        with pytest.raises(ScanRefused, match=r"it has expired|its client is gone"):
            real.server.scan(code, client.account)


# Questions


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 406, 409, 410, 419, 429, 463, 500, 501, 503, 599])
def test_a_question_that_is_refused_raises_with_the_code(real: Real, connected: Client, code: int) -> None:
    real.server.apply(connected.account, [Fault(Event.QUESTION, Refusal(code))])
    with pytest.raises(CallFailed, match=f"^info query returned status {code}: "):
        connected.call(calls.JoinedGroups(connected.name))
    answers = connected.call(protocol.RoundTrip(connected.name))["answers"]
    assert answers.keys() == {"blocklist", "people", "groups"}
    assert all(f"info query returned status {code}: " in answer["error"] for answer in answers.values())
    assert f"status {code}: " in connected.text(to=real.server.add_account().phone)
    assert connected.states() == (True, True)
    real.server.apply(connected.account, ())


# Wrong use


def test_faults_before_the_account_is_known_are_applied_to_all_and_others_to_one(real: Real, connected: Client) -> None:
    with pytest.raises(SimulatorError, match="not known yet whose"):
        real.server.apply(connected.account, [Fault(Event.HELLO, Silence())])
    with pytest.raises(SimulatorError, match="happens to an account"):
        real.server.apply(None, [Fault(Event.LOGIN, Silence())])
