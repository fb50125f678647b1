"""`diagnostics.toml`: read, checked, and its paths made absolute."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from msgspec import Meta

from diagnostics.config import single
from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import Language, Mode
from diagnostics.redact import printable, redact

FILE_NAME = "diagnostics.toml"

S = TypeVar("S", bound=msgspec.Struct)


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

    store: single.Text | None = None
    connect: bool = False
    proxy: single.Text | None = None

    def __repr__(self) -> str:
        return redact(f"NeonizeTarget(store={self.store!r}, connect={self.connect!r}, proxy={self.proxy!r})")


class GatewayTarget(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="gateway"
):
    """Sessions behind the HTTP API of a gateway.

    Attributes:
        url: where it answers, without a slash at the end.
        token_env: the environment variable that holds its token.
    """

    kind: ClassVar[str] = "gateway"

    url: single.Text = "http://127.0.0.1:3000"
    token_env: single.Text = "WADIAG_TOKEN"  # noqa: S105 - a variable's name


AnyTarget = SimulatorTarget | NeonizeTarget | GatewayTarget
_KINDS: dict[str, type[AnyTarget]] = {each.kind: each for each in (SimulatorTarget, NeonizeTarget, GatewayTarget)}


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says about one session."""

    target: single.Text | None = None
    scenario: single.Text | None = None
    jid: Annotated[str, Meta(pattern=r"^[0-9]{5,20}(:[0-9]{1,5})?@(s\.whatsapp\.net|lid)$")] | None = None
    mode: Mode | None = None
    send_to: single.Text | None = None


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
    state: single.Text | None = None
    dsn_env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    proxy: single.Text | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    language: Literal["en", "id"] = "en"
    body_limit: Annotated[int, Meta(ge=1024, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    tokens: dict[str, TokenTable] = {}


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
    reports: single.Text | None = None
    target: single.Text | None = None
    targets: dict[str, AnyTarget] = msgspec.field(
        default_factory=lambda: {name: kind() for name, kind in _KINDS.items()}
    )
    sessions: dict[str, SessionSettings] = {}
    gateway: GatewayTable = GatewayTable()


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
    values = _fields(Settings, table, file, "", without=("targets", "sessions", "gateway"))
    targets = dict(Settings().targets)
    for name, entry in _tables(table, "targets", file):
        targets[name] = _target(entry, file, name, path.parent)
    sessions = {}
    for name, entry in _tables(table, "sessions", file):
        prefix = f"sessions.{redact(name)}."
        sessions[name] = SessionSettings(**_fields(SessionSettings, entry, file, prefix))
        single.digits(f"{file}: {prefix}send_to", sessions[name].send_to)
        if "target" in entry:
            known_target(f"{file}: {prefix}target", entry["target"], targets)
    if "target" in values:
        known_target(f"{file}: target", values["target"], targets)
    if "gateway" in table:
        values["gateway"] = _gateway(table["gateway"], file, path.parent)
    if "reports" in values:
        values["reports"] = single.absolute(values["reports"], path.parent)
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


def _tables(table: dict[str, Any], key: str, file: str, prefix: str = "") -> Iterable[tuple[str, dict[str, Any]]]:
    """The named tables under `key`, each checked to be one and to have a usable name."""
    group = table.get(key, {})
    key = prefix + key
    for name, entry in group.items() if isinstance(group, dict) else [("", group)]:
        if not isinstance(entry, dict):
            path = f"{key}.{single.key(name)}" if isinstance(group, dict) else key
            raise UsageProblem(f"{file}: {path} is {single.shown(entry)}; valid: a table such as [{key}.NAME].")
        if not single.NAME.fullmatch(name):
            raise UsageProblem(f"{file}: {key}.{single.key(name)} is no usable name; valid: {single.NAME_RULE}.")
        yield name, entry


def _gateway(table: Any, file: str, directory: Path) -> GatewayTable:
    if not isinstance(table, dict):
        raise UsageProblem(f"{file}: gateway is {single.shown(table)}; valid: a table [gateway].")
    values = _fields(GatewayTable, table, file, "gateway.", without=("tokens",))
    tokens = {}
    for name, entry in _tables(table, "tokens", file, "gateway."):
        prefix = f"gateway.tokens.{redact(name)}."
        own = _fields(TokenTable, entry, file, prefix)
        for key in ("env", "scopes"):
            if key not in own:
                raise UsageProblem(f"{file}: {prefix}{key} is missing; valid: {single.VALID[key]}.")
        tokens[name] = TokenTable(**own)
    if "proxy" in values:
        single.check_proxy(f"{file}: gateway.proxy", values["proxy"])
        if single.has_credentials(values["proxy"]):
            raise UsageProblem(
                f"{file}: gateway.proxy holds a user name or password; secrets belong into the environment: "
                "remove it and set WADIAG_PROXY."
            )
    if "state" in values:
        values["state"] = single.absolute(values["state"], directory)
    return GatewayTable(tokens=tokens, **values)


def _target(entry: dict[str, Any], file: str, name: str, directory: Path) -> AnyTarget:
    prefix = f"targets.{redact(name)}."
    where = f"{file}: {prefix}kind"
    if "kind" not in entry:
        raise UsageProblem(f"{where} is missing; valid: {single.VALID['kind']}.")
    kind = entry["kind"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UsageProblem(f"{where} is {single.shown(kind)}.{did_you_mean(str(kind), _KINDS)}")
    if name in _KINDS and name != kind:
        raise UsageProblem(
            f"{where} is {single.shown(kind)}, but a target named {name} must be of that kind; rename it."
        )
    values = _fields(_KINDS[kind], entry, file, prefix, without=("kind",))
    if "proxy" in values:
        single.check_proxy(f"{file}: {prefix}proxy", values["proxy"])
    if "url" in values:
        values["url"] = single.address(f"{file}: {prefix}url", values["url"])
    if "token_env" in values:
        single.variable(f"{file}: {prefix}token_env", values["token_env"])
    for key, variable in (("store", "WADIAG_STORE"), ("proxy", "WADIAG_PROXY")):
        if single.has_credentials(values.get(key)):
            raise UsageProblem(
                f"{file}: {prefix}{key} holds a user name or password; secrets belong into the environment: "
                f"remove it and set {variable}."
            )
    if "store" in values:
        values["store"] = single.absolute(values["store"], directory)
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
            raise UsageProblem(f'{file}: unknown key "{prefix}{single.key(key)}".{did_you_mean(key, valid)}')
        try:
            values[key] = msgspec.convert(value, known[key].type)
        except msgspec.ValidationError:
            where = f"{file}: {prefix}{key}"
            if key == "mode" and isinstance(value, str):
                single.mode(where, value)
            raise UsageProblem(single.refusal(where, key, value)) from None
    return values


def known_target(where: str, name: str, targets: Mapping[str, AnyTarget]) -> AnyTarget:
    if name not in targets:
        raise UsageProblem(f"{where}: there is no target {single.shown(name)}.{did_you_mean(name, targets)}")
    return targets[name]
