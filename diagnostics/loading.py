"""Loads the suite's pytest plugins from a conftest.py, or says in one sentence why this pytest cannot.

Imports nothing but the standard library and pytest, since it must be able to speak where a package is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

_NEEDED = ("msgspec", "neonize", "cryptography")  # imported late, by whoever looks at a session


def load_plugins(manager: pytest.PytestPluginManager, *modules: str) -> None:
    """Register plugin modules, each once, whoever asks for it and under whatever name.

    Raises:
        pytest.UsageError: a package that they need is not installed where this pytest runs.
    """
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise pytest.UsageError(_not_installed(name))
    for name in modules:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as missing:
            raise pytest.UsageError(_not_installed(missing.name or str(missing))) from None
        if not manager.is_registered(module):
            manager.register(module, name)


def require(*packages: str, otherwise: str) -> None:
    """Check that packages can be imported, without importing them.

    Args:
        otherwise: what to do, as the end of the sentence.

    Raises:
        pytest.UsageError: the first of them cannot.
    """
    for name in packages:
        if importlib.util.find_spec(name) is None:
            raise pytest.UsageError(f"the package {name} is not installed for {sys.executable}: {otherwise}")


def _not_installed(package: str) -> str:
    pytest_of_checkout = Path(".venv/bin/pytest")
    call = pytest_of_checkout if pytest_of_checkout.exists() else "the pytest of the environment it is installed in"
    prepare = "" if pytest_of_checkout.exists() else ", or set up .venv first: make check"
    return (
        f"this pytest ({sys.executable}) cannot run whatsapp-diagnostics, because the package {package} is not "
        f"installed there: call {call} instead (source .venv/bin/activate makes it the pytest of this shell){prepare}"
    )
