"""The structure of the simulator's own code: which module may import which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import diagnostics.simulator
from tests.import_graph import assert_no_import_circle, imports, modules_of

_PACKAGE = Path(diagnostics.simulator.__file__).parent
_NAME = diagnostics.simulator.__name__
_IO_MODULES = {"asyncio", "socket", "time", "threading", "secrets", "random", "os", "ssl", "websockets"}


_FILES = modules_of(diagnostics.simulator)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert_no_import_circle(_FILES)


def test_the_simulator_imports_nothing_of_the_rest() -> None:
    for name, path in _FILES.items():
        ours = {module for module in imports(path, _FILES) if module.partition(".")[0] == "diagnostics"}
        others = {module for module in ours if not module.startswith(_NAME)}
        assert others == ({"diagnostics.scratch"} if name == f"{_NAME}.io.server" else set()), name
    scratch = set(imports(_PACKAGE.parent / "scratch.py", _FILES))
    assert not {module for module in scratch if module.startswith("diagnostics")}, "which stands alone as well"


def test_only_the_io_package_does_input_and_output() -> None:
    """Sockets, clocks, threads and random numbers are used in `io` and nowhere else."""
    for name, path in _FILES.items():
        if not name.startswith(f"{_NAME}.io"):
            assert not {module.partition(".")[0] for module in imports(path, _FILES)} & _IO_MODULES, name


def test_one_module_knows_pyaileys_and_never_runs_it() -> None:
    for name, path in _FILES.items():
        assert not any(module.startswith("pyaileys") for module in imports(path, _FILES)), name
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
