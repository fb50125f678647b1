"""100 MB there and back, through TLS, with the real client at one end."""

from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path

import pytest

from diagnostics.simulator import SimulatedAccount
from tests.simulator import calls
from tests.simulator.real import Real

MEGABYTES = 100


def memory() -> int:
    """Bytes of this process's memory that are in use now: the server lives in it, the client does not."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for number in range(MEGABYTES):
            file.write(number.to_bytes(4, "big") + block[4:])
    return path


def test_100_mb_are_fetched_while_memory_stays_small(real: Real, large: Path) -> None:
    client, friend = real.connected(), real.server.add_account()
    friend.send_text(client.account, "first")  # what is imported is imported
    client.heard("Message", text="first")
    before = memory()
    number = send(friend, client.account, large)
    client.heard("Message", 30, id=number)
    fetched = client.call(calls.Download(client.name, number), 60)
    assert fetched["size"] == MEGABYTES << 20
    with large.open("rb") as file:
        assert fetched["sha256"] == hashlib.file_digest(file, "sha256").hexdigest()
    assert memory() - before < 16 << 20


def send(friend: SimulatedAccount, to: SimulatedAccount, file: Path) -> str:
    return friend.send_file(to, file, kind="document", mimetype="application/octet-stream")
