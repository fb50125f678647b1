"""One run: a plan in, diagnoses out as they are made. Nothing here knows pytest.

Theory of operation. `Run` groups the plan's sessions by target and is told which checks were selected. `execute` looks
at all sessions concurrently (`collect`), judges each as soon as its evidence arrives, and hands the diagnosis to the
sinks. A signal stops the looking; what is finished stays, and the end says what is not. `pytest checks` and
`wadiag check` are two callers of this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.config import (
    CommandLine,
    Plan,
    SessionPlan,
    plan,
)
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge, standing
from diagnostics.model import CheckResult, Diagnosis, Evidence, Mode, Outcome, Severity, Verdict
from diagnostics.redact import Redactor
from diagnostics.running.collect import Job, aspects_for, collect
from diagnostics.running.invocation import Invocation
from diagnostics.running.local_time import local_zone
from diagnostics.running.signals import stopped_by_signals
from diagnostics.running.sinks import RunEnd, Sink
from diagnostics.targets import registry
from diagnostics.targets.base import ConfiguredTarget, Looker, Started
from diagnostics.targets.values import credentials

TICK = 0.1  # s between two calls of a sink's `waiting`
_UNFIT = (Verdict.UNHEALTHY, Verdict.UNKNOWN)


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
    """What one run looks at, and what it found.

    Attributes:
        targets: each target with its sessions, in the order in which they were named.
        selected: the ids of the checks that will be answered, by session.
        diagnoses: as they are, for the terminal of somebody who may see identities.
        redacted: the same for everything else.
        revealing: masks secrets only, for the terminal of somebody who may see identities.
        redact: masks everything but the configured names, which stay apart from each other.
        ended: how the run ended; None until then.
    """

    def __init__(self, plan: Plan, invocation: Invocation | None = None) -> None:
        self.plan = plan
        self.targets = _targets(plan.sessions)
        self.selected: dict[str, set[str]] = {}
        self.diagnoses: dict[str, Diagnosis] = {}
        self.redacted: dict[str, Diagnosis] = {}
        self.ended: RunEnd | None = None
        self._invocation = invocation or Invocation()
        self._sessions = {session.name: session for session in plan.sessions}
        self.redact = Redactor().without(self._secrets).for_names(self.names)
        self.revealing = Redactor(show_identities=True).without(self._secrets).for_names(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """What somebody has called sessions, targets and variables: names, whatever they look like."""
        targets = {session.target.name for session in self.plan.sessions}
        variables = {name for session in self.plan.sessions for name in session.target.variables()}
        return (*self._sessions, *sorted(targets), *sorted(variables))

    @property
    def _secrets(self) -> set[str]:
        """What is known to be secret: tokens and passwords that the targets use, and those of the proxies around."""
        targets = {secret for session in self.plan.sessions for secret in session.target.secrets(os.environ)}
        proxies = (value for name, value in os.environ.items() if name.lower().endswith("_proxy"))
        return targets | {secret for proxy in proxies for secret in credentials(proxy)}

    def select(self, session: str, check: str) -> None:
        """A check of a session will be answered; "": the whole diagnosis is wanted."""
        self.selected.setdefault(session, set()).update([check] if check else CHECK_BY_ID)

    def start(self) -> None:
        """Start what takes longest (a worker that loads neonize), so that it overlaps with whatever comes before."""
        for target in self.targets:
            target.start()

    def close(self) -> None:
        """Give back what `start` began, if nothing was looked at after all."""
        for target in self.targets:
            target.close()

    def select_all(self) -> None:
        """Every check of every session will be answered."""
        for name in self._sessions:
            self.select(name, "")

    def execute(self, sinks: Sequence[Sink] = ()) -> RunEnd:
        """Look at every selected session and judge it. Blocks; starts an event loop of its own.

        A sink that raises is not called again for this run; its exception is raised at the end, when all others have
        what was found.

        Returns:
            How it ended: by itself, or by a signal, with the sessions that were not finished.
        """
        return asyncio.run(self._execute(_Guarded(sinks)))

    async def _execute(self, sinks: _Guarded) -> RunEnd:
        loop = asyncio.get_running_loop()
        started, since = datetime.now(UTC), loop.time()
        stopped_by = ""
        sinks.call("begin", len(self.selected), started)
        work = asyncio.create_task(self._work(sinks))

        def stop(name: str) -> None:
            nonlocal stopped_by
            stopped_by = name
            work.cancel()

        with stopped_by_signals(stop):
            while not work.done():
                await asyncio.wait({work}, timeout=TICK)
                if not work.done():
                    sinks.call("waiting", loop.time() - since)
        if not work.cancelled():
            work.result()
        unfinished = tuple(self.redact(name) for name in self.selected if name not in self.diagnoses)
        self.ended = RunEnd(datetime.now(UTC), stopped_by, unfinished)
        sinks.call("end", self.ended)
        sinks.raise_first()
        return self.ended

    async def _work(self, sinks: _Guarded) -> None:
        async with aclosing(collect(self._jobs())) as stream:
            async for evidence in stream:
                sinks.call("diagnosed", self._judge(evidence))

    def _jobs(self) -> list[Job]:
        jobs = []
        for target in self.targets:
            requests = [self._request(session) for session in target.sessions if session.name in self.selected]
            if requests:
                jobs.append(Job(target.describe(), target.open, requests))
        return jobs

    def _judge(self, evidence: Evidence) -> Diagnosis:
        """Judge one session and keep the diagnosis; returns it redacted."""
        session = self._sessions[evidence.session]
        simulated = session.target.simulated
        diagnosis = judge(
            evidence,
            mode=session.mode,
            now=datetime.now(UTC),
            checks=self.selected[session.name],
            rerun=self._invocation.again(session.name, session.value),
            rerun_is_safe=simulated or not (session.send_to or session.target.connects()),
            pair=pair_command(session),
            language=self.plan.lang,
            zone=local_zone(),
            simulated=simulated,
            unknown_to_simulator=simulated and not session.value,
        )
        self.diagnoses[session.name] = diagnosis
        self.redacted[session.name] = self.redact.model(diagnosis)
        return self.redacted[session.name]

    def standing(self, session: str, check: str) -> CheckResult:
        """The result of one selected check, redacted."""
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
            if session in self.redacted
            for check in checks
        )

    @property
    def failed(self) -> bool:
        """Whether a session is not fit, whichever checks were selected to show it."""
        return any(map(_unfit, self.diagnoses.values()))

    def _request(self, session: SessionPlan) -> Request:
        return Request(
            session=session.name,
            aspects=aspects_for(self.selected[session.name]),
            deadline=self.plan.deadline,
            send_to=session.send_to,
        )


def _unfit(diagnosis: Diagnosis) -> bool:
    """A warning alone is none: of a store that was only read, the verdict is unknown all the same."""
    grave = any(finding.severity is not Severity.WARNING for finding in diagnosis.findings)
    return grave and diagnosis.verdict in _UNFIT


class _Guarded:
    """Sinks, each called until it raises: one that breaks takes nothing from the others."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)
        self._problems: list[Exception] = []

    def call(self, method: str, *arguments: object) -> None:
        for sink in tuple(self._sinks):
            told: Callable[..., None] = getattr(sink, method)
            try:
                told(*arguments)
            except Exception as problem:  # noqa: BLE001 - raised at the end
                self._sinks.remove(sink)
                self._problems.append(problem)

    def raise_first(self) -> None:
        if self._problems:
            raise self._problems[0]


def rerun_command(session: SessionPlan, mode: Mode) -> str:
    """The command that looks at this session, for who has not typed one yet."""
    words = ["wadiag", "check", f"{session.name}={session.value}" if session.value else session.name]
    words += session.target.words()
    words += ["--mode", mode] if mode is not Mode.PERMISSIVE else []
    return shlex.join(words)


def pair_command(session: SessionPlan) -> str:
    """The command that links this session to a phone; "" where `wadiag` cannot."""
    words = session.target.pair_words()
    return "" if words is None else shlex.join(["wadiag", "pair", session.name, *words])


class TargetSessions:
    """A target and the sessions that are looked at through one opening of it."""

    def __init__(self, target: ConfiguredTarget, sessions: Sequence[SessionPlan]) -> None:
        self.target = target
        self.sessions = sessions
        self._started: Started | None = None

    def describe(self) -> str:
        return self.target.describe()

    def notices(self) -> list[str]:
        return self.target.notices()

    def start(self) -> None:
        """Start what takes long, without waiting for it."""
        if self._started is None:
            with contextlib.suppress(OSError):  # a full disk; `open` fails as well, and is reported for each session
                self._started = self.target.start()

    def open(self) -> AbstractAsyncContextManager[Looker]:
        started, self._started = self._started, None
        sessions = {session.name: session.own for session in self.sessions}
        return self.target.open(sessions) if started is None else started.open(sessions)

    def close(self) -> None:
        """Give back what was started and never opened."""
        if self._started is not None:
            self._started.close()


def _targets(sessions: Iterable[SessionPlan]) -> list[TargetSessions]:
    """One for all sessions with equal targets, in the order in which they were named."""
    groups: dict[ConfiguredTarget, list[SessionPlan]] = {}
    for session in sessions:
        groups.setdefault(session.target, []).append(session)
    return [TargetSessions(target, mine) for target, mine in groups.items()]
