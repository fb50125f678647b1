"""Sees to it that the gateway knows whether its state can be written: a full disk shows nowhere else until it is late.

Every `WATCHING` seconds a file is written beside the sessions' stores and removed again, and a row of the records is
replaced. What the records failed to write before is written with the first success.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from diagnostics.gateway.contract import StateUnwritable
from diagnostics.gateway.fleet.records import Records

WATCHING = 2.0  # s between two attempts
SIZE = 64 * 1024  # bytes that have to fit, a few times what one message changes in a store
_FILE = ".writable"

_log = logging.getLogger("wadiag.gateway")


class StateWatch:
    """
    Attributes:
        problem: why the state cannot be written, "" if it can.
    """

    def __init__(self, directory: Path | None, records: Records, changed: Callable[[str], None]) -> None:
        """
        Args:
            directory: where the sessions' stores are; None where a database has them.
            changed: called with `problem` when it has changed.
        """
        self.problem = ""
        self._directory = directory
        self._records = records
        self._changed = changed

    async def run(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(WATCHING)

    async def check(self) -> None:
        """Try to write, now."""
        problem = ""
        try:
            if self._directory is not None:
                await asyncio.to_thread(_write_and_remove, self._directory / _FILE)
            await self._records.check()
            problem = self._records.problem
        except OSError as error:
            problem = error.strerror or type(error).__name__
        except StateUnwritable as error:
            problem = error.reason
        if problem != self.problem:
            self.problem = problem
            if problem:
                _log.error("gateway: the state cannot be written (%s): nothing is sent until it can", problem)
            else:
                _log.info("gateway: the state can be written again")
            self._changed(problem)


def _write_and_remove(path: Path) -> None:
    """
    Raises:
        OSError: it cannot be written.
    """
    try:
        with path.open("wb", buffering=0) as file:
            left = memoryview(bytes(SIZE))
            while left:
                left = left[file.write(left) :]
    finally:
        path.unlink(missing_ok=True)
