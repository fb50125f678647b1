"""How the finished report gets to its place: checked before anything is looked at, written and named at the end.

A run may be killed at any moment, and the disk may be full. So nothing is in the directory before there is a report,
the report is written under a hidden name, and its real names appear at once. What a killed run left under a hidden name
is removed by the next one: whoever writes keeps the file locked (`flock`), so one that can be locked belongs to nobody.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from diagnostics.errors import UsageProblem
from diagnostics.redact import printable

LATEST = "latest.html"
_HIDDEN, _SUFFIX = ".report-", ".html"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def prepare(reports: Path) -> None:
    """Make the directory, see that files can be made in it, and remove what killed runs left.

    A full disk is nothing to stop for: `publish` will say so, and there may be room by then.

    Raises:
        UsageProblem: nothing can be written there.
    """
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=reports):  # has no name where the file system can do that
            pass
    except OSError as error:
        if error.errno not in _FULL:
            raise _not_writable(reports, error) from None
    else:
        _sweep(reports)


def publish(content: str, reports: Path, now: datetime) -> tuple[Path, Path]:
    """Write a finished report under its two names: latest.html, replaced, and a dated one that nothing overwrites.

    Returns:
        The paths of latest.html and of the dated file.

    Raises:
        UsageProblem: it cannot be written there.
    """
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with _hidden_file(reports, content) as written:
            number = 1
            while True:
                dated = reports / (f"report-{stamp}.html" if number == 1 else f"report-{stamp}-{number}.html")
                try:
                    _name_too(written, dated, content)
                    break
                except FileExistsError:
                    number += 1
            written.replace(reports / LATEST)
    except OSError as error:
        raise _not_writable(reports, error) from None
    return reports / LATEST, dated


@contextlib.contextmanager
def _hidden_file(reports: Path, content: str) -> Iterator[Path]:
    """A file with this content under a hidden name of its own, locked; gone afterwards unless it was renamed."""
    while True:
        path = reports / f"{_HIDDEN}{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        with path.open("x", encoding="utf-8") as file:
            if not _locked(file):
                continue  # another run is removing it
            try:
                file.write(content)
                file.flush()
                yield path
                return
            finally:
                path.unlink(missing_ok=True)


def _locked(file: TextIO) -> bool:
    """Lock the file; returns False if a run that sweeps was quicker, which has removed it or is about to."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody else can lock it either
        return True
    return os.fstat(file.fileno()).st_nlink > 0


def _name_too(file: Path, name: Path, content: str) -> None:
    """A second name for a file, or a copy where the file system knows no links; never in place of another file."""
    try:
        os.link(file, name)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        with _hidden_file(file.parent, content) as copy:
            if name.exists():
                raise FileExistsError from None
            copy.rename(name)


def _sweep(reports: Path) -> None:
    """Remove the hidden files of processes that are dead. Others stay."""
    for path in reports.glob(f"{_HIDDEN}*{_SUFFIX}"):
        with contextlib.suppress(OSError), path.open("rb") as file:  # removed meanwhile, or in use
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _not_writable(reports: Path, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"The report cannot be written to {printable(str(reports), 200)}: {error.strerror}; "
        "name another directory with --reports DIR."
    )
