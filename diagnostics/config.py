"""What a run shall do: `diagnostics.toml`, the environment and the command line, merged into one `Plan`.

The command line wins over the environment, that over the file, that over the defaults. Whatever cannot be used raises
`errors.UsageProblem` with one sentence that names the place (`--deadline`, `WADIAG_DEADLINE`, or the file and the key),
what stands there and what is valid. No such sentence shows a secret or a whole phone number.

    mode = "strict"                  # permissive, strict
    deadline = 20                    # seconds for each session
    reports = "reports"              # a directory; paths are relative to this file
    target = "bots"                  # where sessions are looked at unless they say otherwise

    [targets.bots]
    kind = "neonize"                 # neonize, simulator
    store = "bots.db"

    [sessions.shop]
    jid = "628123456789@s.whatsapp.net"
    send_to = "+62 812-3456-789"
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta

from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import Mode
from diagnostics.redact import printable, redact

FILE_NAME = "diagnostics.toml"
DEFAULT_DEADLINE = 30.0

S = TypeVar("S", bound=msgspec.Struct)
Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(gt=0, le=600)]

_VALID = {
    "mode": "permissive or strict",
    "deadline": "a number of seconds above 0 and at most 600",
    "reports": "a directory",
    "target": "the name of a target",
    "targets": "a table",
    "sessions": "a table",
    "kind": "neonize or simulator",
    "store": "the path of a session store",
    "connect": "true or false",
    "proxy": "a URL such as http://127.0.0.1:3128",
    "scenario": "the name of a scenario",
    "jid": "an account such as 628123456789@s.whatsapp.net",
    "send_to": "a phone number of 8 to 15 digits with its country code",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_NAME_RULE = "a letter or digit, then up to 63 letters, digits or any of . _ + -"
_PROXY = re.compile(r"(?:https?|socks5)://(?:[^\s/]*@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")


class SimulatorTarget(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="simulator"
):
    """The embedded WhatsApp server, rehearsed against with the real client. Nothing leaves this machine."""

    kind: ClassVar[str] = "simulator"


class NeonizeTarget(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="neonize"
):
    """Sessions of neonize in a store.

    Attributes:
        store: an absolute path, or a database URL ("postgres://…") as it was given. A `Plan` always has one.
        connect: whether the real client may connect; otherwise the store is read and nothing else.
        proxy: the URL of the proxy the client connects through; may hold credentials, so redact it where it is shown.
    """

    kind: ClassVar[str] = "neonize"

    store: Text | None = None
    connect: bool = False
    proxy: Text | None = None

    def __repr__(self) -> str:
        return redact(f"NeonizeTarget(store={self.store!r}, connect={self.connect!r}, proxy={self.proxy!r})")


AnyTarget = SimulatorTarget | NeonizeTarget
_KINDS: dict[str, type[AnyTarget]] = {each.kind: each for each in (SimulatorTarget, NeonizeTarget)}


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says about one session."""

    target: Text | None = None
    scenario: Text | None = None
    jid: Annotated[str, Meta(pattern=r"^[0-9]{5,20}(:[0-9]{1,5})?@(s\.whatsapp\.net|lid)$")] | None = None
    mode: Mode | None = None
    send_to: Text | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `diagnostics.toml`, checked; its paths are absolute. Without a file everything is empty.

    Attributes:
        file: the file as error messages name it, "" where there is none. Not a key.
        targets: includes one target named after each kind, so that `--target neonize` needs no file.
    """

    file: str = ""
    mode: Mode | None = None
    deadline: Seconds | None = None
    reports: Text | None = None
    target: Text | None = None
    targets: dict[str, AnyTarget] = msgspec.field(
        default_factory=lambda: {name: kind() for name, kind in _KINDS.items()}
    )
    sessions: dict[str, SessionSettings] = {}


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """The command line as it was typed; None where an option was not given."""

    sessions: tuple[str, ...] = ()
    mode: str | None = None
    deadline: str | None = None
    target: str | None = None
    scenario: str | None = None
    send_to: str | None = None
    store: str | None = None
    connect: bool | None = None
    proxy: str | None = None
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


# The file


def load(path: str | None, cwd: Path, rootdir: Path | None = None) -> Settings:
    """Read the named file, or the `diagnostics.toml` in `cwd` or else `rootdir`, or none."""
    if path is not None:
        file = cwd / Path(path).expanduser()
        if not file.is_file():
            raise UsageProblem(f"The configuration file {path} does not exist or is no file.")
        return _read(file, path)
    for directory in (cwd, rootdir):
        if directory is not None and (directory / FILE_NAME).is_file():
            return _read(directory / FILE_NAME, FILE_NAME)
    return Settings()


def _read(path: Path, file: str) -> Settings:
    table = _parse(path, file)
    values = _fields(Settings, table, file, "", without=("targets", "sessions"))
    targets = dict(Settings().targets)
    for name, entry in _tables(table, "targets", file):
        targets[name] = _target(entry, file, name, path.parent)
    sessions = {}
    for name, entry in _tables(table, "sessions", file):
        prefix = f"sessions.{redact(name)}."
        sessions[name] = SessionSettings(**_fields(SessionSettings, entry, file, prefix))
        _digits(f"{file}: {prefix}send_to", sessions[name].send_to)
        if "target" in entry:
            _known_target(f"{file}: {prefix}target", entry["target"], targets)
    if "target" in values:
        _known_target(f"{file}: target", values["target"], targets)
    if "reports" in values:
        values["reports"] = _absolute(values["reports"], path.parent)
    return Settings(file=file, targets=targets, sessions=sessions, **values)


def _parse(path: Path, file: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageProblem(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{file} is not UTF-8 text (byte {error.start}).") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # tomllib says "(at line 3, column 9)", or only that the document ended
        lines = text.split("\n")
        where = f"(at line {len(lines)}, column {len(lines[-1]) + 1}, the end)"
        problem = printable(str(error), 200).replace("(at end of document)", where)
        raise UsageProblem(f"{file} is not valid TOML: {problem}.") from None


def _tables(table: dict[str, Any], key: str, file: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """The named tables under `key`, each checked to be one and to have a usable name."""
    group = table.get(key, {})
    for name, entry in group.items() if isinstance(group, dict) else [("", group)]:
        if not isinstance(entry, dict):
            path = f"{key}.{_key(name)}" if isinstance(group, dict) else key
            raise UsageProblem(f"{file}: {path} is {_shown(entry)}; valid: a table such as [{key}.NAME].")
        if not _NAME.fullmatch(name):
            raise UsageProblem(f"{file}: {key}.{_key(name)} is no usable name; valid: {_NAME_RULE}.")
        yield name, entry


def _target(entry: dict[str, Any], file: str, name: str, directory: Path) -> AnyTarget:
    prefix = f"targets.{redact(name)}."
    where = f"{file}: {prefix}kind"
    if "kind" not in entry:
        raise UsageProblem(f"{where} is missing; valid: {_VALID['kind']}.")
    kind = entry["kind"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UsageProblem(f"{where} is {_shown(kind)}.{did_you_mean(str(kind), _KINDS)}")
    if name in _KINDS and name != kind:
        raise UsageProblem(f"{where} is {_shown(kind)}, but a target named {name} must be of that kind; rename it.")
    values = _fields(_KINDS[kind], entry, file, prefix, without=("kind",))
    if "proxy" in values:
        _check_proxy(f"{file}: {prefix}proxy", values["proxy"])
    for key, variable in (("store", "WADIAG_STORE"), ("proxy", "WADIAG_PROXY")):
        if _has_credentials(values.get(key)):
            raise UsageProblem(
                f"{file}: {prefix}{key} holds a user name or password; secrets belong into the environment: "
                f"remove it and set {variable}."
            )
    if "store" in values:
        values["store"] = _absolute(values["store"], directory)
    return _KINDS[kind](**values)


def _fields(
    struct: type[S], table: dict[str, Any], file: str, prefix: str, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The table's values as the struct wants them; those named `without` may be there and are left out."""
    known = {each.name: each for each in msgspec.structs.fields(struct) if each.name != "file"}
    values = {}
    for key, value in table.items():
        if key in without:
            continue
        if key not in known:
            valid = sorted({*known, *without})
            raise UsageProblem(f'{file}: unknown key "{prefix}{_key(key)}".{did_you_mean(key, valid)}')
        try:
            values[key] = msgspec.convert(value, known[key].type)
        except msgspec.ValidationError:
            where = f"{file}: {prefix}{key}"
            if key == "mode" and isinstance(value, str):
                _mode(where, value)
            raise UsageProblem(_refusal(where, key, value)) from None
    return values


# The merge


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
    mode = _mode(*choose("mode", settings.mode)) or Mode.PERMISSIVE
    where, deadline = choose("deadline", settings.deadline)
    _, reports = choose("reports", settings.reports)
    names = session_names(command_line.sessions)
    return Plan(
        mode=mode,
        deadline=DEFAULT_DEADLINE if deadline is None else _seconds(where, deadline),
        reports=Path(_absolute(reports or "reports", cwd)),
        sessions=tuple(_session(name, own, choose, mode, cwd, scenarios) for name, own in names.items()),
    )


def session_names(given: Iterable[str]) -> dict[str, str | None]:
    """`--session NAME` and `--session NAME=SCENARIO`, in order, as names with their scenarios.

    >>> session_names(["a=healthy", "b"])
    {'a': 'healthy', 'b': None}
    """
    names: dict[str, str | None] = {}
    for text in given:
        name, equals, scenario = text.partition("=")
        if not _NAME.fullmatch(name):
            raise UsageProblem(f"--session {_shown(text)} has no usable name; valid: {_NAME_RULE}.")
        if equals and not scenario:
            raise UsageProblem(f"--session {_shown(text)} names no scenario behind the =; leave out the = or name one.")
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
            raise UsageProblem(f"--{key.replace('_', '-')} is empty; valid: {_VALID[key]}.")
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
    target = _known_target(where, target_name, settings.targets)
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
        raise UsageProblem(f"{where}: there is no scenario {_shown(scenario)}.{did_you_mean(scenario, scenarios)}")

    return SessionPlan(
        name=name,
        target_name=target_name,
        target=target,
        mode=_mode(*choose("mode", entry.mode, prefix)) or run_mode,
        scenario=scenario,
        jid=entry.jid,
        send_to=_digits(*choose("send_to", entry.send_to, prefix)),
    )


def _with_overrides(target: AnyTarget, through: str, choose: _Choice, cwd: Path) -> AnyTarget:
    """The target with --store, --proxy and --connect (or their variables) put over its own settings."""
    places, changes = {}, {}
    for key in ("store", "proxy"):
        where, value = choose(key)
        if value is not None:
            places[key], changes[key] = where, value
    if choose.command_line.connect:
        places["connect"], changes["connect"] = "--connect", True
    if not isinstance(target, NeonizeTarget):
        for where in places.values():
            raise UsageProblem(
                f"{where} is for sessions of neonize, but {through}; add --target neonize, or leave {where} out."
            )
        return target
    if "proxy" in changes:
        _check_proxy(places["proxy"], changes["proxy"])
    if "store" in changes:
        changes["store"] = _absolute(changes["store"], cwd)
    target = msgspec.structs.replace(target, **changes)
    if target.store is None:
        raise UsageProblem(f"{through}, which needs a store: add --store PATH, or set store of that target.")
    return target


# Single values; `where` is the place to name when the value cannot be used


def _mode(where: str, value: str | None) -> Mode | None:
    try:
        return None if value is None else Mode(value)
    except ValueError:
        raise UsageProblem(f"{where} is {_shown(value)}.{did_you_mean(str(value), Mode)}") from None


def _seconds(where: str, value: str | float) -> float:
    try:
        return msgspec.convert(float(value), Seconds)
    except (ValueError, OverflowError):  # a ValidationError is a ValueError
        raise UsageProblem(_refusal(where, "deadline", value)) from None


def _known_target(where: str, name: str, targets: Mapping[str, AnyTarget]) -> AnyTarget:
    if name not in targets:
        raise UsageProblem(f"{where}: there is no target {_shown(name)}.{did_you_mean(name, targets)}")
    return targets[name]


def _digits(where: str, number: str | None) -> str | None:
    """A recipient as digits only. The usual separators and a leading + are fine, anything else is refused."""
    if number is None:
        return None
    digits = re.sub(r"[\s().-]", "", number).removeprefix("+")
    if not re.fullmatch(r"[0-9]{8,15}", digits):
        # somebody's number with a slip in it is no number that `redact` would know
        raise UsageProblem(_refusal(where, "send_to", number if len(number) < 8 else f"{number[:3]}…{number[-2:]}"))
    return digits


def _check_proxy(where: str, url: str) -> None:
    if not _PROXY.fullmatch(url):
        raise UsageProblem(f"{where} is not {_VALID['proxy']}.")  # never shown: it may hold a password


def _has_credentials(url: str | None) -> bool:
    return url is not None and "@" in url.partition("://")[2]


def _absolute(path: str, directory: Path) -> str:
    """A path from a file or an option, seen from the directory it was written in. URLs stay as they are."""
    return path if "://" in path else os.path.normpath(directory / Path(path).expanduser())


def _refusal(where: str, key: str, value: Any) -> str:
    quotes = ", in quotes" if key == "send_to" and not isinstance(value, str) else ""
    return f"{where} is {_shown(value)}; valid: {_VALID[key]}{quotes}."


def _key(key: str) -> str:
    """A key as TOML would write it, fit to print."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) else _shown(key)


def _shown(value: Any) -> str:
    """What was there, as a person wrote it, without secrets and not longer than a glance."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = printable(redact(str(value)), 60)
    return f'"{text}"' if isinstance(value, str) else text
