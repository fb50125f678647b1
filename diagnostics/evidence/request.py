"""What is asked of one look at a session."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostics.model import Aspect


@dataclass(frozen=True, slots=True)
class Request:
    """One session to look at.

    Attributes:
        session: the session's name.
        aspects: what to observe; the target observes nothing beyond it.
        deadline: seconds for this session, all steps together.
        send_to: recipient for the send probes in digits; None where nothing may be sent.
    """

    session: str
    aspects: frozenset[Aspect]
    deadline: float
    send_to: str | None = None
