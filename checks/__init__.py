"""The checks as pytest collects them: `pytest checks` in a checkout, `wadiag check` where the package is installed."""
