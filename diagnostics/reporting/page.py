"""pytest-html, driven: our columns in its table, and our own file in our own place.

This is the one module that knows pytest-html's classes (4.x). `Columns` answers its hooks, for whichever file it
writes; `LatestPage` is its self-contained report, published atomically as latest.html plus a dated file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_html
from pytest_html.report_data import ReportData
from pytest_html.selfcontained_report import SelfContainedReport
from pytest_html.util import _process_css, _read_template

from diagnostics.errors import UsageProblem
from diagnostics.model import Diagnosis
from diagnostics.redact import Redactor, redact
from diagnostics.reporting import html, publishing


class Columns:
    """What stands in the report: verdicts first, then a row for each check.

    Args:
        facts: what was looked at and how, asked for when the page is written.
        redact: the run's own, which knows the configured names.
    """

    def __init__(
        self,
        diagnoses: Callable[[], Sequence[Diagnosis]],
        facts: Callable[[], dict[str, str]],
        redact: Redactor = redact,
    ) -> None:
        self._text = html.PageText(redact)
        self._diagnoses = diagnoses
        self._facts = facts
        self._page: Any = None

    def pytest_html_report_title(self, report: Any) -> None:
        self._page = report
        html.begin_page(report)

    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        cells[:] = html.header_cells()

    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        cells[:] = self._text.row_cells(cells, report.nodeid, _values(report))

    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        data[:] = self._text.log_parts(data, _values(report))

    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        prefix[:] = self._text.summary(self._diagnoses(), facts=self._facts(), now=datetime.now(UTC))
        html.end_page(self._page)


def _values(report: pytest.TestReport) -> dict[str, str]:
    return {name: str(value) for name, value in getattr(report, "user_properties", ())}


class LatestPage(SelfContainedReport):  # type: ignore[misc]  # pytest-html has no types
    """The report of every run, without asking for it: reports/latest.html and a dated file.

    Args:
        worth_it: whether there is anything to report.

    Attributes:
        shown: the path as a person would type it; None until the page is written.
        problem: why it was not written, in one sentence; "" otherwise.
    """

    def __init__(self, config: pytest.Config, reports: Path, worth_it: Callable[[], bool]) -> None:
        self._worth_it = worth_it
        self._folder = reports
        publishing.prepare(reports)
        self._invoked_in = config.invocation_params.dir
        self.shown: str | None = None
        self.problem = ""
        resources = Path(pytest_html.__file__).with_name("resources")
        style = _process_css(resources / "style.css", [])
        # pytest-html makes the folder of its file; ours cannot be made while the disk is full.
        unused = self._invoked_in / publishing.LATEST
        super().__init__(str(unused), config, ReportData(config), _read_template([resources]), style)

    def _write_report(self, rendered_report: str) -> None:
        if not self._worth_it():
            return  # interrupted before anything was known: the last report stays
        try:
            latest, _ = publishing.publish(rendered_report, self._folder, datetime.now(UTC))
        except UsageProblem as problem:  # the diagnosis is printed all the same
            self.problem = str(problem)
            return
        self.shown = str(latest.relative_to(self._invoked_in) if latest.is_relative_to(self._invoked_in) else latest)

    def pytest_terminal_summary(self) -> None:
        """pytest-html would print an address of the file; the diagnosis block names its path."""
