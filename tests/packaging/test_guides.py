"""What CONTRIBUTING.md, SECURITY.md and RELEASING.md point at exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import diagnostics
from tests.check_runs import ROOT

GUIDES = ["CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "README.md"]


def text(name: str) -> str:
    return Path(ROOT, name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GUIDES)
def test_every_path_in_it_leads_somewhere(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text(name))
    paths = re.findall(r"`((?:diagnostics|tests|docs|bench|\.ci)/[\w./-]+)`", text(name))
    assert links
    assert [path for path in links + paths if not Path(ROOT, path).exists()] == []


@pytest.mark.parametrize("name", GUIDES)
def test_every_make_target_in_it_exists(name):
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`)make (?:-s )?([a-z]+)", text(name), re.MULTILINE)) <= targets


def test_the_version_has_a_dated_section_in_the_changelog():
    assert re.search(
        rf"^## {re.escape(diagnostics.__version__)} \(\d{{4}}-\d\d-\d\d\)$", text("CHANGELOG.md"), re.MULTILINE
    )
