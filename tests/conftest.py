"""The project's own tests are stricter than a run of the checks: a warning is an error."""

from __future__ import annotations

import pytest

from diagnostics.loading import require


def pytest_configure(config: pytest.Config) -> None:
    require("pytest_asyncio", "hypothesis", "freezegun", "respx", otherwise="run the project's tests with: make test")
    config.addinivalue_line("filterwarnings", "error")
