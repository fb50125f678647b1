"""The structure of the whole package: which module may import which. Contracts for the rooms are in pyproject.toml."""

from __future__ import annotations

import ast

import diagnostics
from tests.import_graph import assert_no_import_circle, modules_of

FILES = modules_of(diagnostics)
LONGEST = 400  # lines; a longer file is more than one thing


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert len(FILES) > 200, "the files were found"
    assert_no_import_circle(FILES)


def test_no_file_is_too_long_to_be_one_thing() -> None:
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in FILES.items()}
    assert {name: count for name, count in lines.items() if count >= LONGEST} == {}


def test_no_file_has_a_name_that_three_others_have() -> None:
    """A stranger who looks for "errors" finds the right one. kind.py and look.py are what each kind of target has."""
    names = [path.name for path in FILES.values() if path.name not in {"__init__.py", "kind.py", "look.py"}]
    assert {name for name in names if names.count(name) > 2} == set()


def test_every_module_says_what_it_is_for() -> None:
    silent = [name for name, path in FILES.items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []
