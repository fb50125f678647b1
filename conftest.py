"""Loads the suite's pytest plugins in a checkout; installed, `wadiag check` and an entry point do so."""

from __future__ import annotations

import pytest

from diagnostics.loading import load_plugins


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    # The options are here, too, so that a typo in the path of the checks is answered as that.
    load_plugins(pluginmanager, "diagnostics.plugin", "diagnostics.testing")
