"""The structure of the simulator's own code: which module may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import diagnostics.simulator

_PACKAGE = Path(diagnostics.simulator.__file__).parent
_NAME = diagnostics.simulator.__name__
_IO_MODULES = {"asyncio", "socket", "time", "threading", "secrets", "random", "os", "ssl", "websockets"}


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
    assert set(TopologicalSorter(graph).static_order()) == set(_FILES)


def test_the_simulator_imports_nothing_of_the_rest() -> None:
    for name, path in _FILES.items():
        ours = {module for module in _imports(path) if module.partition(".")[0] == "diagnostics"}
        others = {module for module in ours if not module.startswith(_NAME)}
        assert others == ({"diagnostics.scratch"} if name == f"{_NAME}.io.server" else set()), name
    scratch = set(_imports(_PACKAGE.parent / "scratch.py"))
    assert not {module for module in scratch if module.startswith("diagnostics")}, "which stands alone as well"


def test_only_the_io_package_does_input_and_output() -> None:
    """Sockets, clocks, threads and random numbers are used in `io` and nowhere else."""
    for name, path in _FILES.items():
        if not name.startswith(f"{_NAME}.io"):
            assert not {module.partition(".")[0] for module in _imports(path)} & _IO_MODULES, name


def test_one_module_knows_pyaileys_and_never_runs_it() -> None:
    for name, path in _FILES.items():
        assert not any(module.startswith("pyaileys") for module in _imports(path)), name
    code = (
        "import sys; from diagnostics.simulator import WhatsAppServer\n"
        "light = {'asyncio', 'cryptography', 'google.protobuf', 'websockets', 'xeddsa', 'h11'} & set(sys.modules)\n"
        "with WhatsAppServer(): pass\n"
        "print(sorted(light), 'pyaileys' in sys.modules, 'h11' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[] False False"


def test_every_public_name_can_be_imported() -> None:
    assert all(hasattr(diagnostics.simulator, name) for name in diagnostics.simulator.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = diagnostics.simulator.Nothing
