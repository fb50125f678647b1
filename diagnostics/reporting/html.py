"""The HTML report: what to put into pytest-html's hooks, and how the finished file gets to its place.

pytest-html (4.x) writes table cells, summaries and logs into the page as they are, so everything that comes from a
session is redacted, made one line and escaped here, and nothing else is trusted. Its own noise goes: the environment
table (local paths, user names), durations, links, node ids. A test's row is made from `report.user_properties`, plain
strings that survive xdist and reach JUnit as well; the verdicts come from `model.Diagnosis`.

The page holds everything it needs; it loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from typing import Any, Protocol

import msgspec

from diagnostics.catalogue import PHRASES
from diagnostics.model import CheckResult, Diagnosis, Finding, Outcome, Step, Verdict
from diagnostics.redact import Redactor, printable, redact
from diagnostics.reporting.ranking import SIGNS, following, ranked, verdict_words

LATEST = "latest.html"
TITLE = "WhatsApp session diagnosis"
UNFOLDED = 20  # up to this many healthy sessions are listed openly

# In the order in which a reader wants them; the position is the column's sort key.
_OUTCOME_SIGNS = {
    Outcome.FAIL: "✘",
    Outcome.UNKNOWN: "?",
    Outcome.WARN: "▲",
    Outcome.BLOCKED: "↳",
    Outcome.SKIPPED: "–",
    Outcome.PASS: "✔",
}
_OUTCOME_ORDER = list(_OUTCOME_SIGNS)


class Page(Protocol):
    """pytest-html's `ReportData`, as far as it is used: what `pytest_html_report_title` hands over."""

    title: str

    @property
    def data(self) -> dict[str, Any]: ...


def begin_page(page: Page) -> None:
    """Title and data of the page; for `pytest_html_report_title`."""
    page.title = TITLE
    page.data["environment"] = {}
    page.data["initialSort"] = "outcome"


def end_page(page: Page) -> None:
    """Replace the node ids in the page's data, which nothing shows; for `pytest_html_results_summary`."""
    page.data["tests"] = {str(number): rows for number, rows in enumerate(page.data["tests"].values())}


def header_cells() -> list[str]:
    """The table's header; for `pytest_html_results_table_header`. pytest-html filters by the first, hidden column."""
    columns = {"session": "Session", "check": "Check", "outcome": "Outcome", "": "Finding and remedy", "at": "Observed"}
    return ['<th class="sortable hidden" data-column-type="result">Result</th>'] + [
        f'<th class="sortable" data-column-type="{key}">{title}</th>' if key else f"<th>{title}</th>"
        for key, title in columns.items()
    ]


@dataclass(frozen=True, slots=True)
class PageText:
    """What stands in the page, from values of sessions: redacted, one line each, escaped.

    Attributes:
        redact: masks what the page must not say, and knows the configured names.
    """

    redact: Redactor = redact

    def properties(self, diagnosis: Diagnosis, result: CheckResult) -> list[tuple[str, str]]:
        """A check's result for `report.user_properties`: it makes the row here and the properties in JUnit XML.

        Names: session, target, check, outcome, and where there is one simulated ("true"), observed_at (ISO 8601), note,
        blocked_by and finding (its document as JSON). Redacted.
        """
        result = self.redact.model(result)
        values = {
            "session": self.redact(diagnosis.session),
            "target": self.redact(diagnosis.target),
            "check": result.check,
            "outcome": result.outcome.value,
            "simulated": "true" if diagnosis.simulated else "",
            "observed_at": result.at.astimezone(UTC).isoformat(timespec="seconds") if result.at else "",
            "note": result.note,
            "blocked_by": result.blocked_by,
            "finding": msgspec.json.encode(result.finding).decode() if result.finding else "",
        }
        return [(name, value) for name, value in values.items() if value]

    def row_cells(self, cells: Sequence[str], nodeid: str, values: Mapping[str, str]) -> list[str]:
        """One row; for `pytest_html_results_table_row`.

        Args:
            cells: pytest-html's own; the first holds the result that it filters by.
            nodeid: names the row of a test that answered no check.
            values: `dict(report.user_properties)`; empty for such a test.
        """
        result = cells[0].replace('class="col-result"', 'class="col-result hidden"')
        if "outcome" not in values:
            word = unescape(cells[0].partition(">")[2].partition("<")[0])
            rank, sign, name = (0, "✘", "fail") if word in {"Failed", "Error"} else (len(_OUTCOME_ORDER), "", "plain")
            outcome = f"<span hidden>{rank}</span>{_badge(name, sign, word)}"
            session, check, words, at = "–", nodeid.rpartition("/")[2], "", ""
        else:
            kind = Outcome(values["outcome"])
            outcome = (
                f"<span hidden>{_OUTCOME_ORDER.index(kind)}</span>{_badge(kind, _OUTCOME_SIGNS[kind], kind.upper())}"
            )
            session, check, words, at = (
                values["session"],
                values["check"],
                self._words(values),
                values.get("observed_at", ""),
            )
        return [
            result,
            f'<td class="col-session">{self._safe(session)}</td>',
            f'<td class="col-check">{self._safe(check)}</td>',
            f'<td class="col-outcome">{outcome}</td>',
            f'<td class="col-finding">{words}</td>',
            f'<td class="col-at">{self._time(at)}</td>',
        ]

    def log_parts(self, parts: Sequence[str], values: Mapping[str, str]) -> list[str]:
        """What a row unfolds; for `pytest_html_results_table_html`. `parts` are pytest-html's own, already escaped.

        Of a check only captured output stays: the finding stands in its row, and where a test was skipped is a local
        path.
        """
        if "outcome" in values:
            parts = [part for part in parts if part.startswith("---")]
        return [escape(self.redact(unescape(part))) for part in parts]

    def summary(self, diagnoses: Sequence[Diagnosis], *, facts: Mapping[str, str], now: datetime) -> list[str]:
        """What stands above the table: the verdict of each session, the root cause and what to do.

        For the `prefix` of `pytest_html_results_summary`; brings the page's style sheet along.

        Args:
            facts: what was looked at and how ("target", "mode"), in the order to show them.
        """
        troubled, well = ranked(diagnoses)
        healthy = [self._session(diagnosis) for diagnosis in well]
        known = {**facts, "written": f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"}
        style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
        parts = [
            f"<style>{style}</style>",
            "".join(
                ['<dl class="facts">']
                + [
                    f"<div><dt>{self._safe(name)}</dt><dd>{self._safe(value)}</dd></div>"
                    for name, value in known.items()
                ]
                + ["</dl>"]
            ),
            *map(self._session, troubled),
        ]
        if len(healthy) > UNFOLDED:
            say = PHRASES[well[0].language]
            words = {verdict_words(diagnosis) for diagnosis in well}
            word = words.pop() if len(words) == 1 else say.verdicts[Verdict.HEALTHY].upper()
            badge = _badge(Verdict.HEALTHY, SIGNS[Verdict.HEALTHY], word)
            many = say.sessions.format(count=len(healthy))
            opening = f'<details class="session healthy"><summary>{badge} {many}</summary>'
            return [*parts, opening, *healthy, "</details>"]
        return [*parts, *healthy]

    def _session(self, diagnosis: Diagnosis) -> str:
        verdict, word = diagnosis.verdict, verdict_words(diagnosis)
        findings = "".join(self._explained(diagnosis, finding) for finding in diagnosis.findings)
        name, headline = self._safe(diagnosis.session), self._safe(diagnosis.headline)
        return (
            f'<section class="session {verdict}"><h2>{_badge(verdict, SIGNS[verdict], word)} '
            f'<span class="name">{name}</span> {headline}</h2>{findings}</section>'
        )

    def _explained(self, diagnosis: Diagnosis, finding: Finding) -> str:
        say = PHRASES[diagnosis.language]
        rows = {
            say.seen: self._safe(finding.measured),
            say.why: self._safe(finding.why),
            say.fix: self._steps(finding.remedy),
            say.follows: self._safe(following(diagnosis, finding)),
        }
        listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows.items() if value)
        return (
            f'<h3><span class="severity {finding.severity}">{say.severities[finding.severity].upper()}</span> '
            f"<code>{self._safe(finding.check)}</code> {self._safe(finding.claim)}</h3><dl>{listed}</dl>"
        )

    def _words(self, values: Mapping[str, str]) -> str:
        """What a row says about its check. The reasons are above the table, once for each session."""
        if "finding" in values:
            finding = msgspec.json.decode(values["finding"], type=Finding)
            seen = f'<p class="seen">{self._safe(finding.measured)}</p>' if finding.measured else ""
            return f"<p>{self._safe(finding.claim)}</p>{seen}{self._steps(finding.remedy)}"
        if values.get("blocked_by"):
            return f"<p>follows from <code>{self._safe(values['blocked_by'])}</code></p>"
        return f"<p>{self._safe(values['note'])}</p>" if values.get("note") else ""

    def _steps(self, remedy: Sequence[Step]) -> str:
        return f"<ol>{''.join(f'<li>{self._safe(step.text)}</li>' for step in remedy)}</ol>" if remedy else ""

    def _safe(self, text: str) -> str:
        return escape(printable(self.redact(text)))

    def _time(self, iso: str) -> str:
        """The ISO form comes first, so that the column sorts by it."""
        return f'<time datetime="{escape(iso)}">{self._safe(iso[:19].replace("T", " "))} UTC</time>' if iso else ""


def _badge(kind: str, sign: str, word: str) -> str:
    return f'<span class="badge {escape(kind)}">{escape(f"{sign} {word}".strip())}</span>'
