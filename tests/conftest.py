"""The project's own tests are stricter than a run of the checks: a warning is an error."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")
