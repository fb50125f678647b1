"""Loads the suite's pytest plugin in a checkout that is not installed; installed, its entry point has the same name."""

pytest_plugins = ["diagnostics.plugin", "diagnostics.testing"]
