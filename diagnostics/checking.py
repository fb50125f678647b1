"""What a pytest item of the checks is: which session it is about, which check it answers, and how that ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.errors import did_you_mean
from diagnostics.model import CheckResult, Diagnosis, Finding, Outcome

if TYPE_CHECKING:
    from diagnostics.running.run import Run
    from diagnostics.running.sinks import Sink

RUN = pytest.StashKey["Run"]()
RESULT = pytest.StashKey[CheckResult]()


class CheckFailed(Exception):
    """A check did not pass; carries the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.claim)
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Judged:
    """One check of one session, answered. What the functions under checks/ get.

    Attributes:
        diagnosis: the whole diagnosis of the session.
        result: this check's standing.
    """

    diagnosis: Diagnosis
    result: CheckResult

    def accept(self) -> None:
        """Pass, warn, skip or fail as the judge decided.

        Raises:
            CheckFailed: the check failed or is unknown.
        """
        match self.result.outcome:
            case Outcome.FAIL | Outcome.UNKNOWN if self.result.finding is not None:
                raise CheckFailed(self.result.finding)
            case Outcome.SKIPPED:
                pytest.skip(self.result.note)
            case Outcome.BLOCKED:
                pytest.skip(f"blocked by {self.result.blocked_by}")
            case _:
                pass


@dataclass(frozen=True, slots=True, eq=False)  # pytest before 8.4 puts plugins into a set
class Caller:
    """Who calls `pytest.main` with a run of its own. Registered as a plugin, under the name `plugin.CALLER`.

    Attributes:
        run: planned, and perhaps under way already.
        sinks: where the diagnoses go, beside the terminal and the page.
    """

    run: Run
    sinks: Sequence[Sink] = ()


class Sentence:
    """What pytest shows instead of a traceback: plain lines, and one sentence for the short summary."""

    def __init__(self, lines: list[str], sentence: str) -> None:
        self.lines = lines
        self.reprcrash = SimpleNamespace(message=sentence, path="", lineno=0)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def toterminal(self, writer: Any) -> None:
        for line in self.lines:
            writer.line(line)


def session_of(item: pytest.Item) -> str | None:
    """The session that an item is about; "" for an item that asks for one when none was given; None for any other."""
    if "session_name" not in getattr(item, "fixturenames", ()):
        return None
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("session_name", "")) if callspec else ""


def check_of(item: pytest.Item) -> str:
    """The check that an item answers; "" for a test of the user's own that looks at the whole diagnosis.

    Raises:
        pytest.UsageError: its marker is missing or names no check.
    """
    marker = item.get_closest_marker("check")
    if marker is None:
        if "judged" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f'{item.nodeid} uses "judged" and so needs @pytest.mark.check("…")')
        return ""
    check = str(marker.args[0]) if marker.args else ""
    if check not in CHECK_BY_ID:
        raise pytest.UsageError(f'{item.nodeid}: there is no check "{check}".{did_you_mean(check, CHECK_BY_ID)}')
    return check


def slugs(names: Iterable[str]) -> list[str]:
    """Test ids of [a-z0-9-] only: they reach the HTML report and shells. Unique, and readable in -k.

    Args:
        names: redacted.

    >>> slugs(["Shop", "shop", "shop-2"])
    ['shop', 'shop-2', 'shop-2-2']
    """
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    found: list[str] = []
    for name in names:
        slug = base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "session"
        while slug in taken:
            number = next_number.get(base, 2)
            slug, next_number[base] = f"{base}-{number}", number + 1
        taken.add(slug)
        found.append(slug)
    return found
