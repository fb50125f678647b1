"""One run: options become a plan, the plan becomes targets, evidence and diagnoses. The pytest plugin drives it."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.config import CommandLine, Plan, SessionPlan, plan
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge, standing
from diagnostics.model import CheckResult, Diagnosis, Mode, Outcome, Verdict
from diagnostics.redact import redact
from diagnostics.running.collect import aspects_for, collect
from diagnostics.targets import registry
from diagnostics.targets.base import ConfiguredTarget, Looker


def plan_for(options: Mapping[str, Any], *, cwd: Path, rootdir: Path) -> Plan:
    """The plan that command line, environment and configuration file make together.

    Args:
        options: parsed command line by destination name, with "session" for the list of sessions.

    Raises:
        UsageProblem: something in them cannot be used.
    """
    known = {name: options[name] for name in CommandLine.__struct_fields__ if name in options and name != "options"}
    of_kinds = {option.name: options.get(option.name) for option in registry.options()}
    command_line = CommandLine(sessions=tuple(options["session"]), options=of_kinds, **known)
    return plan(command_line, os.environ, cwd=cwd, rootdir=rootdir)


class Run:
    """What one run looks at, and what it found."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.targets = _targets(plan.sessions)
        self.selected: dict[str, set[str]] = {}
        self.diagnoses: dict[str, Diagnosis] = {}  # as they are, for the terminal of somebody who may see them
        self.redacted: dict[str, Diagnosis] = {}  # for everything else

    def select(self, session: str, check: str) -> None:
        """A check of a session will be answered; "": the whole diagnosis is wanted."""
        self.selected.setdefault(session, set()).update([check] if check else CHECK_BY_ID)

    def diagnose(self) -> None:
        """Look at every selected session and judge it."""
        sessions = [session for session in self.plan.sessions if session.name in self.selected]
        jobs = [
            (target, [self._request(s) for s in target.sessions if s.name in self.selected]) for target in self.targets
        ]
        with ended_like_ctrl_c():
            evidence = asyncio.run(collect([(target, requests) for target, requests in jobs if requests]))
        for session in sessions:
            checks = self.selected[session.name]
            rerun = rerun_command(session, self.plan.mode)
            diagnosis = judge(
                evidence[session.name],
                mode=session.mode,
                now=datetime.now(UTC),
                checks=checks,
                rerun=rerun,
                pair=pair_command(session),
                language=self.plan.lang,
            )
            self.diagnoses[session.name] = diagnosis
            self.redacted[session.name] = redact.model(diagnosis)

    def standing(self, session: str, check: str) -> CheckResult:
        return standing(self.redacted[session], check, self.selected[session])

    @property
    def sends(self) -> str:
        """What live sessions will send, for the header; "" where none is connected."""
        live = [s for s in self.plan.sessions if s.target.sends()]
        to = sorted({f"+{session.send_to}" for session in live if session.send_to})
        if not live:
            return ""
        return f"a text and an image to {', '.join(to)}" if to else "nothing (no --send-to)"

    @property
    def answered(self) -> bool:
        """Whether any check was answered at all, rather than every one skipped or blocked."""
        return any(
            self.standing(session, check).outcome not in (Outcome.SKIPPED, Outcome.BLOCKED)
            for session, checks in self.selected.items()
            for check in checks
        )

    @property
    def failed(self) -> bool:
        """Whether a session is not fit, whichever checks were selected to show it."""
        return any(found.findings and found.verdict in _UNFIT for found in self.diagnoses.values())

    def _request(self, session: SessionPlan) -> Request:
        return Request(
            session=session.name,
            aspects=aspects_for(self.selected[session.name]),
            deadline=self.plan.deadline,
            send_to=session.send_to,
        )


_UNFIT = (Verdict.UNHEALTHY, Verdict.UNKNOWN)


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP (a cancelled job, a closed terminal) clean up as Ctrl-C does: stores and workers go."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def rerun_command(session: SessionPlan, mode: Mode) -> str:
    """The command that looks at this session again, as somebody would type it."""
    words = ["pytest", "checks", "--session", f"{session.name}={session.value}" if session.value else session.name]
    words += session.target.words()
    words += ["--mode", mode] if mode is not Mode.PERMISSIVE else []
    return shlex.join(words)


def pair_command(session: SessionPlan) -> str:
    """The command that links this session to a phone; "" where `wadiag` cannot."""
    words = session.target.pair_words()
    return "" if words is None else shlex.join(["wadiag", "pair", session.name, *words])


@dataclass(frozen=True, slots=True)
class TargetSessions:
    """A target and the sessions that are looked at through one opening of it. Implements `targets.base.Target`."""

    target: ConfiguredTarget
    sessions: tuple[SessionPlan, ...]

    def describe(self) -> str:
        return self.target.describe()

    def open(self) -> AbstractAsyncContextManager[Looker]:
        return self.target.open({session.name: session.own for session in self.sessions})


def _targets(sessions: Iterable[SessionPlan]) -> list[TargetSessions]:
    """One for all sessions with equal targets, in the order in which they were named."""
    groups: dict[ConfiguredTarget, list[SessionPlan]] = {}
    for session in sessions:
        groups.setdefault(session.target, []).append(session)
    return [TargetSessions(target, tuple(mine)) for target, mine in groups.items()]
