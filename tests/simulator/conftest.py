from __future__ import annotations

from collections.abc import Iterator

import pytest

from diagnostics.neonize.process import WorkerCrashed
from tests.simulator.real import Real, real_clients

_REAL = pytest.StashKey[Real]()


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Real clients of one server for all tests: each takes accounts of its own."""
    with real_clients(tmp_path_factory.mktemp("real")) as real:
        request.config.stash[_REAL] = real
        yield real


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Replace a worker that died during an earlier test."""
    real = item.config.stash.get(_REAL, None)
    if real is not None:
        real.revive()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test during which the worker dies fails with that crash, instead of its consequences."""
    real = item.config.stash.get(_REAL, None)
    try:
        yield
    except WorkerCrashed:
        raise
    except Exception as consequence:
        if real is not None and real.crash is not None:
            raise real.crash from consequence
        raise
    if real is not None and real.crash is not None:
        raise real.crash
