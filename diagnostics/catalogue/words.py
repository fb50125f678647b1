"""What a cause says to a person, in whichever language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One cause in one language.

    Attributes:
        claim, why, remedy: templates over the judge's facts; `session`, `rerun` (the command that looks again) and
            `pair` (how this session shows a new QR code) are always among them. In a remedy, a command stands in
            backquotes (`catalogue.steps`).
        headline: the session's one-line answer when this is the root cause.
        brief: what is wrong in a few words, as it stands after a colon.
        unknown_to_simulator: the remedy instead of `remedy` for a session that only the simulator was asked for.
    """

    claim: str
    why: str
    remedy: tuple[str, ...]
    headline: str
    brief: str
    unknown_to_simulator: tuple[str, ...] = ()
