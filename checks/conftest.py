"""Brings the options and hooks of the checks along, wherever the checks are."""

from __future__ import annotations

import pytest

from diagnostics.loading import load_plugins


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    load_plugins(pluginmanager, "diagnostics.plugin")
