"""A hundred real clients of one worker, from copies of one linked session. How fast: bench/README.md."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diagnostics.simulator import Drop, Event, Fault
from tests.simulator.real import Client, real_clients

CLIENTS = 100
AT_ONCE = 8  # that connect at the same time
PATIENCE = 60.0  # s for what takes 1 on two idle cores


@pytest.fixture
def hundred(tmp_path: Path) -> Iterator[list[Client]]:
    """All logged in, in a worker of their own: each keeps a thread of it for life."""
    with real_clients(tmp_path) as real:
        clients = [real.copied() for _ in range(CLIENTS)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(Client.connect, clients))
        for client in clients:
            client.heard("Connected", PATIENCE)
        yield clients


def test_a_hundred_clients_that_are_all_dropped_by_a_reset_are_all_back_at_the_first_attempt(
    hundred: list[Client],
) -> None:
    for client in hundred:
        client.real.server.apply(client.account, [Fault(Event.TIME, Drop("reset"))])
    for client in hundred:
        client.heard("Connected", PATIENCE, nth=2)
    assert {tuple(client.events) for client in hundred} == {("Connected", "Disconnected", "Connected")}
    assert {client.states() for client in hundred} == {(True, True)}
