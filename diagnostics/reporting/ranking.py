"""What all reports show in the same way: the order of sessions, the sign of a verdict, what follows from a finding."""

from __future__ import annotations

from collections.abc import Iterable

from diagnostics.catalogue import PHRASES
from diagnostics.model import Diagnosis, Finding, Outcome, Verdict

# In the order in which a reader wants them.
SIGNS = {Verdict.UNHEALTHY: "✘", Verdict.UNKNOWN: "?", Verdict.DEGRADED: "▲", Verdict.HEALTHY: "✔"}
WORST_FIRST = tuple(SIGNS)


def verdict_words(diagnosis: Diagnosis) -> str:
    """The verdict as it stands in a report: "HEALTHY", or "HEALTHY (simulated)"."""
    say = PHRASES[diagnosis.language]
    word = say.verdicts[diagnosis.verdict].upper()
    return f"{word} ({say.simulated})" if diagnosis.simulated else word


def ranked(diagnoses: Iterable[Diagnosis]) -> tuple[list[Diagnosis], list[Diagnosis]]:
    """The sessions in trouble, the worst first, and the healthy ones; in their order otherwise."""
    ordered = sorted(diagnoses, key=lambda diagnosis: WORST_FIRST.index(diagnosis.verdict))
    healthy = [diagnosis for diagnosis in ordered if diagnosis.verdict is Verdict.HEALTHY]
    return ordered[: len(ordered) - len(healthy)], healthy


def following(diagnosis: Diagnosis, finding: Finding) -> str:
    """The checks that cannot pass because of this finding, as a list for people; "" if there are none."""
    return ", ".join(
        result.check
        for result in diagnosis.results
        if result.outcome is Outcome.BLOCKED and result.blocked_by == finding.check
    )
