"""The structure of the gateway's own code: which module may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import diagnostics.gateway

_PACKAGE = Path(diagnostics.gateway.__file__).parent
_NAME = diagnostics.gateway.__name__
_LONGEST = 400  # lines of a file


def _name_of(path: Path) -> str:
    parts = path.relative_to(_PACKAGE).with_suffix("").parts
    return ".".join((_NAME, *parts)).removesuffix(".__init__")


_FILES = {_name_of(path): path for path in _PACKAGE.rglob("*.py")}


def _imports(path: Path) -> Iterator[str]:
    """What a file imports, wherever in it: also in functions, and for type checkers only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (module if module in _FILES else node.module for module in modules)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """`TopologicalSorter` raises CycleError with the modules of a circle."""
    graph = {name: set(_imports(path)) & set(_FILES) for name, path in _FILES.items()}
    assert len(graph) > 40, "the files of the gateway were found"
    assert set(TopologicalSorter(graph).static_order()) == set(_FILES)


def test_no_file_is_longer_than_somebody_reads_at_once() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in _FILES.items()}
    assert not {name: count for name, count in lines.items() if count >= _LONGEST}


def test_every_module_says_what_it_is_for() -> None:
    undocumented = [name for name, path in _FILES.items() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not undocumented


def test_a_package_lists_files_that_exist() -> None:
    """The first word of an indented line of a package's docstring is a file or a folder of the package."""
    for path in _PACKAGE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        words = [line.split()[0] for line in text.splitlines() if "  " in line.strip()]
        listed = [word for word in words if word.endswith((".py", "/"))]
        assert not [word for word in listed if not [*path.parent.glob(word.rstrip("/"))]], path


def test_importing_the_package_loads_neither_a_web_framework_nor_a_database() -> None:
    code = (
        "import sys; from diagnostics.gateway import attach, health_app\n"
        "print(sorted({'fastapi', 'uvicorn', 'sqlalchemy', 'neonize'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
