"""`wadiag pair SESSION`: shows the QR code in the terminal and waits until the session is linked."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from diagnostics.commands import FAILED, OK, USAGE
from diagnostics.config import CommandLine, GatewayTarget, NeonizeTarget, SessionPlan, load, resolve, single
from diagnostics.config.file import GatewayTable, Settings
from diagnostics.errors import DiagnosticsError, TargetProblem, UsageProblem
from diagnostics.model import Mode
from diagnostics.redact import redact
from diagnostics.rehearse import noise_root
from diagnostics.reporting.qr import Screen
from diagnostics.running.run import rerun_command
from diagnostics.running.signals import run_until_stopped
from diagnostics.simulator.faults.scenarios import SCENARIOS

if TYPE_CHECKING:
    from diagnostics.neonize.store import StoreReading

INTERRUPTED = 130  # as shells have it for Ctrl-C
DEADLINE = 170.0  # s; WhatsApp's six codes last 160
_START = 20.0  # s for the worker to load neonize
_LOOK = 5.0  # s for reading a store

DESCRIPTION = (
    "Shows a QR code (or with --phone a code to type) and waits until a phone has linked the session. Without "
    "--gateway the session's store is made or used directly; no bot may hold it meanwhile."
)


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("session", help="the session's name; diagnostics.toml may say where it lives")
    parser.add_argument(
        "--store", metavar="PATH", help="its neonize store (default: SESSION.sqlite3 in this directory)"
    )
    parser.add_argument("--phone", metavar="NUMBER", help="show a code to type on the phone with this number instead")
    parser.add_argument("--gateway", metavar="URL", help="the session is held by the gateway at this address")
    parser.add_argument(
        "--token-env", metavar="VARIABLE", help="what holds the gateway's token (default: WADIAG_TOKEN)"
    )
    parser.add_argument("--proxy", metavar="URL", help="proxy to connect through (without --gateway)")
    parser.add_argument("--deadline", metavar="SECONDS", help=f"how long to wait (default: {DEADLINE:.0f})")
    parser.add_argument(
        "--config", metavar="FILE", help="configuration file (default: diagnostics.toml, if it is there)"
    )
    parser.add_argument("--show-identities", action="store_true", help="say which account was linked")


def run(options: argparse.Namespace) -> int:
    try:
        return run_until_stopped(_pair(options))
    except UsageProblem as problem:
        print(f"wadiag pair: {problem}", file=sys.stderr)
        return USAGE
    except DiagnosticsError as problem:
        print(f"wadiag pair: {redact(str(problem))}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nstopped; nothing was linked", file=sys.stderr)
        return INTERRUPTED


async def _pair(options: argparse.Namespace) -> int:
    plan = plan_for(options, os.environ, Path.cwd())
    deadline = DEADLINE if options.deadline is None else single.seconds("--deadline", options.deadline)
    phone = single.digits("--phone", options.phone) or ""
    way = _through_gateway if isinstance(plan.target, GatewayTarget) else _into_store
    linked = await way(plan, _Teller(phone), deadline, phone)
    if linked is None:
        print(f"{plan.name} is linked to a phone already; to link another, unlink it on the phone first")
    else:
        whom = f" as {linked}" if linked and options.show_identities else ""
        print(f"{plan.name} is linked{whom}")
    print(f"next: {rerun_command(plan, Mode.PERMISSIVE)}")
    return OK


def plan_for(options: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> SessionPlan:
    """Where the session lives: by the options, else by configuration, else in a store of its name.

    Raises:
        UsageProblem: that cannot be said, or is nothing that can be linked.
    """
    settings = load(options.config or environ.get("WADIAG_CONFIG") or None, cwd)
    session = settings.sessions.get(options.session)
    configured = environ.get("WADIAG_TARGET") or (session and session.target) or settings.target
    target, store, url, token_env = None, options.store, options.gateway, options.token_env
    if url:
        target = GatewayTarget.kind
    elif store:
        target = NeonizeTarget.kind
    elif not configured and settings.gateway != GatewayTable():
        target = GatewayTarget.kind
        url, token_env = _own_gateway(settings, token_env)
    elif not configured:
        target = NeonizeTarget.kind
        store = environ.get("WADIAG_STORE") or f"{options.session}.sqlite3"
    line = CommandLine(
        sessions=(options.session,), target=target, store=store, url=url, token_env=token_env, proxy=options.proxy
    )
    (plan,) = resolve(line, environ, settings, cwd=cwd, scenarios=SCENARIOS).sessions
    if not isinstance(plan.target, GatewayTarget | NeonizeTarget):
        raise UsageProblem(
            f"session {redact(plan.name)} is looked at through target {redact(plan.target_name)}, which links by "
            "itself; say where it lives with --store PATH or --gateway URL."
        )
    return plan


def _own_gateway(settings: Settings, token_env: str | None) -> tuple[str, str | None]:
    """Where the gateway of this configuration answers, and the variable of a token that may link."""
    table = settings.gateway
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(table.host, table.host)  # noqa: S104 - where to ask, not to listen
    admins = [token.env for token in table.tokens.values() if "admin" in token.scopes]
    return f"http://{host}:{table.port}", token_env or next(iter(admins), None)


class _Teller:
    """Tells the person at the terminal what to do with the codes."""

    def __init__(self, phone: str) -> None:
        self._phone = phone
        self._screen = Screen(sys.stdout)
        self._count = 0

    def show(self, code: str) -> None:
        self._count += 1
        if self._phone:
            print("on the phone: Settings > Linked devices > Link a device > Link with phone number instead")
            print(f"type this code: {code}", flush=True)
            return
        if self._count == 1:
            print("on the phone: Settings > Linked devices > Link a device; whoever scans this owns the session")
        self._screen.show(code, f"code {self._count}; the next one follows by itself")


# Both ways answer the JID that the session was linked as ("" where that is not told); None where it was linked before.


async def _through_gateway(plan: SessionPlan, teller: _Teller, deadline: float, phone: str) -> str | None:
    from diagnostics.targets.gateway import asking, pairing  # noqa: PLC0415 - only who asks one pays for HTTP

    assert isinstance(plan.target, GatewayTarget)  # noqa: S101 - that is why it came here
    variable = plan.target.token_env
    async with asking.opened(plan.target.url, os.environ.get(variable), variable) as gateway:
        try:
            await pairing.pair(gateway, plan.name, show=teller.show, deadline=deadline, phone=phone)
        except pairing.AlreadyPaired:
            return None
    return ""


async def _into_store(plan: SessionPlan, teller: _Teller, deadline: float, phone: str) -> str | None:
    from diagnostics.neonize import lease, link_store, process  # noqa: PLC0415 - as above
    from diagnostics.neonize.store import read_store  # noqa: PLC0415

    assert isinstance(plan.target, NeonizeTarget)  # noqa: S101 - that is why it came here
    if "://" in str(plan.target.store):
        raise UsageProblem(
            f"session {redact(plan.name)} lives in a database, where only its gateway can link it: add --gateway URL."
        )
    store = Path(str(plan.target.store))
    found = await asyncio.to_thread(read_store, store, plan.name, plan.jid, _LOOK)
    if found.paired:
        return None
    _refuse_what_cannot_be_linked(plan.name, found)
    with lease.acquire(store), _new_store_or_none(store, lease.SUFFIX):
        worker = process.Worker(process.environment(proxy=plan.target.proxy))
        try:
            await worker.hello(_START, noise_root(os.environ))
            return await link_store.pair(
                worker,
                plan.name,
                store,
                show=teller.show,
                deadline=deadline,
                proxy=plan.target.proxy,
                phone=phone,
            )
        finally:
            await worker.close()


def _refuse_what_cannot_be_linked(session: str, found: StoreReading) -> None:
    if not found.path.parent.is_dir():
        raise TargetProblem(f"there is no directory {found.path.parent} for the store of {session}: make it first")
    if found.path.exists() and not found.usable:
        raise TargetProblem(f"{session} cannot be linked in this store: {found.detail}")


@contextlib.contextmanager
def _new_store_or_none(store: Path, lease_suffix: str) -> Iterator[None]:
    """A new store is readable by its owner only, since it holds credentials; unless it is linked, it goes again."""
    is_new = not store.exists()
    if is_new:
        store.touch(mode=0o600)
    try:
        yield
    except BaseException:
        if is_new:
            for suffix in ("", "-wal", "-shm", "-journal", lease_suffix):
                store.with_name(store.name + suffix).unlink(missing_ok=True)
        raise
