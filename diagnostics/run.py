"""One run: options become a plan, the plan becomes targets, evidence and diagnoses. The pytest plugin drives it."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.collect import aspects_for, collect
from diagnostics.config import AnyTarget, CommandLine, GatewayTarget, NeonizeTarget, Plan, SessionPlan, plan
from diagnostics.judge import judge, standing
from diagnostics.model import CheckResult, Diagnosis, Mode, Outcome, Verdict
from diagnostics.redact import redact
from diagnostics.simulator.faults.scenarios import SCENARIOS
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
        live = [s for s in self.plan.sessions if _may_send(s.target)]
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


def _may_send(target: AnyTarget) -> bool:
    return isinstance(target, GatewayTarget) or (isinstance(target, NeonizeTarget) and target.connect)


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
    words = ["pytest", "checks", "--session", session.name]
    if isinstance(session.target, NeonizeTarget):
        words += ["--target", session.target_name]
        if session.target_name == session.target.kind:
            words += ["--store", str(session.target.store)]
        words += ["--connect"] if session.target.connect else []
    elif isinstance(session.target, GatewayTarget):
        words += ["--target", session.target_name]
        if session.target_name == session.target.kind:
            words += ["--url", *_address(session.target)]
    elif session.scenario:
        words[-1] += f"={session.scenario}"
    words += ["--mode", mode] if mode is not Mode.PERMISSIVE else []
    return shlex.join(words)


def _address(target: GatewayTarget) -> list[str]:
    standard = target.token_env == GatewayTarget().token_env
    return [target.url] if standard else [target.url, "--token-env", target.token_env]


def pair_command(session: SessionPlan) -> str:
    """The command that links this session to a phone; "" where `wadiag` cannot."""
    words = ["wadiag", "pair", session.name]
    named = session.target_name != session.target.kind  # then the file says the rest
    if isinstance(session.target, GatewayTarget):
        words += [] if named else ["--gateway", *_address(session.target)]
    elif isinstance(session.target, NeonizeTarget) and "://" not in str(session.target.store):
        words += [] if named else ["--store", str(session.target.store)]
    else:
        return ""
    return shlex.join(words)


def _targets(sessions: Iterable[SessionPlan]) -> list[tuple[Target, Collection[SessionPlan]]]:
    """One target for all sessions with the same settings, in the order in which they were named."""
    groups: dict[AnyTarget, list[SessionPlan]] = {}
    for session in sessions:
        groups.setdefault(session.target, []).append(session)
    return [(_target(settings, mine), mine) for settings, mine in groups.items()]


def _target(settings: AnyTarget, sessions: list[SessionPlan]) -> Target:
    if isinstance(settings, NeonizeTarget):
        from diagnostics.targets.neonize import look as neonize  # noqa: PLC0415 - only who looks at a store pays for it

        jids = {session.name: session.jid for session in sessions if session.jid}
        return neonize.NeonizeTarget(settings.store, connect=settings.connect, proxy=settings.proxy, jids=jids)
    if isinstance(settings, GatewayTarget):
        from diagnostics.targets.gateway import look as gateway  # noqa: PLC0415 - only who asks one pays for HTTP

        return gateway.GatewayTarget(
            settings.url, token=os.environ.get(settings.token_env), token_env=settings.token_env
        )
    return SimulatedTarget({session.name: session.scenario for session in sessions})
