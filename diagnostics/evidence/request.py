"""A request to observe one session."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostics.model import Aspect


@dataclass(frozen=True, slots=True)
class Request:
    """One session to observe.

    Attributes:
        session: the session's name.
        aspects: what to observe; the target observes nothing else.
        deadline: seconds for all steps on this session together.
        send_to: phone number of the recipient of test messages, in digits; None if nothing may be sent.
    """

    session: str
    aspects: frozenset[Aspect]
    deadline: float
    send_to: str | None = None
