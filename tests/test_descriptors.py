"""A process that ran out of file descriptors is said to have, whoever noticed it and however it was said."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diagnostics import descriptors
from diagnostics.neonize.store import read_store


def chained() -> Exception:
    problem = RuntimeError("all attempts failed")
    problem.__cause__ = OSError(errno.EMFILE, "Too many open files")
    return problem


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
        OSError(errno.ENFILE, os.strerror(errno.ENFILE)),
        chained(),
        ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("x"), chained()]),
        "failed to dial: dial tcp 127.0.0.1:9: socket: too many open files",
        'the worker ended with exit code 1: "OSError: [Errno 24] Too many open files"',
    ],
)
def test_a_shortage_is_recognized_and_the_remedy_is_a_command(problem: Exception | str) -> None:
    said = descriptors.shortage(problem)
    assert said.startswith("no file descriptor was left (at most ")
    assert "ulimit -n " in said


@pytest.mark.parametrize("problem", [OSError(errno.ENOENT, "No such file"), ValueError("24"), "connection refused", ""])
def test_other_failures_are_no_shortage(problem: Exception | str) -> None:
    assert descriptors.shortage(problem) == ""
    assert descriptors.none_left() == ""


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_store_that_cannot_be_opened_for_want_of_descriptors_is_the_probes_own_trouble(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"SQLite format 3\0")
    with no_descriptors():
        assert descriptors.none_left()
        found = read_store(tmp_path / "store", "testing")
    assert (found.exists, found.facts, found.absence) == (None, None, "crashed")
    assert "ulimit -n" in found.detail
