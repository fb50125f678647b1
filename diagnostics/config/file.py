"""`diagnostics.toml`: read, checked, and its paths made absolute."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from diagnostics.config import single
from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import Language, Mode
from diagnostics.redact import printable, redact
from diagnostics.targets import registry, values
from diagnostics.targets.base import ConfiguredTarget, Option, Place

FILE_NAME = "diagnostics.toml"


class SessionTable(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says about one session.

    Attributes:
        own: the keys that kinds of targets want to know of a session, checked, by key.
    """

    target: values.Text | None = None
    mode: Mode | None = None
    send_to: values.Text | None = None
    own: Mapping[str, Any] = {}


class TokenTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token of the gateway: the variable that holds it, and what it may do."""

    env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    scopes: Annotated[list[Literal["read", "send", "admin"]], Meta(min_length=1)]


class GatewayTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says about `wadiag serve`; `gateway.settings` makes settings of it.

    Attributes:
        state: an absolute directory.
        dsn_env: the variable that holds a PostgreSQL URL.
        body_limit: bytes.
    """

    host: single.Host = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 3000
    state: values.Text | None = None
    dsn_env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    proxy: values.Text | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    language: Literal["en", "id"] = "en"
    body_limit: Annotated[int, Meta(ge=1024, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    tokens: dict[str, TokenTable] = {}


def _one_of_each_kind() -> dict[str, ConfiguredTarget]:
    return {name: ConfiguredTarget(name, kind, kind.settings()) for name, kind in registry.kinds().items()}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `diagnostics.toml`, checked; its paths are absolute. Without a file everything is empty.

    Attributes:
        file: the file as error messages name it, "" where there is none. Not a key.
        targets: includes one target named after each kind, so that `--target neonize` needs no file.
    """

    file: str = ""
    mode: Mode | None = None
    lang: Language | None = None
    deadline: single.Seconds | None = None
    reports: values.Text | None = None
    target: values.Text | None = None
    targets: dict[str, ConfiguredTarget] = msgspec.field(default_factory=_one_of_each_kind)
    sessions: dict[str, SessionTable] = {}
    gateway: GatewayTable = GatewayTable()


def load(path: str | None, cwd: Path, rootdir: Path | None = None) -> Settings:
    """Read the named file, or the `diagnostics.toml` in `cwd` or else `rootdir`, or none."""
    if path is not None:
        file = cwd / Path(path).expanduser()
        if not file.is_file():
            raise UsageProblem(f"The configuration file {path} does not exist or is not a file.")
        return _read(file, path)
    for directory in (cwd, rootdir):
        if directory is not None and (directory / FILE_NAME).is_file():
            return _read(directory / FILE_NAME, FILE_NAME)
    return Settings()


def _read(path: Path, file: str) -> Settings:
    table = _parse(path, file)
    fields = _fields(Settings, table, file, "", without=("targets", "sessions", "gateway"))
    targets = dict(Settings().targets)
    for name, entry in _tables(table, "targets", file):
        targets[name] = _target(entry, file, name, path.parent)
    sessions = {}
    for name, entry in _tables(table, "sessions", file):
        sessions[name] = _session(entry, file, f"sessions.{redact(name)}.", path.parent)
        if "target" in entry:
            known_target(f"{file}: sessions.{redact(name)}.target", entry["target"], targets)
    if "target" in fields:
        known_target(f"{file}: target", fields["target"], targets)
    if "gateway" in table:
        fields["gateway"] = _gateway(table["gateway"], file, path.parent)
    if "reports" in fields:
        fields["reports"] = values.absolute(fields["reports"], path.parent)
    return Settings(file=file, targets=targets, sessions=sessions, **fields)


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


def _tables(table: dict[str, Any], key: str, file: str, prefix: str = "") -> Iterable[tuple[str, dict[str, Any]]]:
    """The named tables under `key`, each checked to be one and to have a usable name."""
    group = table.get(key, {})
    key = prefix + key
    for name, entry in group.items() if isinstance(group, dict) else [("", group)]:
        if not isinstance(entry, dict):
            path = f"{key}.{single.key(name)}" if isinstance(group, dict) else key
            raise UsageProblem(f"{file}: {path} is {values.shown(entry)}; valid: a table such as [{key}.NAME].")
        if not single.NAME.fullmatch(name):
            raise UsageProblem(f"{file}: {key}.{single.key(name)} is not a usable name; valid: {single.NAME_RULE}.")
        yield name, entry


def _gateway(table: Any, file: str, directory: Path) -> GatewayTable:
    if not isinstance(table, dict):
        raise UsageProblem(f"{file}: gateway is {values.shown(table)}; valid: a table [gateway].")
    fields = _fields(GatewayTable, table, file, "gateway.", without=("tokens",))
    tokens = {}
    for name, entry in _tables(table, "tokens", file, "gateway."):
        prefix = f"gateway.tokens.{redact(name)}."
        own = _fields(TokenTable, entry, file, prefix)
        for key in ("env", "scopes"):
            if key not in own:
                raise UsageProblem(f"{file}: {prefix}{key} is missing; valid: {single.VALID[key]}.")
        tokens[name] = TokenTable(**own)
    if "proxy" in fields:
        values.check_proxy(f"{file}: gateway.proxy", fields["proxy"])
        values.refuse_credentials(f"{file}: gateway.proxy", fields["proxy"], "WADIAG_PROXY")
    if "state" in fields:
        fields["state"] = values.absolute(fields["state"], directory)
    return GatewayTable(tokens=tokens, **fields)


def _target(entry: dict[str, Any], file: str, name: str, directory: Path) -> ConfiguredTarget:
    prefix = f"targets.{redact(name)}."
    where = f"{file}: {prefix}kind"
    if "kind" not in entry:
        raise UsageProblem(f"{where} is missing; valid: {_either(registry.kinds())}.")
    if not isinstance(entry["kind"], str):
        raise UsageProblem(f"{where} is {values.shown(entry['kind'])}. Valid: {', '.join(registry.kinds())}.")
    kind = registry.kind(where, entry["kind"])
    if name in registry.kinds() and name != kind.name:
        raise UsageProblem(
            f"{where} is {values.shown(kind.name)}, but a target named {name} must be of that kind; rename it."
        )
    own = _own_fields(kind, kind.settings, kind.options, entry, file, prefix, directory, without=("kind",))
    return ConfiguredTarget(name, kind, kind.settings(**own))


def _session(entry: dict[str, Any], file: str, prefix: str, directory: Path) -> SessionTable:
    """One `[sessions.NAME]`: the keys of every kind are understood, whichever target the session has today."""
    kinds = registry.kinds().values()
    ours = _fields(SessionTable, entry, file, prefix, without=tuple({o.name for k in kinds for o in k.session_options}))
    single.digits(f"{file}: {prefix}send_to", ours.get("send_to"))
    own: dict[str, Any] = {}
    for kind in kinds:
        mine = {key: value for key, value in entry.items() if key in kind.session.__struct_fields__}
        own |= _own_fields(kind, kind.session, kind.session_options, mine, file, prefix, directory)
    return SessionTable(**ours, own=own)


def _own_fields(
    kind: registry.AnyKind,
    struct: type[msgspec.Struct],
    options: Iterable[Option],
    table: dict[str, Any],
    file: str,
    prefix: str,
    directory: Path,
    without: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A table's values as one kind keeps them."""
    valid = {option.name: option.valid for option in options}
    fields = _fields(struct, table, file, prefix, without, valid)
    return {
        key: kind.check(key, value, Place(f"{file}: {prefix}{key}", directory, in_file=True))
        for key, value in fields.items()
    }


def _fields(
    struct: type[msgspec.Struct],
    table: dict[str, Any],
    file: str,
    prefix: str,
    without: tuple[str, ...] = (),
    valid: Mapping[str, str] = single.VALID,
) -> dict[str, Any]:
    """The table's values as the struct wants them; those named `without` may be there and are left out."""
    known = _keys(struct)
    fields = {}
    for key, value in table.items():
        if key in without:
            continue
        if key not in known:
            names = {*known, *without}
            raise UsageProblem(f'{file}: unknown key "{prefix}{single.key(key)}".{did_you_mean(key, names)}')
        where = f"{file}: {prefix}{key}"
        try:
            fields[key] = msgspec.convert(value, known[key])
        except msgspec.ValidationError:
            if key == "mode" and isinstance(value, str):
                single.mode(where, value)
            quotes = ", in quotes" if key == "send_to" and not isinstance(value, str) else ""
            raise UsageProblem(values.refusal(where, value, valid[key] + quotes)) from None
    return fields


@functools.cache
def _keys(struct: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The keys that a table may have, each with its type."""
    return {each.name: each.type for each in msgspec.structs.fields(struct) if each.name not in ("file", "own")}


def _either(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def known_target(where: str, name: str, targets: Mapping[str, ConfiguredTarget]) -> ConfiguredTarget:
    """The target of this name.

    Raises:
        UsageProblem: there is none, or its kind cannot be used.
    """
    if name not in targets:
        registry.refuse_broken(where, name)
        raise UsageProblem(f"{where}: there is no target {values.shown(name)}.{did_you_mean(name, targets)}")
    return targets[name]
