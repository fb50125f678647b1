"""The kind `neonize`: what a run needs to know of it. Looking is in `look`, linking in `link`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from diagnostics.errors import TargetProblem
from diagnostics.redact import redact
from diagnostics.targets import values
from diagnostics.targets.base import (
    Looker,
    Option,
    Pairing,
    Place,
    SessionOption,
    SessionSettings,
    TargetKind,
    TargetSettings,
)

# ruff: noqa: PLC0415 - only who looks at a store pays for it

_DATABASE_URLS = ("postgres:", "postgresql:", "postgresql+")
_LISTING = 30.0  # s for reading the store whose sessions are listed


class NeonizeSettings(TargetSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Attributes:
        store: an absolute path, or a database URL ("postgres://…") as it was given. A `Plan` always has one.
        connect: whether the real client may connect; otherwise the store is read and nothing else.
        proxy: the URL of the proxy the client connects through; may hold credentials, so redact it where it is shown.
    """

    store: values.Text | None = None
    connect: bool = False
    proxy: values.Text | None = None

    def __repr__(self) -> str:
        return redact(f"NeonizeSettings(store={self.store!r}, connect={self.connect!r}, proxy={self.proxy!r})")


class Stored(SessionSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Attributes:
        jid: which of the store's accounts the session is; None where its name tells, or the store has only one.
    """

    jid: Annotated[str, Meta(pattern=r"^[0-9]{5,20}(:[0-9]{1,5})?@(s\.whatsapp\.net|lid)$")] | None = None


class NeonizeKind(TargetKind[NeonizeSettings, Stored]):
    """Sessions in one SQLite store of neonize or whatsmeow."""

    name = "neonize"
    summary = "a session store on this machine"
    owner = "neonize"
    settings = NeonizeSettings
    session = Stored
    options = (
        Option(
            name="store",
            help="session store to read (target neonize)",
            valid="the path of a session store",
            metavar="PATH",
        ),
        Option(
            name="connect",
            help="open the real client with the store's credentials, if no bot holds them (target neonize)",
            valid="true or false",
            flag=True,
        ),
        Option(
            name="proxy",
            help="proxy that the real client connects through (with --connect)",
            valid=values.PROXY,
            metavar="URL",
        ),
    )
    session_options = (
        SessionOption(
            name="jid",
            help="which account of the store the session is",
            valid="an account such as 628123456789@s.whatsapp.net",
            typed=False,
        ),
    )

    def check(self, key: str, value: Any, place: Place) -> Any:
        if key == "proxy":
            values.check_proxy(place.name, value)
        if place.in_file and key in ("store", "proxy"):
            values.refuse_credentials(place.name, value, f"WADIAG_{key.upper()}")
        return values.absolute(value, place.directory) if key == "store" else value

    def refusal(self, settings: NeonizeSettings) -> str:
        return "" if settings.store else "a store: add --store PATH, or set store of that target"

    def describe(self, settings: NeonizeSettings) -> str:
        store = without_password(settings.store or "")
        if not settings.connect:
            return f"neonize store {store} (passive: read only, nothing is connected)"
        through = f" through {without_password(settings.proxy)}" if settings.proxy else ""
        return f"neonize store {store}{through} (opens the real client with this store's credentials)"

    def notices(self, settings: NeonizeSettings) -> list[str]:
        if not settings.connect or not settings.store or "://" in settings.store:
            return []
        from diagnostics.neonize.store import migration

        older = migration(Path(settings.store))
        if older is None:
            return []
        migrates = f"its tables are of version {older[0]}: connecting migrates them to version {older[1]}"
        return [f"{migrates}, and an older bot may not be able to open them after that"]

    def sends(self, settings: NeonizeSettings) -> bool:
        return settings.connect

    def connects(self, settings: NeonizeSettings) -> bool:
        return settings.connect

    def unpairable(self, settings: NeonizeSettings) -> str:
        in_database = "://" in str(settings.store)
        return "lives in a database, where only its gateway can link a session" if in_database else ""

    def pair_words(self, settings: NeonizeSettings, given: Collection[str]) -> list[str]:
        return self.words(settings, [name for name in given if name != "connect"])

    async def pair(self, settings: NeonizeSettings, session: str, own: Stored, pairing: Pairing) -> str | None:
        from diagnostics.targets.neonize.link import link

        return await link(Path(str(settings.store)), session, pairing, jid=own.jid, proxy=settings.proxy)

    async def sessions(self, settings: NeonizeSettings) -> tuple[str, ...]:
        import asyncio

        from diagnostics.neonize.store import read_content

        content = await asyncio.to_thread(read_content, self._file(settings), _LISTING)
        return content.numbers()

    @asynccontextmanager
    async def open(self, settings: NeonizeSettings, sessions: Mapping[str, Stored]) -> AsyncIterator[Looker]:
        """Nothing is acquired beforehand: lease and workers are held only while looking."""
        from diagnostics.targets.neonize.look import StoreLooker

        yield StoreLooker(
            self._file(settings),
            connect=settings.connect,
            proxy=settings.proxy,
            jids={name: own.jid for name, own in sessions.items() if own.jid},
        )

    def _file(self, settings: NeonizeSettings) -> Path:
        """
        Raises:
            TargetProblem: the store is not a file.
        """
        if not settings.store:
            raise TargetProblem("no store is given: add --store PATH, the SQLite file of the session")
        if settings.store.lower().startswith(_DATABASE_URLS):
            raise TargetProblem(
                "stores in PostgreSQL cannot be read yet, passively or otherwise: "
                "ask the running bot or its gateway, or give the path of a SQLite store"
            )
        if "://" in settings.store:
            raise TargetProblem("a URL is not a store that can be read here: give the path of a SQLite store")
        return Path(settings.store)


def without_password(text: str) -> str:
    """A URL without its user and password; anything else as it is."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    address, query, _ = rest.rpartition("@")[2].partition("?")
    return f"{scheme}://{address}" + ("?…" if query else "")


KIND = NeonizeKind()
