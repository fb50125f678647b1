"""A log that strangers cannot flood.

Most lines are about sessions and about callers with a token. Some can be caused by anybody who reaches the port, as
fast as requests can be sent: those of libraries (what is no HTTP), those about requests without a token, refused
sign-ins. Of these, each place in the code writes `BURST` lines at once and `A_SECOND` on average; the next line says
how many were left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from diagnostics.gateway.rate_limit import RateLimit

BURST = 50
A_SECOND = 1.0
CAUSED_BY_ANYONE = {"caused_by_anyone": True}  # `extra` of a line
_OURS = "wadiag."


@dataclass(slots=True)
class _Place:
    """What one place in the code may write, and how many lines of it were left out."""

    limit: RateLimit = field(default_factory=lambda: RateLimit(BURST, A_SECOND))
    left_out: int = 0


class FloodLimit(logging.Filter):
    """Lets lines that anybody can cause through at a limited rate; all others always.

    A line that stands for others has their number as `record.left_out`, for `LimitedFormatter`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._places: dict[tuple[str, int], _Place] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith(_OURS) and not getattr(record, "caused_by_anyone", False):
            return True
        # By place, not by text: a text may have anything in it.
        place = self._places.setdefault((record.pathname, record.lineno), _Place())
        if not place.limit.take(self._clock()):
            place.left_out += 1
            return False
        record.left_out, place.left_out = place.left_out, 0
        return True


class LimitedFormatter(logging.Formatter):
    """Says at the end of a line's message how many others were left out."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        left_out = getattr(record, "left_out", 0)
        said = super().formatMessage(record)
        return f"{said} ({left_out} lines like this were left out)" if left_out else said
