"""Makes a kind of target of a dialect: `KIND = HttpKind(MyDialect())` at the end of its module, and an entry point."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec

from diagnostics.targets import values
from diagnostics.targets.base import Looker, Option, Pairing, Place, SessionSettings, TargetKind, TargetSettings
from diagnostics.targets.http.dialect import Dialect

# ruff: noqa: PLC0415 - only who asks over HTTP pays for it


class HttpSettings(TargetSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a product answers.

    Attributes:
        url: without a slash at the end.
        token_env: the environment variable that holds its token.
    """

    url: values.Text = ""
    token_env: values.Text = "WADIAG_TOKEN"  # noqa: S105 - a variable's name


_OPTIONS = (
    Option(name="url", help="where the gateway answers", valid=values.ADDRESS, metavar="URL"),
    Option(
        name="token_env",
        help="what holds the gateway's token (default: WADIAG_TOKEN)",
        valid=values.VARIABLE,
        metavar="VARIABLE",
    ),
)


class HttpKind(TargetKind[HttpSettings, SessionSettings]):
    """Sessions of a product, asked for over HTTP."""

    session = SessionSettings
    options = _OPTIONS

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.name = dialect.name
        self.summary = dialect.summary
        self.owner = dialect.owner
        settings = msgspec.defstruct(
            "HttpSettings",
            [("url", values.Text, dialect.url)],
            bases=(HttpSettings,),
            frozen=True,
            kw_only=True,
            forbid_unknown_fields=True,
        )
        self.settings = cast("type[HttpSettings]", settings)

    def check(self, key: str, value: Any, place: Place) -> Any:
        if key == "url":
            return values.address(place.name, value)
        return values.variable(place.name, value)

    def describe(self, settings: HttpSettings) -> str:
        has_token = bool(os.environ.get(settings.token_env))
        token = f"token from {settings.token_env}" if has_token else f"without a token: {settings.token_env} is not set"
        return f"{self.name} {settings.url} ({token})"

    def sends(self, settings: HttpSettings) -> bool:
        return bool(self.dialect.sends)

    def variables(self, settings: HttpSettings) -> Collection[str]:
        return (settings.token_env,)

    def words(self, settings: HttpSettings, given: Collection[str]) -> list[str]:
        """With the address even where it is the default: a person wants to see who was asked."""
        address = ["--url", settings.url] if "url" in given else []
        return [*address, *super().words(settings, [name for name in given if name != "url"])]

    def unpairable(self, settings: HttpSettings) -> str:
        return "" if self.dialect.shows_codes else "shows no codes here: link its sessions in the product itself"

    async def pair(self, settings: HttpSettings, session: str, own: SessionSettings, pairing: Pairing) -> str | None:
        from diagnostics.targets.http import link_by_code, transport

        async with transport.opened(*self._access(settings)) as opened:
            return "" if await link_by_code.link(self.dialect, opened, session, pairing) else None

    async def sessions(self, settings: HttpSettings) -> tuple[str, ...]:
        from diagnostics.targets.http import transport

        async with transport.opened(*self._access(settings)) as opened:
            return await opened.carry_out(self.dialect.sessions())

    @asynccontextmanager
    async def open(self, settings: HttpSettings, sessions: Mapping[str, SessionSettings]) -> AsyncIterator[Looker]:
        from diagnostics.evidence.recorder import utc_now
        from diagnostics.targets.http import transport
        from diagnostics.targets.http.look import HttpLooker

        async with transport.opened(*self._access(settings)) as opened:
            yield HttpLooker(self.dialect, opened, utc_now)

    def _access(self, settings: HttpSettings) -> tuple[Any, ...]:
        return settings.url, os.environ.get(settings.token_env), settings.token_env, self.dialect.auth
