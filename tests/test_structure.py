"""The structure of the whole package: which module may import which. Contracts for the rooms are in pyproject.toml."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import diagnostics

PACKAGE = Path(diagnostics.__file__).parent
LONGEST = 400  # lines; a longer file is more than one thing


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


FILES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imports(path: Path) -> Iterator[str]:
    """What a file imports, wherever in it: also in functions, and for type checkers only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (module if module in FILES else node.module for module in modules)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """`TopologicalSorter` raises CycleError with the modules of a circle."""
    graph = {name: (set(imports(path)) & set(FILES)) - {name} for name, path in FILES.items()}
    assert set(TopologicalSorter(graph).static_order()) == set(FILES)


def test_no_file_is_too_long_to_be_one_thing() -> None:
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in FILES.items()}
    assert {name: count for name, count in lines.items() if count >= LONGEST} == {}


def test_no_file_has_a_name_that_three_others_have() -> None:
    """A stranger who looks for "errors" finds the right one. kind.py and look.py are what each kind of target has."""
    names = [path.name for path in FILES.values() if path.name not in {"__init__.py", "kind.py", "look.py"}]
    assert {name for name in names if names.count(name) > 2} == set()
