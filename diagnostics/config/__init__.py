"""What a run shall do: `diagnostics.toml`, the environment and the command line, merged into one `Plan`.

The command line wins over the environment, that over the file, that over the defaults. Whatever cannot be used raises
`errors.UsageProblem` with one sentence that names the place (`--deadline`, `WADIAG_DEADLINE`, or the file and the key),
what stands there and what is valid. No such sentence shows a secret or a whole phone number.

    mode = "strict"                  # permissive, strict
    lang = "id"                      # en, id: of the findings
    deadline = 20                    # seconds for each session
    reports = "reports"              # a directory; paths are relative to this file
    target = "bots"                  # where sessions are looked at unless they say otherwise

    [targets.bots]
    kind = "neonize"                 # gateway, neonize, simulator
    store = "bots.db"

    [sessions.shop]
    jid = "628123456789@s.whatsapp.net"
    send_to = "+62 812-3456-789"
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from diagnostics.config import single
from diagnostics.config.file import (
    AnyTarget,
    GatewayTarget,
    NeonizeTarget,
    SessionSettings,
    Settings,
    SimulatorTarget,
    known_target,
    load,
)
from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import Language, Mode
from diagnostics.redact import redact

DEFAULT_DEADLINE = 30.0

__all__ = [
    "AnyTarget",
    "CommandLine",
    "GatewayTarget",
    "NeonizeTarget",
    "Plan",
    "SessionPlan",
    "SimulatorTarget",
    "load",
    "plan",
    "resolve",
    "session_names",
]


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """The command line as it was typed; None where an option was not given."""

    sessions: tuple[str, ...] = ()
    mode: str | None = None
    lang: str | None = None
    deadline: str | None = None
    target: str | None = None
    scenario: str | None = None
    send_to: str | None = None
    store: str | None = None
    connect: bool | None = None
    proxy: str | None = None
    url: str | None = None
    token_env: str | None = None
    reports: str | None = None
    config: str | None = None


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One session to look at.

    Attributes:
        target_name: the target's name as a person knows it; `target` is what it is.
        scenario: what the simulator plays; None for its default, and for every other target.
        jid: which of a store's accounts the session is; None where the store has to tell.
        send_to: the recipient of the send checks, digits only; None where nobody was named.
    """

    name: str
    target_name: str
    target: AnyTarget
    mode: Mode
    scenario: str | None = None
    jid: str | None = None
    send_to: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run shall do. `deadline` is in seconds for each session, `reports` is absolute."""

    mode: Mode
    lang: Language
    deadline: float
    reports: Path
    sessions: tuple[SessionPlan, ...]


def plan(
    command_line: CommandLine,
    environ: Mapping[str, str],
    *,
    cwd: Path,
    rootdir: Path | None = None,
    scenarios: Collection[str],
) -> Plan:
    """All that a run needs to know before it starts: finds and reads the file, then merges the three sources.

    Args:
        cwd: where the command was typed; paths in options and variables are relative to it.
        rootdir: where a `diagnostics.toml` is looked for when `cwd` has none.
        scenarios: the names that the simulator knows.
    """
    named = command_line.config or environ.get("WADIAG_CONFIG") or None
    return resolve(command_line, environ, load(named, cwd, rootdir), cwd=cwd, scenarios=scenarios)


def resolve(
    command_line: CommandLine,
    environ: Mapping[str, str],
    settings: Settings,
    *,
    cwd: Path,
    scenarios: Collection[str],
) -> Plan:
    """The command line over the environment over the file over the defaults.

    A value that a session could not use is refused rather than ignored: `--store` for a session that is looked at
    through the simulator would otherwise end in a verdict about the wrong thing.
    """
    choose = _Choice(command_line, environ, settings)
    mode = single.mode(*choose("mode", settings.mode)) or Mode.PERMISSIVE
    for name, entry in settings.sessions.items():  # also those that this run does not look at
        if entry.scenario is not None and entry.scenario not in scenarios:
            raise _no_scenario(f"{settings.file}: sessions.{redact(name)}.scenario", entry.scenario, scenarios)
    where, deadline = choose("deadline", settings.deadline)
    _, reports = choose("reports", settings.reports)
    names = session_names(command_line.sessions)
    return Plan(
        mode=mode,
        lang=single.language(*choose("lang", settings.lang)) or Language.ENGLISH,
        deadline=DEFAULT_DEADLINE if deadline is None else single.seconds(where, deadline),
        reports=Path(single.absolute(reports or "reports", cwd)),
        sessions=tuple(_session(name, own, choose, mode, cwd, scenarios) for name, own in names.items()),
    )


def _no_scenario(where: str, scenario: str, scenarios: Collection[str]) -> UsageProblem:
    shown = single.shown(scenario)
    return UsageProblem(f"{where}: there is no scenario {shown}.{did_you_mean(scenario, scenarios)}")


def session_names(given: Iterable[str]) -> dict[str, str | None]:
    """`--session NAME` and `--session NAME=SCENARIO`, in order, as names with their scenarios.

    >>> session_names(["a=healthy", "b"])
    {'a': 'healthy', 'b': None}
    """
    names: dict[str, str | None] = {}
    for text in given:
        name, equals, scenario = text.partition("=")
        if not single.NAME.fullmatch(name):
            raise UsageProblem(f"--session {single.shown(text)} has no usable name; valid: {single.NAME_RULE}.")
        if equals and not scenario:
            raise UsageProblem(
                f"--session {single.shown(text)} names no scenario behind the =; leave out the = or name one."
            )
        if name in names:
            raise UsageProblem(f"--session {redact(name)} is given twice; a session is looked at once, so remove one.")
        names[name] = scenario if equals else None
    if not names:
        raise UsageProblem("no --session given: nothing would be checked; e.g. pytest checks --session testing")
    return names


class _Choice:
    """Picks a value's source: the command line, then the environment, then what the caller found in the file."""

    def __init__(self, command_line: CommandLine, environ: Mapping[str, str], settings: Settings) -> None:
        self.command_line = command_line
        self.environ = environ
        self.settings = settings

    def __call__(self, key: str, in_file: Any = None, prefix: str = "") -> tuple[str, Any]:
        """The place to name when the value is wrong, and the value: None where nobody gave one."""
        typed = getattr(self.command_line, key)
        if typed == "":
            raise UsageProblem(f"--{key.replace('_', '-')} is empty; valid: {single.VALID[key]}.")
        if typed is not None:
            return f"--{key.replace('_', '-')}", typed
        variable = f"WADIAG_{key.upper()}"
        if self.environ.get(variable):
            return variable, self.environ[variable]
        return f"{self.settings.file}: {prefix}{key}", in_file


def _session(
    name: str, own_scenario: str | None, choose: _Choice, run_mode: Mode, cwd: Path, scenarios: Collection[str]
) -> SessionPlan:
    settings = choose.settings
    entry = settings.sessions.get(name, SessionSettings())
    prefix = f"sessions.{redact(name)}."

    where, target_name = choose("target", entry.target or settings.target or SimulatorTarget.kind, prefix)
    target = known_target(where, target_name, settings.targets)
    through = f"session {redact(name)} is looked at through target {redact(target_name)}"
    if target_name != target.kind:
        through += f" ({target.kind})"
    target = _with_overrides(target, through, choose, cwd)

    where, scenario = choose("scenario", entry.scenario, prefix)
    if own_scenario is not None:
        where, scenario = f"--session {redact(name)}", own_scenario
    if scenario is not None and not isinstance(target, SimulatorTarget):
        raise UsageProblem(
            f"{where}: only the simulator plays scenarios, but {through}; "
            "leave out the scenario, or add --target simulator."
        )
    if scenario is not None and scenario not in scenarios:
        raise _no_scenario(where, scenario, scenarios)

    return SessionPlan(
        name=name,
        target_name=target_name,
        target=target,
        mode=single.mode(*choose("mode", entry.mode, prefix)) or run_mode,
        scenario=scenario,
        jid=entry.jid,
        send_to=single.digits(*choose("send_to", entry.send_to, prefix)),
    )


# What may be put over a target's own settings, by kind, and whose sessions that is for.
_OVERRIDES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    NeonizeTarget.kind: ("neonize", ("store", "proxy")),
    GatewayTarget.kind: ("a gateway", ("url", "token_env")),
}


def _with_overrides(target: AnyTarget, through: str, choose: _Choice, cwd: Path) -> AnyTarget:
    """The target with what the command line and the environment say about targets of its kind."""
    places, changes = {}, {}
    for kind, (owner, keys) in _OVERRIDES.items():
        given = {key: choose(key) for key in keys}
        if kind == NeonizeTarget.kind and choose.command_line.connect:
            given["connect"] = ("--connect", True)
        for key, (where, value) in given.items():
            if value is None:
                continue
            if target.kind != kind:
                raise UsageProblem(
                    f"{where} is for sessions of {owner}, but {through}; add --target {kind}, or leave {where} out."
                )
            places[key], changes[key] = where, value
    if "proxy" in changes:
        single.check_proxy(places["proxy"], changes["proxy"])
    if "store" in changes:
        changes["store"] = single.absolute(changes["store"], cwd)
    if "url" in changes:
        changes["url"] = single.address(places["url"], changes["url"])
    if "token_env" in changes:
        single.variable(places["token_env"], changes["token_env"])
    target = msgspec.structs.replace(target, **changes)
    if isinstance(target, NeonizeTarget) and target.store is None:
        raise UsageProblem(f"{through}, which needs a store: add --store PATH, or set store of that target.")
    return target
