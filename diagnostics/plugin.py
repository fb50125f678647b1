"""The pytest plugin: hooks only. What a run is, is in `run.py`; the words are in `reporting`.

Evidence is collected once, in the run loop, for the items that survived -k and -m; the checks themselves
then read a finished diagnosis. No `--session` is a usage error: a run that looks at nothing is never green.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import CheckResult, Diagnosis, Finding, Outcome
from diagnostics.targets import registry

if TYPE_CHECKING:
    from diagnostics.running.run import Run

# Installed, this plugin is loaded by every pytest run; whatever a run without --session does not need is imported
# where it is used.
# ruff: noqa: PLC0415

_NO_SESSION = "no --session given: nothing would be checked; for example: pytest checks --session testing"
_LETTERS: Mapping[Outcome, tuple[str, str, tuple[str, Mapping[str, bool]]]] = {
    Outcome.WARN: ("warned", "W", ("WARN", {"yellow": True})),
    Outcome.BLOCKED: ("blocked", "b", ("BLOCKED", {"yellow": True})),
    Outcome.UNKNOWN: ("failed", "U", ("UNKNOWN", {"red": True})),
}


_RUN = pytest.StashKey["Run"]()
_RESULT = pytest.StashKey[CheckResult]()


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


@pytest.fixture
def diagnosis(request: pytest.FixtureRequest, session_name: str) -> Diagnosis:
    """The diagnosis of one session, redacted; a test that asks for it runs once for each --session."""
    return request.config.stash[_RUN].redacted[session_name]


@pytest.fixture
def judged(request: pytest.FixtureRequest, session_name: str, diagnosis: Diagnosis) -> Judged:
    """The standing of the check named by the test's marker, @pytest.mark.check("session.exists")."""
    result = request.config.stash[_RUN].standing(session_name, _check_id(request.node))
    from diagnostics.reporting.html import properties

    request.node.user_properties.extend(properties(diagnosis.session, result))  # for JUnit and the HTML report
    request.node.stash[_RESULT] = result
    return Judged(diagnosis, result)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("diagnostics", "WhatsApp session diagnostics")
    group.addoption(
        "--session",
        action="append",
        default=[],
        metavar="NAME[=SCENARIO]",
        help="session to look at; may be repeated. With =SCENARIO the simulator plays that scenario for it.",
    )
    group.addoption("--mode", help="permissive (default): non-critical findings pass with a warning; or strict")
    group.addoption("--lang", help="of the findings: en (default), or id for Indonesian")
    group.addoption("--target", help=f"{', '.join(_kinds())}, or the name of a target in diagnostics.toml")
    _add_options_of_kinds(group)
    group.addoption("--send-to", metavar="NUMBER", help="send a test text and image to this number (live sessions)")
    group.addoption("--deadline", metavar="SECONDS", help="longest time for each session, all steps together")
    group.addoption("--reports", metavar="DIR", help="where latest.html and the dated report go (default: reports)")
    group.addoption("--config", metavar="FILE", help="configuration file (default: diagnostics.toml, if there is one)")
    group.addoption("--show-identities", action="store_true", help="do not mask phone numbers in the terminal")


def _kinds() -> list[str]:
    from diagnostics.targets.base import DEFAULT_TARGET

    others = [name for name in registry.usable() if name != DEFAULT_TARGET]
    return [f"{DEFAULT_TARGET} (default)", *others]


def _add_options_of_kinds(group: pytest.OptionGroup) -> None:
    """Options that the kinds of targets have, each once."""
    for option in registry.options():
        if not option.typed:
            continue
        how = {"action": "store_true"} if option.flag else {"metavar": option.metavar}
        # What another plugin has taken can still be said by the variable and in the file.
        with contextlib.suppress(ValueError):
            group.addoption(option.option, dest=option.name, help=option.help, **how)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "check(id): this test answers one check of the catalogue")
    config.addinivalue_line("markers", "store: answered by reading the session's store; connects nothing")
    config.addinivalue_line("markers", "connection: needs a connection, sends nothing")
    config.addinivalue_line("markers", "sending: sends a message")
    sessions = config.getoption("session")
    if not sessions:
        return
    from diagnostics.running.run import Run, plan_for

    try:
        plan = plan_for(vars(config.option), cwd=config.invocation_params.dir, rootdir=config.rootpath)
    except UsageProblem as problem:
        raise pytest.UsageError(str(problem)) from None
    config.stash[_RUN] = Run(plan)
    # Sessions are looked at concurrently in one process; distributing the instant checks over xdist's
    # workers would look at every session once per worker.
    if config.pluginmanager.hasplugin("xdist"):
        config.option.dist, config.option.tx = "no", []
    if not config.option.collectonly and config.pluginmanager.hasplugin("html"):
        _register_page(config, config.stash[_RUN])


def _register_page(config: pytest.Config, run: Run) -> None:
    from diagnostics.reporting.page import Columns, LatestPage

    facts = {"target": "; ".join(target.describe() for target in run.targets), "mode": str(run.plan.mode)}
    config.pluginmanager.register(Columns(lambda: tuple(run.redacted.values()), facts), "diagnostics.columns")
    if not config.getoption("htmlpath"):
        try:
            config.pluginmanager.register(
                LatestPage(config, run.plan.reports, lambda: bool(run.diagnoses)), "diagnostics.page"
            )
        except UsageProblem as problem:
            raise pytest.UsageError(str(problem)) from None


def pytest_report_header(config: pytest.Config) -> list[str]:
    run = config.stash.get(_RUN, None)
    if run is None:
        return []
    from diagnostics.reporting import terminal

    return terminal.header(
        targets=[target.describe() for target in run.targets],
        mode=run.plan.mode,
        sessions=[session.name + (f" ({session.value})" if session.value else "") for session in run.plan.sessions],
        deadline=run.plan.deadline,
        sends=run.sends,
        **_paper(config),
    )


def _paper(config: pytest.Config) -> dict[str, Any]:
    """How the terminal is written to: its width, its encoding, and whether it may see identities."""
    from diagnostics.reporting.terminal import known_encoding

    writer = config.get_terminal_writer()
    return {
        "width": writer.fullwidth,
        "encoding": known_encoding(getattr(writer._file, "encoding", None)),  # noqa: SLF001 - no public way
        "show_identities": config.getoption("show_identities"),
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "session_name" not in metafunc.fixturenames:
        return
    run = metafunc.config.stash.get(_RUN, None)
    names = [session.name for session in run.plan.sessions] if run else []
    metafunc.parametrize("session_name", names, ids=_slugs(names))


def _slugs(names: list[str]) -> list[str]:
    """Test ids of [a-z0-9-] only: they reach the HTML report and shells. Unique, and readable in -k."""
    from diagnostics.redact import redact

    slugs: list[str] = []
    for name in names:
        slug = base = re.sub(r"[^a-z0-9]+", "-", redact(name).lower()).strip("-") or "session"
        number = 2
        while slug in slugs:
            slug, number = f"{base}-{number}", number + 1
        slugs.append(slug)
    return slugs


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asking = [item for item in items if _session_of(item) is not None]
    run = config.stash.get(_RUN, None)
    if asking and run is None:
        raise pytest.UsageError(_NO_SESSION)
    for item in asking:
        _check_id(item)
    if run and len(asking) == len(items) and config.option.tbstyle == "auto":
        config.option.tbstyle = "no"  # the diagnosis at the end says it all; --tb=short brings the sections back


def _session_of(item: pytest.Item) -> str | None:
    """The session that an item is about; "" for an item that asks for one when none was given."""
    if "session_name" not in getattr(item, "fixturenames", ()):
        return None
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("session_name", "")) if callspec else ""


def _check_id(item: pytest.Item) -> str:
    """The check that an item answers; "" for a test of the user's own that looks at the whole diagnosis."""
    marker = item.get_closest_marker("check")
    if marker is None:
        if "judged" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f'{item.nodeid} uses "judged" and so needs @pytest.mark.check("…")')
        return ""
    check = str(marker.args[0]) if marker.args else ""
    if check not in CHECK_BY_ID:
        raise pytest.UsageError(f'{item.nodeid}: there is no check "{check}".{did_you_mean(check, CHECK_BY_ID)}')
    return check


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    run = session.config.stash.get(_RUN, None)
    if run and not session.config.option.collectonly and not session.testsfailed:
        for item in session.items:
            if name := _session_of(item):
                run.select(name, _check_id(item))
        run.diagnose()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    result = item.stash.get(_RESULT, None)
    if result is None or call.when != "call":
        return report
    from diagnostics.reporting.terminal import finding_lines

    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed):
        paper = {**_paper(item.config), "show_identities": False}
        lines = finding_lines(call.excinfo.value.finding, **paper, language=item.config.stash[_RUN].plan.lang)
        report.longrepr = _Sentence([line.text for line in lines], call.excinfo.value.finding.claim)  # type: ignore[assignment]
    elif isinstance(report.longrepr, tuple):  # a skip: its reason is what counts, not the line in this plugin
        report.longrepr = (item.location[0], item.location[1] or 0, report.longrepr[2])
    report.wadiag_outcome = result.outcome  # type: ignore[attr-defined]
    return report


class _Sentence:
    """What pytest shows instead of a traceback: plain lines, and one sentence for the short summary."""

    def __init__(self, lines: list[str], sentence: str) -> None:
        self.lines = lines
        self.reprcrash = SimpleNamespace(message=sentence, path="", lineno=0)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def toterminal(self, writer: Any) -> None:
        for line in self.lines:
            writer.line(line)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    outcome = getattr(report, "wadiag_outcome", None)
    return _LETTERS.get(outcome) if outcome is not None else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run = config.stash.get(_RUN, None)
    if run is None or not run.diagnoses:
        return
    from diagnostics.reporting import terminal

    page = config.pluginmanager.get_plugin("diagnostics.page")
    terminalreporter.write_sep("=", "diagnosis")
    for line in terminal.render(list(run.diagnoses.values()), report=page and page.shown, **_paper(config)):
        terminalreporter.write_line(line.text, **line.markup)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run = session.config.stash.get(_RUN, None)
    if not run or not run.diagnoses or exitstatus != pytest.ExitCode.OK:
        return
    if run.failed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED  # found by a check that was not selected
    elif not run.answered:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED  # everything was skipped: nothing was checked
