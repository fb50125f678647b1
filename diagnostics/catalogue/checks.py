"""Every check once: its id, what it needs to be observed, and the order of dependency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagnostics.model import Aspect


@dataclass(frozen=True, slots=True)
class Check:
    """One question that is asked of every session.

    Attributes:
        id: stable, dotted.
        needs: what must be observed to answer it.
        sends: answering it sends a message.
    """

    id: str
    needs: frozenset[Aspect]
    sends: bool = False


def _check(check_id: str, *needs: Aspect, sends: bool = False) -> Check:
    return Check(check_id, frozenset(needs), sends)


_REFUSAL = (Aspect.DISCONNECT, Aspect.SOCKET, Aspect.ROUND_TRIP)

# In the order of dependency: a finding of an earlier check explains the later ones.
CHECKS: tuple[Check, ...] = (
    _check("probe.completed"),
    _check("session.exists", Aspect.EXISTS),
    _check("store.intact", Aspect.STORE),
    # A refusal can come right behind the login: only an answered question shows that none was on its way.
    _check("session.authenticated", Aspect.AUTHENTICATED, *_REFUSAL),
    _check("connection.accepted", *_REFUSAL),
    # An unreadable state is judged by whether the session works otherwise.
    _check("socket.state", Aspect.SOCKET, Aspect.AUTHENTICATED, Aspect.SEND_AVAILABLE, *_REFUSAL),
    _check("session.responds", Aspect.ROUND_TRIP),
    _check("send.available", Aspect.SEND_AVAILABLE),
    _check("send.text", Aspect.TEXT, sends=True),
    _check("send.image", Aspect.IMAGE, sends=True),
)
CHECK_BY_ID = {check.id: check for check in CHECKS}
CHECK_ORDER = {check.id: index for index, check in enumerate(CHECKS)}


def with_upstream(selected: Iterable[str]) -> tuple[Check, ...]:
    """The selected checks and every check whose finding could explain theirs, in order.

    A check that sends is never added: sending happens only for those who selected it.
    """
    wanted = set(selected)
    last = max((CHECK_ORDER[check_id] for check_id in wanted), default=-1)
    return tuple(c for c in CHECKS[: last + 1] if c.id in wanted or not c.sends)
