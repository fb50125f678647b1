"""Fixtures for all tests of the gateway."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.postgres import NoServer, Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this run's own."""
    # Not in pytest's directory, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="wadiag-postgres-") as folder:
        try:
            with running(Path(folder)) as server:
                yield server
        except NoServer as reason:
            pytest.skip(str(reason))
