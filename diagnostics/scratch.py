"""Temporary folders that must not outlive their process: keys of rehearsals, copies of stores.

A process removes its own folders at exit, but not if it is killed. So each folder has a file that its process keeps
locked (`flock`). If the file can be locked, the process is dead, and the next process that makes such a folder removes
it. The kernel releases the lock when the process exits, so neither a reused process id nor a wrong clock matters.
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

    The first one with a prefix in a process also removes the folders that dead processes of this user left.

    Attributes:
        path: of the folder.
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
    """Remove the folders in `base` with this prefix whose process is dead. Others stay."""
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith(prefix):
                _remove_if_dead(Path(entry.path))


def _hold(folder: Path) -> int:
    """Create the lock file and return its descriptor. It is renamed after it was locked: nobody may lock it before."""
    unnamed = folder / f".{_LOCK}"
    held = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    unnamed.rename(folder / _LOCK)
    return held


def _remove_if_dead(folder: Path) -> None:
    with contextlib.suppress(OSError):  # in use, without a lock file, removed meanwhile, or of another user
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
