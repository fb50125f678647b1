"""Routes in place of a product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import respx


@pytest.fixture
def httpx2_mock() -> Iterator[respx.MockRouter]:
    """In place of the plugin's, which wants every route to be called."""
    with respx.mock(using="httpcore2", assert_all_called=False) as router:
        yield router
