"""What the wheel carries, and what its page on PyPI says. That it works is tried by `.ci/package`."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

import diagnostics
from tests.check_runs import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return zipfile.ZipFile(*directory.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_it_puts_one_package_into_site_packages_and_no_tests(wheel):
    tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    assert tops == {"diagnostics", f"whatsapp_diagnostics-{diagnostics.__version__}.dist-info"}
    assert [name for name in wheel.namelist() if "/tests/" in name] == []


def test_the_checks_lie_inside_the_package(wheel):
    here = {f"diagnostics/{path.relative_to(ROOT)}" for path in (ROOT / "checks").glob("*.py")}
    assert here
    assert here <= set(wheel.namelist())


def test_every_file_of_the_package_is_in_it(wheel):
    """Templates, style sheets, py.typed, the licence of htmx, what Node loads: as git has them."""
    listed = subprocess.run(["git", "ls-files", "diagnostics"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout of git")
    known = {path for path in listed.stdout.splitlines() if (ROOT / path).exists()}
    assert known - set(wheel.namelist()) == set()


@pytest.mark.parametrize("name", ["py.typed", "rehearse.mjs", "sign_in.html", "htmx.min.js", "htmx.LICENSE"])
def test_what_is_no_python_is_in_it(wheel, name):
    assert [each for each in wheel.namelist() if PurePosixPath(each).name == name]


def test_it_names_its_licences_and_carries_them(wheel, metadata):
    assert metadata["License-Expression"] == "MIT AND 0BSD"
    directory = f"whatsapp_diagnostics-{diagnostics.__version__}.dist-info/licenses"
    carried = {f"{directory}/{name}" for name in metadata.get_all("License-File")}
    assert {PurePosixPath(name).name for name in carried} == {"LICENSE", "htmx.LICENSE"}
    assert carried <= set(wheel.namelist())


def test_no_link_of_the_page_on_pypi_is_relative(metadata):
    page = str(metadata.get_payload())
    targets = re.findall(r"\]\(([^)\s]+)\)|^\[[^]]+\]:\s*(\S+)|(?:src|href)=[\"']([^\"']+)", page, re.MULTILINE)
    links = ["".join(each) for each in targets]
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_every_link_of_the_page_into_the_repository_leads_to_a_file(metadata):
    prefix = re.escape("https://github.com/whatsapp-diagnostics/whatsapp-diagnostics/blob/main/")
    paths = re.findall(rf"{prefix}([^)#\s]+)", str(metadata.get_payload()))
    assert paths
    assert [path for path in paths if not Path(ROOT, path).exists()] == []


def test_a_plain_installation_brings_only_the_fixtures_into_everybody_s_pytest(wheel):
    (name,) = (each for each in wheel.namelist() if each.endswith("/entry_points.txt"))
    points = wheel.read(name).decode().partition("[pytest11]\n")[2].partition("\n[")[0].split("\n")
    assert [line.partition(" = ")[2] for line in points if line] == ["diagnostics.testing"]
