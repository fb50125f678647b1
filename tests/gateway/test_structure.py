"""The gateway's packages say what is in them, and cost nothing to import. Circles: tests/test_structure.py."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import diagnostics.gateway

_PACKAGE = Path(diagnostics.gateway.__file__).parent


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
