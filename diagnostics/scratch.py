"""Folders for what must not outlive the process that made it: keys of rehearsals, copies of stores.

A process that ends removes its own; one that was killed cannot. So each folder holds a file that its process keeps
locked: where the lock can be had, nobody is left, and the next process that makes such a folder removes it. A lock is
the kernel's and ends with the process, so that neither a number that was given out again nor a clock can deceive.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from pathlib import Path

_LOCK = "in-use.lock"
_swept: set[tuple[str, str]] = set()


class Folder:
    """An empty folder of this process's own (mode 0700), removed by `remove`, at the end of a with block, or at exit.

    Leftovers of dead processes of this user with the same prefix are removed first, once a process.

    Attributes:
        path: where it is.
    """

    def __init__(self, prefix: str) -> None:
        base = tempfile.gettempdir()
        if (prefix, base) not in _swept:
            _swept.add((prefix, base))
            sweep(prefix, Path(base))
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self.remove = weakref.finalize(self, _remove, self.path, _hold(self.path))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def sweep(prefix: str, base: Path) -> None:
    """Remove the folders with this prefix whose process is dead. What cannot be judged or removed stays."""
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith(prefix):
                _remove_if_dead(Path(entry.path))


def _hold(folder: Path) -> int:
    """Lock the folder's file; the descriptor. It has its name only once it is locked, or others might come first."""
    unnamed = folder / f".{_LOCK}"
    held = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    unnamed.rename(folder / _LOCK)
    return held


def _remove_if_dead(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is in use, has no lock, is gone meanwhile, or somebody else's
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _remove(folder: Path, held: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(held)
