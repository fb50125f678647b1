"""The texts of one cause in one language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a cause.

    Attributes:
        claim, why, remedy: templates over the judge's facts; `session`, `rerun` (the command that checks again) and
            `pair` (how this session shows a new QR code) are always among them. In a remedy, a command is written in
            backquotes (`catalogue.steps`).
        headline: the session's one-line answer when this is the root cause.
        brief: what is wrong in a few words, to be put after a colon.
        unknown_to_simulator: replaces `remedy` for a session that only the simulator was asked for.
    """

    claim: str
    why: str
    remedy: tuple[str, ...]
    headline: str
    brief: str
    unknown_to_simulator: tuple[str, ...] = ()
