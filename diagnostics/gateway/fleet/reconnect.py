"""What follows from a loss, by the catalogue's table. Pure: randomness and time are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from diagnostics.gateway.contract import Reconnecting
from diagnostics.model import Disconnect

FIRST = 1.0  # s, the longest first wait of "backoff"
CAP = 60.0  # s, the longest of all
_TEMPORARY_BAN = 402


class Rule(Protocol):
    """A row of the catalogue's reconnect table."""

    @property
    def action(self) -> str: ...  # "at-once", "backoff", "once", "never"

    @property
    def why(self) -> str: ...


def decide(rule: Rule, lost: Disconnect, attempts: int, now: datetime, chance: float) -> Reconnecting:
    """Whether and when a session connects again.

    Args:
        rule: what the table says of this loss.
        lost: the loss.
        attempts: connections tried in a row since the session was last online.
        now: the time.
        chance: a random number from 0 to 1.
    """
    if lost.code == _TEMPORARY_BAN and lost.expires is not None:
        # Nobody gains anything by asking earlier, whatever the row says of a ban without an end.
        return Reconnecting(attempts, max(lost.expires, now) + timedelta(seconds=chance), rule.action, rule.why)
    match rule.action:
        case "at-once" if not attempts:
            wait: float | None = 0.0
        case "at-once" | "backoff":
            wait = min(CAP, FIRST * 2 ** min(attempts, 10)) * chance
        case "once" if not attempts:
            wait = 0.0
        case _:
            wait = None
    next_at = None if wait is None else now + timedelta(seconds=wait)
    return Reconnecting(attempts, next_at, rule.action, rule.why)


def rule_for(code: int | None, reason: str) -> Rule:
    from diagnostics import catalogue  # noqa: PLC0415

    if hasattr(catalogue, "reconnect_for"):
        row = catalogue.reconnect_for(code, reason)
        return _Row(row.action, row.why())
    return _UNTIL_MERGED.get(code, _Row("backoff", "It was lost for a reason that passes by itself."))


@dataclass(frozen=True)
class _Row:
    action: str
    why: str


_UNTIL_MERGED: dict[int | None, _Row] = {
    **dict.fromkeys((401, 403, 405, 406, 440), _Row("never", "Connecting again would not help.")),
    500: _Row("once", "It may be a passing fault."),
    515: _Row("at-once", "This is normal behind pairing."),
}
