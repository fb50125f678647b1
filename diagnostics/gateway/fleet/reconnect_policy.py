"""Whether and when a session connects again after a loss, by the catalogue's reconnect table.

Pure: randomness and time are arguments. `rule_for` finds the table's row for a loss, `decide_reconnect` applies it. The
waits of "backoff" double from `FIRST` to `CAP` seconds with full jitter.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from diagnostics.catalogue import Action, Reconnect, reconnect_for
from diagnostics.catalogue.reconnect import CLIENT_CRASHES, CONNECTION_LOST, FIRST_CONNECT_FAILED, ZOMBIE
from diagnostics.gateway.contract import Reconnecting
from diagnostics.model import Disconnect

FIRST = 1.0  # s, the longest first wait of "backoff"
CAP = 60.0  # s, the longest of all
DOUBLINGS = 6  # from the first to the longest


def rule_for(lost: Disconnect | None) -> Reconnect:
    """The table's row for this loss. Without a code, a permanent one means that the login never succeeded."""
    if lost is None or (lost.code is None and lost.reason not in (ZOMBIE, CLIENT_CRASHES)):
        return reconnect_for(None, FIRST_CONNECT_FAILED if lost and lost.permanent else CONNECTION_LOST)
    return reconnect_for(lost.code, lost.reason)


def decide_reconnect(rule: Reconnect, lost: Disconnect, attempts: int, now: datetime, chance: float) -> Reconnecting:
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
