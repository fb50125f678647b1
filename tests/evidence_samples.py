"""Evidence built by hand, for tests of what is pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from diagnostics.model import Absence, Aspect, Disconnect, Evidence, Observation, Sent, SocketState, StoreFacts

NOW = datetime(2026, 11, 22, 10, 41, 7, tzinfo=UTC)

HEALTHY: dict[Aspect, Any] = {
    Aspect.EXISTS: True,
    Aspect.STORE: StoreFacts(intact=True, prekeys=50, prekeys_total=50, devices=1),
    Aspect.AUTHENTICATED: True,
    Aspect.DISCONNECT: None,
    Aspect.SOCKET: SocketState.OPEN,
    Aspect.ROUND_TRIP: 0.004,
    Aspect.SEND_AVAILABLE: True,
    Aspect.TEXT: Sent(acknowledged=True, message_id="3EB0AA", took=0.002),
    Aspect.IMAGE: Sent(acknowledged=True, message_id="3EB0BB", took=0.009),
}


def evidence(session: str = "testing", **values: Any) -> Evidence:
    """A healthy session's evidence, with the given aspects (by name) put differently.

    An `Absence` as a value makes the aspect absent for that reason; `Ellipsis` leaves it out altogether.
    """
    observations = {}
    for aspect, value in {**HEALTHY, **{Aspect[name.upper()]: v for name, v in values.items()}}.items():
        if value is ...:
            continue
        seen = Observation(aspect, NOW, value, raw=f"raw {aspect}", source="test")
        if isinstance(value, Absence):
            seen = replace(seen, value=None, raw="", absence=value, detail=f"{aspect} {value}")
        observations[aspect] = seen
    return Evidence(session=session, target="simulator", observations=observations, took=0.1)


def blocked_after(aspect: Aspect) -> dict[str, Absence]:
    """All aspects behind this one, as blocked."""
    order = list(HEALTHY)
    return {a.name.lower(): Absence.BLOCKED for a in order[order.index(aspect) + 1 :]}


def lost(code: int | None, reason: str, **more: Any) -> Disconnect:
    return Disconnect(code=code, reason=reason, at=NOW, **more)
