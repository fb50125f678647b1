"""Every check: its id, the aspects that must be observed to answer it, and its place in the order of dependency.

The finding of a check can explain why later ones fail, so it is judged first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diagnostics.model import Aspect


@dataclass(frozen=True, slots=True)
class Check:
    """One check, which is made for every session.

    Attributes:
        id: stable, dotted.
        needs: the aspects that must be observed to answer it.
        sends: it sends a message.
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
    # A refusal can come right after the login: only an answered query shows that there was none.
    _check("session.authenticated", Aspect.AUTHENTICATED, *_REFUSAL),
    _check("connection.accepted", *_REFUSAL),
    # If the state cannot be read, the verdict depends on whether the session works otherwise.
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

    A check that sends is never added: a message is sent only if such a check was selected.
    """
    wanted = set(selected)
    last = max((CHECK_ORDER[check_id] for check_id in wanted), default=-1)
    return tuple(c for c in CHECKS[: last + 1] if c.id in wanted or not c.sends)
