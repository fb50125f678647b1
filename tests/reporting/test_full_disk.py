"""Runs whose files go to a disk that is full: the diagnosis is printed, and what could not be written is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.check_runs import FAILED, OK, ROOT, Ran, command, environment

INTERNAL_ERROR = 3
MOUNT = 'mount -t tmpfs -o "$0" tmpfs "$1" && shift && exec "$@"'
NO_ROOM, NO_FILES, NO_FOLDER = "size=8k", "nr_inodes=2", "nr_inodes=1"


def can_mount() -> bool:
    """Whether this user may have a file system of their own, which nobody else sees."""
    try:
        return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not can_mount(), reason="a file system of one's own needs unshare (util-linux)")


def on_full_disk(folder: Path, options: str, words: list[str], **env: str) -> Ran:
    """Run a command while `folder` is a small file system."""
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", MOUNT, options, str(folder), *words],
        cwd=ROOT,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
    )
    out = done.stdout + done.stderr
    assert "Traceback" not in out
    assert "INTERNALERROR" not in out
    return Ran(done.returncode, out, folder)


@pytest.mark.parametrize(("options", "below"), [(NO_ROOM, ""), (NO_FILES, "reports"), (NO_FOLDER, "reports")])
@pytest.mark.parametrize(
    ("scenario", "code", "verdict"), [("healthy", OK, "HEALTHY"), ("logged-out", FAILED, "UNHEALTHY")]
)
def test_without_room_for_the_report_the_diagnosis_is_printed_and_the_exit_code_is_its(
    tmp_path, options, below, scenario, code, verdict
):
    ran = on_full_disk(tmp_path, options, command(tmp_path / below, "--session", f"testing={scenario}"))
    assert ran.code == code
    assert f"testing  {verdict} (simulated)" in ran.out
    assert "The report cannot be written to" in ran.out
    assert "No space left on device; name another directory with --reports DIR." in " ".join(ran.out.split())
    assert "latest.html" not in ran.out


@pytest.mark.parametrize("option", ["--junitxml", "--html"])
def test_without_room_for_a_file_that_was_asked_for_the_run_is_not_green(tmp_path, option):
    full, reports = tmp_path / "full", tmp_path / "reports"
    full.mkdir()
    options = ("--self-contained-html", f"{option}={full / 'results'}")
    ran = on_full_disk(full, "size=4k", command(reports, "--session", "testing=healthy", *options))
    assert ran.code == INTERNAL_ERROR
    assert "testing  HEALTHY (simulated)" in ran.out
    assert "cannot be written: No space left on device." in " ".join(ran.out.split())


def test_without_room_for_the_terminals_output_one_sentence_says_so(tmp_path):
    words = [sys.executable, "-m", "diagnostics", "check", "testing=healthy", "--reports", str(tmp_path)]
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            words, cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == INTERNAL_ERROR
    assert done.stderr.endswith("wadiag check: standard output cannot be written: No space left on device.\n")


@pytest.mark.parametrize("option", ["--json", "--ndjson"])
def test_without_room_for_the_document_one_sentence_says_so(option, tmp_path):
    words = [sys.executable, "-m", "diagnostics", "check", "testing=healthy", option, "--reports", str(tmp_path)]
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            words, cwd=ROOT, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == INTERNAL_ERROR
    assert done.stderr == "wadiag check: standard output cannot be written: No space left on device.\n"
    assert (tmp_path / "latest.html").is_file()


@pytest.mark.parametrize("options", ["size=16k", "nr_inodes=3"])
def test_without_room_for_temporary_files_nothing_is_known_about_the_session_and_that_is_said(tmp_path, options):
    full, reports = tmp_path / "full", tmp_path / "reports"
    full.mkdir()
    ran = on_full_disk(full, options, command(reports, "--session", "testing=healthy"), TMPDIR=str(full))
    assert ran.code == FAILED
    assert "testing  UNKNOWN (simulated)" in ran.out
    assert "no space left on device" in " ".join(ran.out.split()).lower()
