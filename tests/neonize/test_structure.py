"""The structure of the driver, the evidence and the catalogue: no import circles."""

from __future__ import annotations

from types import ModuleType

import pytest

import diagnostics.catalogue
import diagnostics.evidence
import diagnostics.neonize
from tests.import_graph import assert_no_import_circle, modules_of


@pytest.mark.parametrize("package", [diagnostics.neonize, diagnostics.evidence, diagnostics.catalogue])
def test_no_modules_import_each_other_in_a_circle(package: ModuleType) -> None:
    modules = modules_of(package)
    assert len(modules) > 1
    assert_no_import_circle(modules)
