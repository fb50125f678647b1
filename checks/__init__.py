"""The checks as pytest collects them: `pytest checks` here, `pytest --pyargs checks` where the package is installed."""
