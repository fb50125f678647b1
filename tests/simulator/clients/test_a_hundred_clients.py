"""A hundred real clients of one worker, from copies of one linked session. How fast: bench/README.md."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from diagnostics.simulator import Drop, Event, Fault
from diagnostics.targets.neonize.pairing import pair
from tests.simulator.real import Client, Real, real_clients

CLIENTS = 100
PATIENCE = 60.0  # s for what takes 1 on two idle cores


@pytest.fixture
def hundred(tmp_path: Path) -> Iterator[list[Client]]:
    """All logged in, in a worker of their own: each keeps a thread of it for life."""
    with real_clients(tmp_path) as real:
        clients = copies(real, tmp_path / "template.db")
        for client in clients:
            client.connect()
        for client in clients:
            client.heard("Connected", PATIENCE)
        yield clients


def copies(real: Real, template: Path) -> list[Client]:
    original, proxy = real.server.add_account(), real.server.proxy_url
    scan = partial(real.server.scan, account=original)
    real.run(pair(real.worker, "template", template, show=scan, deadline=PATIENCE, proxy=proxy))
    clients = [real.client() for _ in range(CLIENTS)]
    for client in clients:
        real.server.copy_session(template, original, client.store, client.account)
    return clients


def test_a_hundred_clients_that_are_all_dropped_by_a_reset_are_all_back_at_the_first_attempt(
    hundred: list[Client],
) -> None:
    for client in hundred:
        client.real.server.apply(client.account, [Fault(Event.TIME, Drop("reset"))])
    for client in hundred:
        client.heard("Connected", PATIENCE, nth=2)
    assert {tuple(client.events) for client in hundred} == {("Connected", "Disconnected", "Connected")}
    assert {client.states() for client in hundred} == {(True, True)}
