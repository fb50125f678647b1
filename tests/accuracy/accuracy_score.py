"""Compare what was said with the table: three numbers, and every case that differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from diagnostics.judging.judge import judge
from diagnostics.model import Diagnosis, Evidence, Mode, Verdict
from tests.accuracy.accuracy_table import Case

HEALTHY_AND_WAS_NOT = "said healthy and was not"
WRONG_CAUSE = "named the wrong cause"
SICK_AND_WAS_WELL = "said sick and was well"
OTHER_VERDICT = "another verdict than the table's"
LATE = "more than 3 s after the deadline"
KINDS = (HEALTHY_AND_WAS_NOT, WRONG_CAUSE, SICK_AND_WAS_WELL, OTHER_VERDICT, LATE)
GRACE = 3.0  # s by which a look may pass its deadline


@dataclass(frozen=True, slots=True)
class Played:
    """A case, what was observed of it, and what became of its messages.

    Attributes:
        arrived: how many messages its recipient could read; None where nothing was sent.
    """

    case: Case
    evidence: Evidence
    deadline: float
    arrived: int | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    kind: str
    case: Case
    mode: Mode
    said: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.case.target}, {self.mode}: {self.case.name}: {self.said}"


def mistakes(played: Iterable[Played]) -> list[Mistake]:
    return [mistake for each in played for mode in Mode for mistake in _mistakes(each, mode)]


def _mistakes(played: Played, mode: Mode) -> Iterator[Mistake]:
    case = played.case
    diagnosis = diagnosed(played.evidence, mode)
    healthy, sends = diagnosis.verdict is Verdict.HEALTHY, case.sends == "yes"
    well = case.verdicts[mode] is Verdict.HEALTHY
    cause = diagnosis.root.cause if diagnosis.root else ""
    kinds = {
        HEALTHY_AND_WAS_NOT: healthy and (not sends or played.arrived in (0, 1)),
        WRONG_CAUSE: not healthy and bool(case.cause) and cause != case.cause,
        SICK_AND_WAS_WELL: well and not healthy,
        OTHER_VERDICT: diagnosis.verdict is not case.verdicts[mode],
        LATE: played.evidence.took > played.deadline + GRACE,
    }
    for kind, made in kinds.items():
        if made:
            yield Mistake(kind, case, mode, said(diagnosis))


def diagnosed(evidence: Evidence, mode: Mode = Mode.PERMISSIVE) -> Diagnosis:
    return judge(evidence, mode=mode, now=datetime.now(UTC))


def said(diagnosis: Diagnosis) -> str:
    root = diagnosis.root
    return f"{diagnosis.verdict}" + (f", {root.cause}: {root.claim} ({root.measured})" if root else "")
