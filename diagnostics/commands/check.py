"""`wadiag check NAME…`: the checks of this suite for who has no checkout, in any folder.

Theory of operation. It is `pytest checks --session NAME …` with the same options and exit codes. The plan is made
before pytest is imported, so that what takes longest to start (the worker that loads neonize) starts at once. pytest
then runs with a configuration of the suite's own and without foreign plugins: the folder in which somebody stands may
be a project with a pytest.ini that fits its own tests only. Options that are not ours pass through to pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnostics.errors import UsageProblem
from diagnostics.running.invocation import Invocation, typed_command, typed_words
from diagnostics.running.options import by_name, options

if TYPE_CHECKING:
    from diagnostics.running.run import Run

BAD_USAGE = 4  # pytest's exit code for it, which `pytest checks` has, too
NOT_WRITTEN = 3  # pytest's for an internal error: whoever waits for the document must not take it for a green run
_JSON = ("json", "ndjson")
_WITH_CACHE = ("--lf", "--last-", "--ff", "--failed-", "--nf", "--new-", "--sw", "--stepwise", "--cache")

DESCRIPTION = (
    "Looks at sessions and says whether each can send; if not, why, and what to do. Without --target the embedded "
    "simulator is asked. Names come first; options of pytest (-k, -m, --junitxml, -v, --tb …) pass through."
)
EPILOG = (
    "exit codes: 0 every selected check passed, perhaps with warnings; 1 a check failed or is unknown; 2 interrupted; "
    "3 internal error, or a file that was asked for cannot be written; 4 wrong input; 5 nothing was checked"
)


@dataclass(slots=True)
class Typed:
    """A command line, taken apart.

    Attributes:
        names: "NAME" or "NAME=SCENARIO".
        given: our options by destination name.
        passed: everything else, for pytest.
        output: "json", "ndjson" or "".
    """

    names: list[str] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    output: str = ""


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("sessions", nargs="*", metavar="NAME[=SCENARIO]", help="session to look at")
    for option in options():
        if option.flag:
            parser.add_argument(f"--{option.name}", action="store_true", help=option.help)
        else:
            parser.add_argument(f"--{option.name}", metavar=option.metavar, help=option.help)
    parser.add_argument(
        "--checks", metavar="PATH", action="append", help="checks of your own, beside those of the suite"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("--ndjson", action="store_true", help="print a line of JSON for each session as it finishes")


def take_apart(arguments: Sequence[str]) -> Typed:
    """Names, our options, and pytest's.

    From the first option that is not ours on, a word without a dash may be that option's value, so it is pytest's.

    Raises:
        UsageProblem: one of our options lacks its value.
    """
    typed, words, foreign = Typed(), list(arguments), False
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in _JSON and not equals:
            typed.output = name
        elif word.startswith("--") and (name in by_name() or name == "checks"):
            flag = name != "checks" and by_name()[name].flag
            if not flag and not equals:
                if not words:
                    raise UsageProblem(f"--{name} needs a value.")
                value = words.pop(0)
            _give(typed, name, value, flag=flag)
        elif word.startswith("-"):
            foreign = True
            typed.passed.append(word)
        elif foreign:
            typed.passed.append(word)
        else:
            typed.names.append(word)
    return typed


def _give(typed: Typed, name: str, value: str, *, flag: bool) -> None:
    if name == "checks":
        typed.given.setdefault("checks", []).append(value)
    else:
        typed.given[by_name()[name].destination] = True if flag else value


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_typed(arguments: Sequence[str]) -> int:
    """Run the checks for a command line; the exit code."""
    try:
        typed = _with_environment(take_apart(arguments))
        run = _planned(typed)
    except UsageProblem as problem:
        print(f"wadiag check: {problem}", file=sys.stderr)
        return BAD_USAGE
    return _check(typed, run)


def _with_environment(typed: Typed) -> Typed:
    """The same with the options of PYTEST_ADDOPTS, which the command line overrides, as with pytest."""
    added = take_apart(shlex.split(os.environ.get("PYTEST_ADDOPTS", "")))
    given, passed = {**added.given, **typed.given}, [*added.names, *added.passed, *typed.passed]
    return Typed(typed.names, given, passed, typed.output or added.output)


def _planned(typed: Typed) -> Run:
    from diagnostics.running.run import Run, plan_for  # noqa: PLC0415 - not for --help

    if not typed.names:
        first = " (names come before pytest's options)" if typed.passed else ""
        raise UsageProblem(f"no session is named: nothing would be checked; for example: wadiag check testing{first}")
    plan = plan_for({**typed.given, "session": typed.names}, cwd=Path.cwd(), rootdir=Path.cwd())
    command = (*typed_command("wadiag", sys.argv[0]), "check")
    if command[-2] == "wadiag" and command[-3:-2] == ("-m",):
        command = (*command[:-2], "diagnostics", "check")
    return Run(plan, Invocation(command, option="", typed=typed_words(typed.given)))


def _check(typed: Typed, run: Run) -> int:
    if not {"--collect-only", "--co"} & set(typed.passed):
        run.start()
    import pytest  # noqa: PLC0415 - what takes longest has been started by now

    from diagnostics.checking import Caller  # noqa: PLC0415
    from diagnostics.plugin import CALLER  # noqa: PLC0415

    output = None
    if typed.output:
        from diagnostics.reporting.json_lines import JsonOutput  # noqa: PLC0415 - only for who wants it

        output = JsonOutput(sys.stdout, lines=typed.output == "ndjson")
    caller = Caller(run, [output] if output else [])

    class Registering:
        """pytest takes plugins as objects; their names are given when they are registered."""

        def pytest_addoption(self, pluginmanager: pytest.PytestPluginManager) -> None:
            pluginmanager.register(caller, CALLER)

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)  # they are among the arguments
    try:
        with _only_json(quiet=output is not None):
            code = int(pytest.main(_pytest_arguments(typed), plugins=[Registering()]))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is still to be flushed
        print(f"wadiag check: standard output cannot be written: {error.strerror}.", file=sys.stderr)
        return NOT_WRITTEN
    if output is not None:
        output.finish(code)
        if output.problem:
            print(f"wadiag check: standard output cannot be written: {output.problem}.", file=sys.stderr)
            return code or NOT_WRITTEN
    return code


def _pytest_arguments(typed: Typed) -> list[str]:
    own = [
        "-c",
        str(resources.files("diagnostics") / "running" / "checks.ini"),
        f"--rootdir={Path.cwd()}",
        "--no-header",
    ]
    own += ["-p", "pytest_metadata.plugin", "-p", "pytest_html.plugin"]
    if not any(word.startswith(_WITH_CACHE) for word in typed.passed):
        own += ["-p", "no:cacheprovider"]  # nothing is left in a folder that is not ours
    own += [f"--session={name}" for name in typed.names]
    for option in options():
        value = typed.given.get(option.destination)
        if value not in (None, False):
            own += [f"--{option.name}"] if option.flag else [f"--{option.name}={value}"]
    return [*map(str, _checks(typed)), *own, *typed.passed]


def _checks(typed: Typed) -> Iterator[Path]:
    """Where the checks are: in the package, or beside it in a checkout; and those of the caller's own."""
    package = Path(str(resources.files("diagnostics")))
    within = package / "checks"
    yield within if within.is_dir() else package.parent / "checks"
    yield from map(Path, typed.given.get("checks", ()))


@contextlib.contextmanager
def _only_json(*, quiet: bool) -> Iterator[None]:
    """With `quiet` pytest's own text goes nowhere; its errors go to standard error as always."""
    if not quiet:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123 - no path
        yield
