"""A dead connection as the real client notices it: by its keepalive alone, here in a second instead of minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diagnostics.neonize.protocol import Keepalive
from diagnostics.simulator import Event, Fault, HalfOpen, Silence
from tests.simulator.real import ACKNOWLEDGED, HANG_SECONDS, HANGS, Client, Real, real_clients

QUICK = Keepalive(answer=0.25, least=0.2, most=0.3, fail=1.0)  # s; the client's own are 10, 20, 30, 180


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with real_clients(tmp_path_factory.mktemp("keepalive"), keepalive=QUICK) as real:
        yield real


@pytest.fixture
def client(real: Real) -> Client:
    client = real.copied()
    client.connect()
    client.heard("Connected")
    return client


def muted(times: int | None = None) -> Fault:
    return Fault(Event.QUESTION, Silence(), times=times, only="w:p")


def test_one_keepalive_that_is_not_answered_is_reported_and_so_is_the_next_that_is(client: Client) -> None:
    client.real.server.apply(client.account, [muted(times=1)])
    timeout = client.heard("KeepAliveTimeout")
    assert timeout.data["ErrorCount"] == "1"
    assert float(timeout.data["LastSuccess"]) <= timeout.at
    client.heard("KeepAliveRestored")
    assert client.events[:3] == ["Connected", "KeepAliveTimeout", "KeepAliveRestored"]
    assert client.text() == ACKNOWLEDGED


def test_a_client_whose_keepalive_is_muted_connects_again_and_never_says_that_it_was_disconnected(
    client: Client,
) -> None:
    client.real.server.apply(client.account, [muted()])
    client.heard("KeepAliveTimeout", ErrorCount="2")
    client.heard("Connected", nth=2)
    assert "Disconnected" not in client.events
    assert client.states() == (True, True)
    client.real.server.apply(client.account, ())
    assert client.text() == ACKNOWLEDGED


def test_a_half_open_connection_is_noticed_by_the_keepalive_alone(client: Client) -> None:
    client.real.server.apply(client.account, [Fault(Event.TIME, HalfOpen())])
    assert client.text(seconds=HANG_SECONDS) == HANGS
    client.heard("KeepAliveTimeout", ErrorCount="2")
    assert "Disconnected" not in client.events
