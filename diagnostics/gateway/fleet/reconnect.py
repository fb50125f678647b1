"""What follows from a loss, by the catalogue's table. Pure: randomness and time are arguments."""

from __future__ import annotations

from datetime import datetime, timedelta

from diagnostics.catalogue import Action, Reconnect
from diagnostics.gateway.contract import Reconnecting
from diagnostics.model import Disconnect

FIRST = 1.0  # s, the longest first wait of "backoff"
CAP = 60.0  # s, the longest of all
DOUBLINGS = 6  # from the first to the longest


def decide(rule: Reconnect, lost: Disconnect, attempts: int, now: datetime, chance: float) -> Reconnecting:
    """Whether and when a session connects again.

    Args:
        rule: what the table says of this loss.
        lost: the loss.
        attempts: connections tried in a row since the session was last online for some time.
        now: the time.
        chance: a random number from 0 to 1.
    """
    backoff = min(CAP, FIRST * 2 ** min(attempts, DOUBLINGS)) * chance
    wait: float | None
    match rule.action:
        case Action.AT_ONCE:
            wait = backoff if attempts else 0.0
        case Action.BACKOFF:
            wait = backoff
        case Action.ONCE:
            wait = None if attempts else 0.0
        case Action.NEVER if rule.until_end and lost.expires is not None:
            wait = max(0.0, (lost.expires - now).total_seconds()) + chance  # not all sessions in the same moment
        case Action.NEVER:
            wait = None
    next_at = None if wait is None else now + timedelta(seconds=wait)
    return Reconnecting(attempts, next_at, str(rule.action), rule.code, rule.name)
