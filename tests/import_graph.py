"""Which module imports which, read from the source code: also in functions, and under TYPE_CHECKING."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType


def modules_of(package: ModuleType) -> dict[str, Path]:
    """The source files of a package and its subpackages, by module name."""
    assert package.__file__ is not None
    root = Path(package.__file__).parent

    def name_of(path: Path) -> str:
        parts = path.relative_to(root).with_suffix("").parts
        return ".".join((package.__name__, *parts)).removesuffix(".__init__")

    return {name_of(path): path for path in root.rglob("*.py")}


def imports(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """Names of all modules that a file imports.

    Args:
        modules: tells `from package import module` from `from module import name`.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules else node.module for name in names)


def assert_no_import_circle(modules: Mapping[str, Path]) -> None:
    """`TopologicalSorter` raises CycleError with the modules of a circle."""
    graph = {name: set(imports(path, modules)) & set(modules) for name, path in modules.items()}
    assert set(TopologicalSorter(graph).static_order()) == set(modules)
