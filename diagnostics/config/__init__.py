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
    kind = "neonize"                 # or another kind of target; its keys follow
    store = "bots.db"

    [sessions.shop]
    jid = "628123456789@s.whatsapp.net"
    send_to = "+62 812-3456-789"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from diagnostics.config import single
from diagnostics.config.file import SessionTable, Settings, known_target, load
from diagnostics.errors import UsageProblem
from diagnostics.model import Language, Mode
from diagnostics.redact import redact
from diagnostics.targets import registry, values
from diagnostics.targets.base import DEFAULT_TARGET, ConfiguredTarget, Option, Place, SessionOption, SessionSettings

DEFAULT_DEADLINE = 30.0

__all__ = ["CommandLine", "Plan", "SessionPlan", "load", "plan", "resolve", "session_names"]


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """The command line as it was typed; None where an option was not given.

    Attributes:
        options: those of the kinds of targets, by name.
    """

    sessions: tuple[str, ...] = ()
    mode: str | None = None
    lang: str | None = None
    deadline: str | None = None
    target: str | None = None
    send_to: str | None = None
    reports: str | None = None
    config: str | None = None
    options: Mapping[str, Any] = {}


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One session to look at.

    Attributes:
        target: where it is looked at. Sessions with equal targets are looked at together.
        own: what the target's kind wants to know of the session.
        send_to: the recipient of the send checks, digits only; None where nobody was named.
    """

    name: str
    target: ConfiguredTarget
    own: SessionSettings
    mode: Mode
    send_to: str | None = None

    @property
    def value(self) -> str:
        """VALUE of `--session NAME=VALUE`, wherever it was given: the simulator's scenario; "" if there is none."""
        key = self.target.kind.session_value
        return (key and getattr(self.own, key)) or ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run shall do. `deadline` is in seconds for each session, `reports` is absolute."""

    mode: Mode
    lang: Language
    deadline: float
    reports: Path
    sessions: tuple[SessionPlan, ...]


def plan(command_line: CommandLine, environ: Mapping[str, str], *, cwd: Path, rootdir: Path | None = None) -> Plan:
    """All that a run needs to know before it starts: finds and reads the file, then merges the three sources.

    Args:
        cwd: where the command was typed; paths in options and variables are relative to it.
        rootdir: where a `diagnostics.toml` is looked for when `cwd` has none.

    Raises:
        UsageProblem: something in them cannot be used.
    """
    named = command_line.config or environ.get("WADIAG_CONFIG") or None
    return resolve(command_line, environ, load(named, cwd, rootdir), cwd=cwd)


def resolve(command_line: CommandLine, environ: Mapping[str, str], settings: Settings, *, cwd: Path) -> Plan:
    """The command line over the environment over the file over the defaults.

    A value that a session could not use is refused rather than ignored: `--store` for a session that is looked at
    through the simulator would otherwise end in a verdict about the wrong thing.

    Raises:
        UsageProblem: something in them cannot be used.
    """
    choose = _Choice(command_line, environ, settings, cwd)
    mode = single.mode(*choose("mode", settings.mode)) or Mode.PERMISSIVE
    where, deadline = choose("deadline", settings.deadline)
    _, reports = choose("reports", settings.reports)
    names = session_names(command_line.sessions)
    return Plan(
        mode=mode,
        lang=single.language(*choose("lang", settings.lang)) or Language.ENGLISH,
        deadline=DEFAULT_DEADLINE if deadline is None else single.seconds(where, deadline),
        reports=Path(values.absolute(reports or "reports", cwd)),
        sessions=tuple(_session(name, value, choose, mode) for name, value in names.items()),
    )


def session_names(given: Iterable[str]) -> dict[str, str | None]:
    """`--session NAME` and `--session NAME=VALUE`, in order, as names with their values.

    >>> session_names(["a=healthy", "b"])
    {'a': 'healthy', 'b': None}
    """
    names: dict[str, str | None] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not single.NAME.fullmatch(name):
            raise UsageProblem(f"--session {values.shown(text)} has no usable name; valid: {single.NAME_RULE}.")
        if equals and not value:
            raise UsageProblem(
                f"--session {values.shown(text)} names no scenario after the =; leave out the = or name one."
            )
        if name in names:
            raise UsageProblem(f"--session {redact(name)} is given twice; a session is looked at once, so remove one.")
        names[name] = value if equals else None
    if not names:
        raise UsageProblem("no --session given: nothing would be checked; e.g. pytest checks --session testing")
    return names


class _Choice:
    """Picks a value's source: the command line, then the environment, then what the caller found in the file."""

    def __init__(
        self, command_line: CommandLine, environ: Mapping[str, str], settings: Settings, directory: Path
    ) -> None:
        self.command_line = command_line
        self.environ = environ
        self.settings = settings
        self.directory = directory

    def __call__(self, key: str, in_file: Any = None, prefix: str = "") -> tuple[str, Any]:
        """The place to name when the value is wrong, and the value: None where nobody gave one."""
        typed = getattr(self.command_line, key)
        option = f"--{key.replace('_', '-')}"
        if typed == "":
            raise UsageProblem(f"{option} is empty; valid: {single.VALID[key]}.")
        if typed is not None:
            return option, typed
        variable = f"WADIAG_{key.upper()}"
        if self.environ.get(variable):
            return variable, self.environ[variable]
        return f"{self.settings.file}: {prefix}{key}", in_file

    def given(self, option: Option) -> tuple[Place, Any] | None:
        """What the command line or the environment says about an option of a kind; None if nothing."""
        typed = self.command_line.options.get(option.name)
        if typed == "":
            raise UsageProblem(f"{option.option} is empty; valid: {option.valid}.")
        if typed is not None and not (option.flag and typed is False):
            return Place(option.option, self.directory), typed
        exported = None if option.flag or not option.typed else self.environ.get(option.variable)
        return (Place(option.variable, self.directory), exported) if exported else None


def _session(name: str, value: str | None, choose: _Choice, run_mode: Mode) -> SessionPlan:
    settings = choose.settings
    entry = settings.sessions.get(name, SessionTable())
    prefix = f"sessions.{redact(name)}."

    where, target_name = choose("target", entry.target or settings.target or DEFAULT_TARGET, prefix)
    target = known_target(where, target_name, settings.targets)
    through = f"session {redact(name)} is looked at through target {redact(target.described)}"
    target = _overridden(target, through, choose)
    return SessionPlan(
        name=name,
        target=target,
        own=_own(name, value, entry, target, through, choose),
        mode=single.mode(*choose("mode", entry.mode, prefix)) or run_mode,
        send_to=single.digits(*choose("send_to", entry.send_to, prefix)),
    )


def _overridden(target: ConfiguredTarget, through: str, choose: _Choice) -> ConfiguredTarget:
    """The target with what the command line and the environment say about targets of its kind."""
    kind = target.kind
    mine = {option.name: option for option in kind.options}
    changes = {}
    for option in registry.options():
        given = None if isinstance(option, SessionOption) else choose.given(option)
        if given is None:
            continue
        if option.name not in mine:
            raise _for_others(given[0].name, option, through)
        changes[option.name] = _checked(kind, kind.settings, option, *given)
    if changes:
        overridden = target.overridden | changes.keys()
        target = ConfiguredTarget(target.name, kind, msgspec.structs.replace(target.settings, **changes), overridden)
    if missing := kind.refusal(target.settings):
        raise UsageProblem(f"{through}, which needs {missing}.")
    return target


def _for_others(where: str, option: Option, through: str) -> UsageProblem:
    owners = registry.owners(option.name)
    whose = " or ".join(kind.owner or kind.name for kind in owners)
    names = " or ".join(f"--target {kind.name}" for kind in owners)
    return UsageProblem(f"{where} is for sessions of {whose}, but {through}; add {names}, or leave {where} out.")


def _own(
    name: str, value: str | None, entry: SessionTable, target: ConfiguredTarget, through: str, choose: _Choice
) -> SessionSettings:
    """What the target's kind wants to know of the session, from wherever it was said nearest to it."""
    kind = target.kind
    mine = {option.name for option in kind.session_options}
    settled: dict[str, Any] = {key: entry.own[key] for key in mine & entry.own.keys()}
    for option in registry.options():
        if not isinstance(option, SessionOption):
            continue
        given = choose.given(option)
        if option.name in mine:
            if given is not None:
                settled[option.name] = _checked(kind, kind.session, option, *given)
        elif option.only and (given is not None or option.name in entry.own):
            place = f"{choose.settings.file}: sessions.{redact(name)}.{option.name}" if given is None else given[0].name
            raise _only_of_others(place, option, through)
    if value is not None:
        typed = Place(f"--session {redact(name)}", choose.directory)
        for option in kind.session_options:
            if option.name == kind.session_value:
                settled[option.name] = _checked(kind, kind.session, option, typed, value)
                break
        else:
            raise _no_value(typed.name, through)
    own: SessionSettings = kind.session(**settled)
    return own


def _only_of_others(where: str, option: SessionOption, through: str) -> UsageProblem:
    names = " or ".join(f"--target {kind.name}" for kind in registry.owners(option.name))
    return UsageProblem(f"{where}: {option.only}, but {through}; leave out the {option.name}, or add {names}.")


def _no_value(where: str, through: str) -> UsageProblem:
    """For `--session NAME=VALUE` where the target's kind has no use for a value."""
    for kind in registry.kinds().values():
        for option in kind.session_options:
            if option.name == kind.session_value and option.only:
                return _only_of_others(where, option, through)
    return UsageProblem(f"{where}: {through}, where sessions have no value after the =; leave it out.")


def _checked(kind: registry.AnyKind, struct: type[msgspec.Struct], option: Option, place: Place, value: Any) -> Any:
    """A value of the command line or the environment as the kind keeps it."""
    (field,) = [each for each in msgspec.structs.fields(struct) if each.name == option.name]
    try:
        value = msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError:
        raise UsageProblem(values.refusal(place.name, value, option.valid)) from None
    return kind.check(option.name, value, place)
