"""The settings of `wadiag serve`: the `[gateway]` table, the environment and the command line, merged.

The command line wins over the file; secrets (tokens, the database's address) come from the environment only, under the
names that the file gives. Whatever cannot be used raises `errors.UsageProblem` with one sentence that never shows a
secret.

    [gateway]
    port = 3000
    state = "gateway"                # a directory; relative to this file
    country = "ID"                   # of phone numbers without a country code

    [gateway.tokens.shop]
    env = "SHOP_TOKEN"               # the variable that holds the token
    scopes = ["send"]                # read, send, admin; each includes those before it
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from diagnostics.config.file import GatewayTable, Settings
from diagnostics.errors import UsageProblem
from diagnostics.gateway.access_tokens import Scope, Token, Tokens
from diagnostics.model import Language

TOKEN = "WADIAG_TOKEN"  # noqa: S105 - the name of a variable
_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Everything that the gateway needs to know before it starts.

    Attributes:
        host: what to listen on; loopback unless somebody named another.
        state: the directory that holds records and stores.
        dsn: where records and devices live instead, a PostgreSQL URL; "" for SQLite in `state`. A secret.
        proxy: what the clients connect through, "" for none. May hold a password.
        country: region of phone numbers that are written without their country code ("ID"); "" for none.
        language: for callers who do not say which they want.
        body_limit: bytes of a request's body.
    """

    tokens: Tokens
    host: str = "127.0.0.1"
    port: int = 3000
    state: Path = Path("gateway")
    dsn: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    country: str = ""
    language: Language = Language.ENGLISH
    body_limit: int = 16 * 1024 * 1024

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def resolve(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    cwd: Path,
    host: str | None = None,
    port: int | None = None,
    state: str | None = None,
) -> GatewaySettings:
    """The command line over the file over the defaults.

    Args:
        cwd: where the command was typed; the state's default, and what `state` is relative to.
    """
    table = settings.gateway
    if port is not None and not 0 <= port <= 65535:
        raise UsageProblem(f"--port is {port}; valid: a port from 0 (a free one) to 65535.")
    directory = state or table.state or "gateway"
    return GatewaySettings(
        tokens=_tokens(table, environ, settings.file),
        host=host or table.host,
        port=table.port if port is None else port,
        state=(cwd / Path(directory).expanduser()).absolute(),
        dsn=_secret(environ, table.dsn_env, f"{settings.file}: gateway.dsn_env") if table.dsn_env else "",
        proxy=environ.get("WADIAG_PROXY") or table.proxy or "",
        country=table.country or "",
        language=Language(table.language),
        body_limit=table.body_limit,
    )


def _tokens(table: GatewayTable, environ: Mapping[str, str], file: str) -> Tokens:
    if not table.tokens:
        if not environ.get(TOKEN):
            raise UsageProblem(
                f"the gateway needs a token and has none: make one with {_MAKE_ONE} and put it into {TOKEN}, "
                "or name variables under [gateway.tokens.NAME] in diagnostics.toml."
            )
        return Tokens((_token("default", environ[TOKEN], Scope.ADMIN, TOKEN),))
    known: list[Token] = []
    for name, entry in table.tokens.items():
        where = f"{file}: gateway.tokens.{name}.env"
        value = _secret(environ, entry.env, where)
        token = _token(name, value, Scope.named(entry.scopes), entry.env)
        if twin := next((each.name for each in known if each.digest == token.digest), None):
            raise UsageProblem(f"{where}: {entry.env} holds the same token as that of {twin}; give each its own.")
        known.append(token)
    return Tokens(tuple(known))


def _token(name: str, value: str, scope: Scope, variable: str) -> Token:
    try:
        return Token.of(name, value, scope, variable)
    except ValueError as problem:
        raise UsageProblem(f"the token in {variable} {problem}; make one with {_MAKE_ONE}.") from None


def _secret(environ: Mapping[str, str], variable: str, where: str) -> str:
    value = environ.get(variable, "")
    if not value:
        raise UsageProblem(f"{where} names the variable {variable}, which is not set or empty; set it and start again.")
    return value
