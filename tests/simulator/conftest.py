from __future__ import annotations

from collections.abc import Iterator

import pytest

from .real import Real, real_clients


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Real clients of one server for all tests: each takes accounts of its own."""
    with real_clients(tmp_path_factory.mktemp("real")) as real:
        yield real
