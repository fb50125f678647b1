"""What a cause says to a person, in whichever language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One cause in one language.

    Attributes:
        claim, why, remedy: templates over the judge's facts; `session`, `rerun` (the command that looks again) and
            `pair` (how this session shows a new QR code) are always among them.
        headline: the session's one-line answer when this is the root cause.
        brief: what is wrong in a few words, as it stands behind a colon.
    """

    claim: str
    why: str
    remedy: tuple[str, ...]
    headline: str
    brief: str
