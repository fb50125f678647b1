"""The pytest plugin of the checks: hooks only. What a run is, is in `running`; the words are in `reporting`.

It is loaded by the checks' own conftest.py and by `wadiag check`, never by an entry point: a project that has this
package installed gets no option and no hook of it.

Theory of operation. `pytest_configure` makes the plan (wrong input ends there, exit code 4). pytest collects one item
for each check and session. In the run loop the sessions of the items that survived -k and -m are looked at; the items
themselves are instant and read a finished diagnosis. No `--session` is a usage error, and so is one that no collected
item asks for: a run that looks at nothing is never green.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.checking import RESULT, RUN, CheckFailed, Judged, Sentence, check_of, session_of, slugs
from diagnostics.errors import UsageProblem
from diagnostics.model import Diagnosis, Outcome
from diagnostics.running.options import options

if TYPE_CHECKING:
    from diagnostics.running.run import Run

# Whatever a run without --session does not need is imported where it is used.
# ruff: noqa: PLC0415

__all__ = ["CHECK_BY_ID", "CheckFailed", "Judged", "diagnosis", "judged"]

_NO_SESSION = "no --session given: nothing would be checked; for example: pytest checks --session testing"
_LETTERS: Mapping[Outcome, tuple[str, str, tuple[str, Mapping[str, bool]]]] = {
    Outcome.WARN: ("warned", "W", ("WARN", {"yellow": True})),
    Outcome.BLOCKED: ("blocked", "b", ("BLOCKED", {"yellow": True})),
    Outcome.UNKNOWN: ("failed", "U", ("UNKNOWN", {"red": True})),
}
_UNWRITTEN = pytest.StashKey[str]()  # which file of somebody else's could not be written, and why
CALLER = "diagnostics.caller"  # the name under which a caller of pytest.main registers itself, a `checking.Caller`


@pytest.fixture
def diagnosis(request: pytest.FixtureRequest, session_name: str) -> Diagnosis:
    """The diagnosis of one session, redacted; a test that asks for it runs once for each --session."""
    return request.config.stash[RUN].redacted[session_name]


@pytest.fixture
def judged(request: pytest.FixtureRequest, session_name: str, diagnosis: Diagnosis) -> Judged:
    """The standing of the check named by the test's marker, @pytest.mark.check("session.exists")."""
    result = request.config.stash[RUN].standing(session_name, check_of(request.node))
    from diagnostics.reporting.html import PageText

    text = PageText(request.config.stash[RUN].redact)
    request.node.user_properties.extend(text.properties(diagnosis, result))  # for JUnit and the HTML report
    request.node.stash[RESULT] = result
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
    for option in options():
        if option.flag:
            group.addoption(f"--{option.name}", action="store_true", help=option.help)
        else:
            group.addoption(f"--{option.name}", metavar=option.metavar, help=option.help)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "check(id): this test answers one check of the catalogue")
    config.addinivalue_line("markers", "store: answered by reading the session's store; connects nothing")
    config.addinivalue_line("markers", "connection: needs a connection, sends nothing")
    config.addinivalue_line("markers", "sending: sends a message")
    if not config.getoption("session"):
        return
    try:
        config.stash[RUN] = run = _run(config)
    except UsageProblem as problem:
        raise pytest.UsageError(str(problem)) from None
    # Sessions are looked at concurrently in one process; distributing the instant checks over xdist's
    # workers would look at every session once per worker.
    if config.pluginmanager.hasplugin("xdist"):
        config.option.dist, config.option.tx = "no", []
    if not config.option.collectonly:
        run.start()
        config.add_cleanup(run.close)
    if not config.option.collectonly and _writes_html(config):
        _register_page(config, run)


def _run(config: pytest.Config) -> Run:
    caller = config.pluginmanager.get_plugin(CALLER)
    if caller is not None:
        return caller.run  # type: ignore[no-any-return]
    from diagnostics.running.invocation import Invocation, as_pytest, typed_words
    from diagnostics.running.run import Run, plan_for

    given = vars(config.option)
    plan = plan_for(given, cwd=config.invocation_params.dir, rootdir=config.rootpath)
    paths = [str(path).partition("::")[0] for path in given.get("file_or_dir") or ()]
    return Run(plan, Invocation(as_pytest(sys.argv[0], list(dict.fromkeys(paths))), typed=typed_words(given)))


def _writes_html(config: pytest.Config) -> bool:
    """Whether pytest-html is there, under its entry point's name or, loaded with -p, under its module's."""
    return any(map(config.pluginmanager.hasplugin, ("html", "pytest_html.plugin")))


def _register_page(config: pytest.Config, run: Run) -> None:
    from diagnostics.reporting.page import Columns, LatestPage

    columns = Columns(lambda: tuple(run.redacted.values()), lambda: _page_facts(run), run.redact)
    config.pluginmanager.register(columns, "diagnostics.columns")
    if not config.getoption("htmlpath"):
        try:
            config.pluginmanager.register(
                LatestPage(config, run.plan.reports, lambda: bool(run.diagnoses)), "diagnostics.page"
            )
        except UsageProblem as problem:
            raise pytest.UsageError(str(problem)) from None


def _page_facts(run: Run) -> dict[str, str]:
    facts = {"target": "; ".join(target.describe() for target in run.targets), "mode": str(run.plan.mode)}
    if run.ended is not None and run.ended.unfinished:
        facts[f"stopped by {run.ended.stopped_by}, not looked at"] = ", ".join(run.ended.unfinished)
    return facts


def pytest_report_header(config: pytest.Config) -> list[str]:
    run = config.stash.get(RUN, None)
    return _header(config, run) if run is not None else []


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Without pytest's own header (`wadiag check`), ours stands alone."""
    config = session.config
    run, reporter = config.stash.get(RUN, None), config.pluginmanager.get_plugin("terminalreporter")
    if run is not None and reporter is not None and reporter.no_header:
        for line in _header(config, run):
            reporter.write_line(line)


def _header(config: pytest.Config, run: Run) -> list[str]:
    from diagnostics.reporting import terminal

    return terminal.header(
        targets=[line for target in run.targets for line in (target.describe(), *target.notices())],
        mode=run.plan.mode,
        sessions=[session.name + (f" ({session.value})" if session.value else "") for session in run.plan.sessions],
        deadline=run.plan.deadline,
        sends=run.sends,
        **_paper(config, run),
    )


def _paper(config: pytest.Config, run: Run) -> dict[str, Any]:
    """How the terminal is written to: its width, its encoding, and whether it may see identities."""
    from diagnostics.reporting.terminal import known_encoding

    writer = config.get_terminal_writer()
    return {
        "width": writer.fullwidth,
        "encoding": known_encoding(getattr(writer._file, "encoding", None)),  # noqa: SLF001 - no public way
        "redact": run.redact if not config.getoption("show_identities") else run.revealing,
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "session_name" not in metafunc.fixturenames:
        return
    run = metafunc.config.stash.get(RUN, None)
    names = [session.name for session in run.plan.sessions] if run else []
    metafunc.parametrize("session_name", names, ids=slugs(map(run.redact, names)) if run else None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asking = [item for item in items if session_of(item) is not None]
    run = config.stash.get(RUN, None)
    if asking and run is None:
        raise pytest.UsageError(_NO_SESSION)
    if run and not asking and not config.getoption("collectonly"):
        raise pytest.UsageError(
            "--session is given, but no collected test looks at a session, so nothing would be checked; the checks are "
            "those of this project: pytest checks --session NAME in a checkout, wadiag check NAME anywhere"
        )
    for item in asking:
        check_of(item)
    if run and len(asking) == len(items) and config.option.tbstyle == "auto":
        config.option.tbstyle = "no"  # the diagnosis at the end says it all; --tb=short brings the sections back


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    run = session.config.stash.get(RUN, None)
    if not run or session.config.option.collectonly or session.testsfailed:
        return (yield)
    for item in session.items:
        if name := session_of(item):
            run.select(name, check_of(item))
    end = run.execute(_sinks(session.config))
    if not end.stopped_by:
        return (yield)
    # What was found is reported: the items of the finished sessions run, the others are not even started.
    session.items[:] = [item for item in session.items if (session_of(item) or "") in run.diagnoses]
    if session.items:
        yield
    done, all_ = len(run.diagnoses), len(run.selected)
    raise session.Interrupted(f"stopped by {end.stopped_by} after {done} of {all_} sessions")


def _sinks(config: pytest.Config) -> list[Any]:
    from diagnostics.reporting.progress import Progress

    caller = config.pluginmanager.get_plugin(CALLER)
    sinks = list(caller.sinks) if caller is not None else []
    if config.pluginmanager.hasplugin("terminalreporter"):
        sinks.append(Progress(config.get_terminal_writer()._file))  # noqa: SLF001 - no public way
    return sinks


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    result = item.stash.get(RESULT, None)
    if result is None or call.when != "call":
        return report
    from diagnostics.reporting.terminal import finding_lines

    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed):
        run = item.config.stash[RUN]
        paper = {**_paper(item.config, run), "redact": run.redact}
        lines = finding_lines(call.excinfo.value.finding, **paper, language=run.plan.lang)
        report.longrepr = Sentence([line.text for line in lines], call.excinfo.value.finding.claim)  # type: ignore[assignment]
    elif isinstance(report.longrepr, tuple):  # a skip: its reason is what counts, not the line in this plugin
        report.longrepr = (item.location[0], item.location[1] or 0, report.longrepr[2])
    report.wadiag_outcome = result.outcome  # type: ignore[attr-defined]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    outcome = getattr(report, "wadiag_outcome", None)
    return _LETTERS.get(outcome) if outcome is not None else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run = config.stash.get(RUN, None)
    if run is None or run.ended is None:
        return
    from diagnostics.reporting import terminal

    page = config.pluginmanager.get_plugin("diagnostics.page")
    lines = terminal.render(
        list(run.diagnoses.values()),
        report=page and page.shown,
        unfinished=run.ended.unfinished,
        language=run.plan.lang,
        **_paper(config, run),
    )
    if not lines:
        return
    terminalreporter.write_sep("=", "diagnosis")
    for line in lines:
        terminalreporter.write_line(line.text, **line.markup)
    for problem in filter(None, (page and page.problem, config.stash.get(_UNWRITTEN, ""))):
        for part in textwrap.wrap(run.redact(problem), config.get_terminal_writer().fullwidth):
            terminalreporter.write_line(part, yellow=True)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """The exit code; and files that pytest and its plugins cannot write take nothing from the diagnosis."""
    run = session.config.stash.get(RUN, None)
    if run and run.diagnoses and exitstatus == pytest.ExitCode.OK:
        if run.failed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED  # found by a check that was not selected
        elif not run.answered:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED  # everything was skipped: nothing was checked
    try:
        yield
    except OSError as error:
        if not run:
            raise
        session.config.stash[_UNWRITTEN] = f"{error.filename or 'A file'} cannot be written: {error.strerror}."
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR  # somebody has asked for that file and waits for it
