"""One run: options become a plan, the plan becomes targets, evidence and diagnoses. The pytest plugin drives it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.collect import aspects_for, collect
from diagnostics.config import AnyTarget, CommandLine, NeonizeTarget, Plan, SessionPlan, plan
from diagnostics.judge import judge, standing
from diagnostics.model import CheckResult, Diagnosis, Outcome
from diagnostics.redact import redact
from diagnostics.simulator.scenarios import SCENARIOS
from diagnostics.targets.base import Request, Target
from diagnostics.targets.simulated import SimulatedTarget


def plan_for(options: Mapping[str, Any], *, cwd: Path, rootdir: Path) -> Plan:
    """The plan that command line, environment and configuration file make together.

    Args:
        options: parsed command line by destination name, with "session" for the list of sessions.

    Raises:
        UsageProblem: something in them cannot be used.
    """
    known = {field.name: options[field.name] for field in msgspec.structs.fields(CommandLine) if field.name in options}
    command_line = CommandLine(sessions=tuple(options["session"]), **known)
    return plan(command_line, os.environ, cwd=cwd, rootdir=rootdir, scenarios=SCENARIOS)


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
        jobs = [(target, [self._request(s) for s in sessions if s in mine]) for target, mine in self.targets]
        evidence = asyncio.run(collect([(target, requests) for target, requests in jobs if requests]))
        for session in sessions:
            checks = self.selected[session.name]
            diagnosis = judge(evidence[session.name], mode=session.mode, now=datetime.now(UTC), checks=checks)
            self.diagnoses[session.name] = diagnosis
            self.redacted[session.name] = redact.model(diagnosis)

    def standing(self, session: str, check: str) -> CheckResult:
        return standing(self.redacted[session], check, self.selected[session])

    @property
    def answered(self) -> bool:
        """Whether any check was answered at all, rather than every one skipped."""
        return any(
            self.standing(session, check).outcome is not Outcome.SKIPPED
            for session, checks in self.selected.items()
            for check in checks
        )

    def _request(self, session: SessionPlan) -> Request:
        return Request(
            session=session.name,
            aspects=aspects_for(self.selected[session.name]),
            deadline=self.plan.deadline,
            send_to=session.send_to,
        )


def _targets(sessions: Iterable[SessionPlan]) -> list[tuple[Target, Collection[SessionPlan]]]:
    """One target for all sessions with the same settings, in the order in which they were named."""
    groups: dict[AnyTarget, list[SessionPlan]] = {}
    for session in sessions:
        groups.setdefault(session.target, []).append(session)
    return [(_target(settings, mine), mine) for settings, mine in groups.items()]


def _target(settings: AnyTarget, sessions: list[SessionPlan]) -> Target:
    if isinstance(settings, NeonizeTarget):
        from diagnostics.targets.neonize import look  # noqa: PLC0415 - only who looks at a store pays for it

        jids = {session.name: session.jid for session in sessions if session.jid}
        return look.NeonizeTarget(settings.store, connect=settings.connect, proxy=settings.proxy, jids=jids)
    return SimulatedTarget({session.name: session.scenario for session in sessions})
