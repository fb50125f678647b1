"""How the finished report gets to its place: reserved before anything is looked at, published atomically."""

from __future__ import annotations

import contextlib
import errno
import os
from datetime import UTC, datetime
from pathlib import Path

from diagnostics.errors import UsageProblem
from diagnostics.redact import printable

LATEST = "latest.html"


def reserve(reports: Path) -> Path:
    """Make the directory and a name in it for pytest-html to write to, before anything is looked at.

    Raises:
        UsageProblem: nothing can be written there.
    """
    temporary = reports / f".report-{os.getpid()}.html"
    try:
        reports.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        raise _not_writable(reports, error) from None
    return temporary


def publish(temporary: Path, reports: Path, now: datetime) -> tuple[Path, Path]:
    """Give a finished file its two names at once: latest.html, replaced, and a dated one that nothing overwrites.

    Args:
        temporary: on the same file system as `reports`, as `reserve` makes it; gone afterwards.

    Returns:
        The paths of latest.html and of the dated file.

    Raises:
        UsageProblem: nothing can be written there.
    """
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        reports.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            dated = reports / (f"report-{stamp}.html" if number == 1 else f"report-{stamp}-{number}.html")
            try:
                _name_too(temporary, dated)
                break
            except FileExistsError:
                number += 1
        temporary.replace(reports / LATEST)
    except OSError as error:
        raise _not_writable(reports, error) from None
    return reports / LATEST, dated


def _name_too(file: Path, name: Path) -> None:
    """A second name for a file, or a copy where the file system knows no links; never in place of another file."""
    try:
        os.link(file, name)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        content = file.read_bytes()
        with name.open("xb") as copy:
            copy.write(content)


def discard(temporary: Path) -> None:
    """Take back what `reserve` gave, for a run that ends without a report."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _not_writable(reports: Path, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"The report cannot be written to {printable(str(reports), 200)}: {error.strerror}; "
        "name another directory with --reports DIR."
    )
