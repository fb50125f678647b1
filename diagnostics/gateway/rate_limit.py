"""How often something may happen: a few times at once, and at a steady rate after that (a token bucket). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class RateLimit:
    """One thing that is limited. Times are seconds of any clock that does not jump.

    >>> limit = RateLimit(burst=2, a_second=0.5)
    >>> [limit.take(now) for now in (10.0, 10.0, 10.0, 12.0)]
    [True, True, False, True]
    """

    burst: int
    a_second: float
    _left: float = field(init=False, default=0.0)
    _at: float = field(init=False, default=float("-inf"))

    def take(self, now: float) -> bool:
        """Whether it may happen now; if it may, it is counted."""
        if self.wait(now):
            return False
        self._left -= 1
        return True

    def wait(self, now: float) -> float:
        """Seconds until it may happen; 0 if it may happen now."""
        self._left, self._at = min(self.burst, self._left + (now - self._at) * self.a_second), now
        return max(0.0, (1 - self._left) / self.a_second)
