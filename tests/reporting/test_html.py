"""The HTML page as pytest-html really writes it, and how it gets its names."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from diagnostics.errors import UsageProblem
from diagnostics.model import CheckResult, Diagnosis, Finding, Mode, Outcome, Severity, Step, Verdict
from diagnostics.reporting import html, publishing

ROOT = Path(__file__).parents[2]
NOW = datetime(2025, 11, 22, 10, 41, 7, tzinfo=UTC)
HOSTILE = '</td></script><script>alert(1)</script><img src=x onerror="alert(1)">\x1b[31m'
FINDING = Finding(
    check="session.authenticated",
    cause="device-removed",
    severity=Severity.CRITICAL,
    claim="the phone unlinked this device",
    measured=f"for 628123456789 {HOSTILE}",
    why="WhatsApp refuses every message",
    remedy=(Step("wadiag pair testing", "wadiag pair testing"), Step(f"then {HOSTILE}")),
)

# A run with every outcome: the tests are what a person's project may hold, the hooks are what the plugin does.
CONFTEST = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diagnostics.reporting import html, publishing
from tests.reporting import test_html as parts

HERE = Path(__file__).parent
PAGES = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.htmlpath = str(HERE / "written.html")
    config.option.self_contained_html = True

def pytest_generate_tests(metafunc):
    if "result" in metafunc.fixturenames:
        metafunc.parametrize("result", parts.RESULTS, ids=[result.check for result in parts.RESULTS])

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and "result" in item.fixturenames:
        found = replace(parts.DIAGNOSES[0], session=parts.SESSION)
        report.user_properties += html.PageText().properties(found, item.callspec.params["result"])
    return report

def pytest_html_report_title(report):
    PAGES.append(report)
    html.begin_page(report)

def pytest_html_results_table_header(cells):
    cells[:] = html.header_cells()

def pytest_html_results_table_row(report, cells):
    cells[:] = html.PageText().row_cells(cells, report.nodeid, dict(report.user_properties))

def pytest_html_results_table_html(report, data):
    data[:] = html.PageText().log_parts(data, dict(report.user_properties))

def pytest_html_results_summary(prefix):
    facts = {"target": "simulator", "mode": "permissive"}
    prefix[:] = html.PageText().summary(parts.DIAGNOSES, facts=facts, now=parts.NOW)
    html.end_page(PAGES[0])

def pytest_unconfigure(config):
    publishing.publish(Path(config.option.htmlpath).read_text(encoding="utf-8"), HERE / "reports", parts.NOW)
"""
TESTS = """
import pytest

def test_check(result):
    print("asked 628123456789, token=hunter2 <b>")
    if result.outcome in {"fail", "unknown"}:
        raise AssertionError("the finding")
    if result.outcome in {"blocked", "skipped"}:
        pytest.skip("for a reason")

def test_628123456789_of_my_own():
    assert "hunter2" == "<i>628123456789"

@pytest.fixture
def broken():
    raise RuntimeError("<u>")

def test_broken(broken):
    pass
"""
SESSION = "shop <b>"
RESULTS = (
    CheckResult("session.exists", Outcome.PASS, note="found in 12 ms", at=NOW),
    CheckResult("session.authenticated", Outcome.FAIL, finding=FINDING, at=NOW),
    CheckResult("socket.state", Outcome.WARN, finding=FINDING, at=NOW),
    CheckResult("probe.completed", Outcome.UNKNOWN, finding=FINDING, at=NOW),
    CheckResult("send.text", Outcome.BLOCKED, blocked_by="session.authenticated"),
    CheckResult("send.image", Outcome.SKIPPED, note="nobody named a recipient"),
)


def diagnosis(session: str, verdict: Verdict, headline: str, *findings: Finding) -> Diagnosis:
    return Diagnosis(session, "simulator", Mode.PERMISSIVE, verdict, headline, RESULTS, findings, NOW)


DIAGNOSES = [
    diagnosis("fine", Verdict.HEALTHY, "can send"),
    diagnosis(SESSION, Verdict.UNHEALTHY, f"cannot send {HOSTILE}", FINDING),
]


class Elements(HTMLParser):
    """All elements of a page, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] not in {"script", "style"}:
            self.text += data


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that a real run of pytest with pytest-html left behind."""
    directory = tmp_path_factory.mktemp("run")
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_shop.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:diagnostics.plugin", "-p", "no:cacheprovider"]
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
    }
    run = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    return directory / "reports"


@pytest.fixture(scope="module")
def page(reports: Path) -> str:
    return (reports / "latest.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(page: str) -> dict[str, Any]:
    """What pytest-html's script makes the table from."""
    blobs = [attrs["data-jsonblob"] for _, attrs in Elements(page).elements if "data-jsonblob" in attrs]
    return json.loads(blobs[0] or "")  # type: ignore[no-any-return]


def rows(data: dict[str, Any]) -> dict[str, Elements]:
    """Each row's cells by the name of its check or test."""
    found = {}
    for row in (row for tests in data["tests"].values() for row in tests):
        cells = Elements("".join(row["resultsTableRow"]))
        found[row["check"]] = cells
    return found


def test_a_run_leaves_the_latest_report_and_a_dated_one(reports: Path) -> None:
    assert sorted(path.name for path in reports.iterdir()) == ["latest.html", "report-20251122T104107Z.html"]


def test_the_verdict_stands_first_then_the_root_cause_and_its_remedy(page: str) -> None:
    words = " ".join(Elements(page).text.split())
    said = (
        "UNHEALTHY",
        "cannot send",
        "CRITICAL",
        "the phone unlinked this device",
        "wadiag pair testing",
        "✔ HEALTHY",
    )
    places = [words.index(each) for each in ("written2025-11-22 10:41:07 UTC", *said)]
    assert places == sorted(places)


def test_every_outcome_has_a_row_with_session_check_outcome_finding_and_time(data: dict[str, Any]) -> None:
    said = {name: " ".join(cells.text.split()) for name, cells in rows(data).items()}
    assert said["session.exists"] == "Passedshop <b>session.exists5✔ PASSfound in 12 ms2025-11-22 10:41:07 UTC"
    assert said["session.authenticated"].startswith("Failedshop <b>session.authenticated0✘ FAILthe phone unlinked this")
    assert "wadiag pair testing" in said["session.authenticated"]
    assert "2▲ WARN" in said["socket.state"]
    assert "1? UNKNOWN" in said["probe.completed"]
    assert said["send.text"] == "Skippedshop <b>send.text3↳ BLOCKEDfollows from session.authenticated"
    assert said["send.image"] == "Skippedshop <b>send.image4– SKIPPEDnobody named a recipient"
    assert said["test_shop.py::test_broken"] == "Error–test_shop.py::test_broken0✘ Error"


def test_every_row_has_as_many_cells_as_the_header(data: dict[str, Any]) -> None:
    assert {len(row["resultsTableRow"]) for tests in data["tests"].values() for row in tests} == {6}
    assert len(html.header_cells()) == 6


def test_trouble_is_sorted_first(data: dict[str, Any]) -> None:
    keys = [(row["outcome"], row["check"]) for tests in data["tests"].values() for row in tests]
    assert data["initialSort"] == "outcome"
    assert [check for _, check in sorted(keys)][-1] == "session.exists"
    assert min(keys)[0].startswith("<span hidden>0</span>")


def test_nothing_of_a_session_becomes_markup(page: str, data: dict[str, Any]) -> None:
    summary_and_shell = Elements(page).elements
    assert sum(tag == "script" for tag, _ in summary_and_shell) == 1  # pytest-html's own
    assert [attrs for tag, attrs in summary_and_shell if tag == "img"] == [{"src": ""}]  # of its media template
    for row in (row for tests in data["tests"].values() for row in tests):
        assert {tag for tag, _ in Elements("".join(row["resultsTableRow"])).elements} <= {
            *("td", "span", "p", "ol", "li", "code", "time")
        }
        assert "<" not in row["log"].replace('<span class="error">', "")
    assert "\\x1b[31m" in page


def test_behind_a_check_is_what_it_printed_and_behind_a_test_of_ones_own_its_traceback(data: dict[str, Any]) -> None:
    logs = {row["check"]: row["log"] for tests in data["tests"].values() for row in tests}
    assert "asked 628•••••••89, token=[removed] &lt;b&gt;" in logs["session.authenticated"]
    assert "AssertionError" not in logs["session.authenticated"]
    assert "for a reason" not in logs["send.text"]
    assert "RuntimeError: &lt;u&gt;" in logs["test_shop.py::test_broken"]


def test_no_personal_data_secret_or_local_path_reaches_the_page(page: str, reports: Path) -> None:
    for secret in ("628123456789", "hunter2 ", "token=hunter2", str(ROOT), str(reports.parent), sys.prefix):
        assert secret not in page
    assert "628•••••••89" in page


def test_the_page_loads_nothing(page: str) -> None:
    for tag, attrs in Elements(page).elements:
        assert tag not in {"link", "iframe", "object", "embed"}
        assert not attrs.get("src")
    assert "url(" not in page
    assert "@import" not in page


def test_a_checks_result_is_strings_without_personal_data() -> None:
    result = CheckResult("send.text", Outcome.FAIL, note="to +628123456789", finding=FINDING, at=NOW)
    values = dict(html.PageText().properties(diagnosis("shop-628123456789", Verdict.HEALTHY, ""), result))
    assert (values["session"], values["check"], values["outcome"]) == ("shop-628•••••••89", "send.text", "fail")
    assert values["observed_at"] == "2025-11-22T10:41:07+00:00"
    assert values["note"] == "to +628•••••••89"
    assert json.loads(values["finding"])["remedy"][0]["command"] == "wadiag pair testing"
    assert "628123456789" not in str(values)
    assert dict(html.PageText().properties(diagnosis("s", Verdict.HEALTHY, ""), CheckResult("a", Outcome.PASS))) == {
        "session": "s",
        "target": "simulator",
        "check": "a",
        "outcome": "pass",
    }


def test_very_many_healthy_sessions_are_folded() -> None:
    many = [diagnosis(f"s{number}", Verdict.HEALTHY, "can send") for number in range(21)]
    parts = html.PageText().summary(many, facts={}, now=NOW)
    assert "<details" in "".join(parts)
    assert "21 sessions" in "".join(parts)
    assert "<details" not in "".join(html.PageText().summary(many[:20], facts={}, now=NOW))


# The file


def test_publishing_replaces_the_latest_report_and_keeps_every_dated_one(tmp_path: Path) -> None:
    reports = tmp_path / "a" / "reports"
    first = publishing.publish("one", reports, NOW)
    second = publishing.publish("two", reports, NOW.astimezone(timezone(timedelta(hours=7))))
    assert [path.name for path in first] == ["latest.html", "report-20251122T104107Z.html"]
    assert [path.name for path in second] == ["latest.html", "report-20251122T104107Z-2.html"]
    assert {path.name: path.read_text() for path in reports.iterdir()} == {
        "latest.html": "two",
        "report-20251122T104107Z.html": "one",
        "report-20251122T104107Z-2.html": "two",
    }


def test_a_file_system_without_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    publishing.publish("one", tmp_path, NOW)
    _, dated = publishing.publish("two", tmp_path, NOW)
    assert dated.name == "report-20251122T104107Z-2.html"
    assert dated.read_text() == "two"
    assert (tmp_path / "report-20251122T104107Z.html").read_text() == "one"


@pytest.mark.parametrize(
    "write",
    [publishing.prepare, lambda reports: publishing.publish("one", reports, NOW)],
    ids=["prepare", "publish"],
)
def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path, write: Callable[[Path], object]) -> None:
    (tmp_path / "reports").touch()  # a file where the directory should be
    with pytest.raises(UsageProblem, match=r"^The report cannot be written to .*/reports: .*; name another directory"):
        write(tmp_path / "reports")


def test_nothing_is_in_the_directory_before_there_is_a_report(tmp_path: Path) -> None:
    publishing.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next_one_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    left, writing = tmp_path / ".report-left.html", tmp_path / ".report-writing.html"
    left.write_text("half of a rep")
    with writing.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        publishing.prepare(tmp_path)
        assert list(tmp_path.iterdir()) == [writing]
    publishing.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_is_swept_away_before_it_is_locked_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, []

    def sweep_first(file: Any, how: int) -> None:
        if not swept:
            swept.extend(path.unlink() for path in list(tmp_path.iterdir()))
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    publishing.publish("one", tmp_path, NOW)
    assert swept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.html", "report-20251122T104107Z.html"]


def test_a_report_that_a_sweep_has_locked_is_written_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, sweeping = fcntl.flock, []

    def sweep_at_once(file: Any, how: int) -> None:
        if not sweeping:
            sweeping.append(next(tmp_path.iterdir()).open("rb"))
            lock(sweeping[0], fcntl.LOCK_EX)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", sweep_at_once)
    latest, dated = publishing.publish("one", tmp_path, NOW)
    with sweeping[0]:
        Path(sweeping[0].name).unlink()  # as a sweep does once it has the lock
    assert sorted(tmp_path.iterdir()) == [latest, dated]


def test_a_report_may_be_read_by_whom_other_files_of_the_user_may(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    for path in publishing.publish("one", tmp_path, NOW):
        assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
