"""The HTML report: what to put into pytest-html's hooks, and how the finished file gets to its place.

pytest-html (4.x) writes table cells, summaries and logs into the page as they are, so everything that comes from a
session is redacted, made one line and escaped here, and nothing else is trusted. Its own noise goes: the environment
table (local paths, user names), durations, links, node ids. A test's row is made from `report.user_properties`, plain
strings that survive xdist and reach JUnit as well; the verdicts come from `model.Diagnosis`.

The page holds everything it needs; it loads nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from typing import Any, Protocol

import msgspec

from diagnostics.catalogue import PHRASES
from diagnostics.errors import UsageProblem
from diagnostics.model import CheckResult, Diagnosis, Finding, Outcome, Step, Verdict
from diagnostics.redact import printable, redact
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


# A check's result as strings


def properties(diagnosis: Diagnosis, result: CheckResult) -> list[tuple[str, str]]:
    """A check's result for `report.user_properties`: it makes the row here and the properties in JUnit XML.

    Names: session, target, check, outcome, and where there is one simulated ("true"), observed_at (ISO 8601), note,
    blocked_by and finding (its document as JSON). Redacted.
    """
    result = redact.model(result)
    values = {
        "session": redact(diagnosis.session),
        "target": redact(diagnosis.target),
        "check": result.check,
        "outcome": result.outcome.value,
        "simulated": "true" if diagnosis.simulated else "",
        "observed_at": result.at.astimezone(UTC).isoformat(timespec="seconds") if result.at else "",
        "note": result.note,
        "blocked_by": result.blocked_by,
        "finding": msgspec.json.encode(result.finding).decode() if result.finding else "",
    }
    return [(name, value) for name, value in values.items() if value]


# For pytest-html's hooks


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


def row_cells(cells: Sequence[str], nodeid: str, values: Mapping[str, str]) -> list[str]:
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
        outcome = f"<span hidden>{_OUTCOME_ORDER.index(kind)}</span>{_badge(kind, _OUTCOME_SIGNS[kind], kind.upper())}"
        session, check, words, at = values["session"], values["check"], _words(values), values.get("observed_at", "")
    return [
        result,
        f'<td class="col-session">{_safe(session)}</td>',
        f'<td class="col-check">{_safe(check)}</td>',
        f'<td class="col-outcome">{outcome}</td>',
        f'<td class="col-finding">{words}</td>',
        f'<td class="col-at">{_time(at)}</td>',
    ]


def log_parts(parts: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The text behind a row; for `pytest_html_results_table_html`. `parts` are pytest-html's own, already escaped.

    Of a check only captured output stays: the finding stands in its row, and where a test was skipped is a local path.
    """
    if "outcome" in values:
        parts = [part for part in parts if part.startswith("---")]
    return [escape(redact(unescape(part))) for part in parts]


def summary(diagnoses: Sequence[Diagnosis], *, facts: Mapping[str, str], now: datetime) -> list[str]:
    """What stands above the table: the verdict of each session, the root cause and what to do.

    For the `prefix` of `pytest_html_results_summary`; brings the page's style sheet along.

    Args:
        facts: what was looked at and how ("target", "mode"), in the order to show them.
    """
    troubled, well = ranked(diagnoses)
    healthy = [_session(diagnosis) for diagnosis in well]
    known = {**facts, "written": f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"}
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    parts = [
        f"<style>{style}</style>",
        "".join(
            ['<dl class="facts">']
            + [f"<div><dt>{_safe(name)}</dt><dd>{_safe(value)}</dd></div>" for name, value in known.items()]
            + ["</dl>"]
        ),
        *map(_session, troubled),
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


def _session(diagnosis: Diagnosis) -> str:
    verdict, word = diagnosis.verdict, verdict_words(diagnosis)
    findings = "".join(_explained(diagnosis, finding) for finding in diagnosis.findings)
    return (
        f'<section class="session {verdict}"><h2>{_badge(verdict, SIGNS[verdict], word)} '
        f'<span class="name">{_safe(diagnosis.session)}</span> {_safe(diagnosis.headline)}</h2>{findings}</section>'
    )


def _explained(diagnosis: Diagnosis, finding: Finding) -> str:
    say = PHRASES[diagnosis.language]
    rows = {
        say.seen: _safe(finding.measured),
        say.why: _safe(finding.why),
        say.fix: _steps(finding.remedy),
        say.follows: _safe(following(diagnosis, finding)),
    }
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows.items() if value)
    return (
        f'<h3><span class="severity {finding.severity}">{say.severities[finding.severity].upper()}</span> '
        f"<code>{_safe(finding.check)}</code> {_safe(finding.claim)}</h3><dl>{listed}</dl>"
    )


def _words(values: Mapping[str, str]) -> str:
    """What a row says about its check. The reasons are above the table, once for each session."""
    if "finding" in values:
        finding = msgspec.json.decode(values["finding"], type=Finding)
        seen = f'<p class="seen">{_safe(finding.measured)}</p>' if finding.measured else ""
        return f"<p>{_safe(finding.claim)}</p>{seen}{_steps(finding.remedy)}"
    if values.get("blocked_by"):
        return f"<p>follows from <code>{_safe(values['blocked_by'])}</code></p>"
    return f"<p>{_safe(values['note'])}</p>" if values.get("note") else ""


def _steps(remedy: Sequence[Step]) -> str:
    return f"<ol>{''.join(f'<li>{_safe(step.text)}</li>' for step in remedy)}</ol>" if remedy else ""


def _time(iso: str) -> str:
    """The ISO form comes first, so that the column sorts by it."""
    return f'<time datetime="{escape(iso)}">{_safe(iso[:19].replace("T", " "))} UTC</time>' if iso else ""


def _badge(kind: str, sign: str, word: str) -> str:
    return f'<span class="badge {escape(kind)}">{escape(f"{sign} {word}".strip())}</span>'


def _safe(text: str) -> str:
    return escape(printable(redact(text)))


# The file


def reserve(reports: Path) -> Path:
    """Make the directory and a name in it for pytest-html to write to, before anything is looked at.

    Raises:
        UsageProblem: nothing can be written there.
    """
    temporary = reports / f".report-{os.getpid()}.html"
    try:
        reports.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        raise _not_writable(reports, error) from None
    return temporary


def publish(temporary: Path, reports: Path, now: datetime) -> tuple[Path, Path]:
    """Give a finished file its two names at once: latest.html, replaced, and a dated one that nothing overwrites.

    Args:
        temporary: on the same file system as `reports`, as `reserve` makes it; gone afterwards.

    Returns:
        The paths of latest.html and of the dated file.

    Raises:
        UsageProblem: nothing can be written there.
    """
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        reports.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            dated = reports / (f"report-{stamp}.html" if number == 1 else f"report-{stamp}-{number}.html")
            try:
                _name_too(temporary, dated)
                break
            except FileExistsError:
                number += 1
        temporary.replace(reports / LATEST)
    except OSError as error:
        raise _not_writable(reports, error) from None
    return reports / LATEST, dated


def _name_too(file: Path, name: Path) -> None:
    """A second name for a file, or a copy where the file system knows no links; never in place of another file."""
    try:
        os.link(file, name)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        content = file.read_bytes()
        with name.open("xb") as copy:
            copy.write(content)


def discard(temporary: Path) -> None:
    """Take back what `reserve` gave, for a run that ends without a report."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _not_writable(reports: Path, error: OSError) -> UsageProblem:
    return UsageProblem(
        f"The report cannot be written to {printable(str(reports), 200)}: {error.strerror}; "
        "name another directory with --reports DIR."
    )
