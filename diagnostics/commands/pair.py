"""`wadiag pair SESSION`: shows the QR code in the terminal and waits until the session is linked."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from diagnostics.commands import FAILED, OK, USAGE
from diagnostics.config import CommandLine, SessionPlan, load, resolve, single
from diagnostics.config.file import GatewayTable, Settings
from diagnostics.errors import DiagnosticsError, UsageProblem
from diagnostics.model import Mode
from diagnostics.redact import redact
from diagnostics.reporting.qr import Screen
from diagnostics.running.run import rerun_command
from diagnostics.running.signals import run_until_stopped
from diagnostics.targets import registry
from diagnostics.targets.base import Pairing, SessionOption

INTERRUPTED = 130  # as shells have it for Ctrl-C
DEADLINE = 170.0  # s; WhatsApp's six codes last 160
# What the kinds "neonize" and "gateway" are called: where a session lives unless somebody says otherwise.
_STORE, _GATEWAY = "neonize", "gateway"

DESCRIPTION = (
    "Shows a QR code (or with --phone a code to type) and waits until a phone has linked the session. Without "
    "--gateway the session's store is made or used directly; no bot may hold it meanwhile."
)


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("session", help="the session's name; diagnostics.toml may say where it lives")
    parser.add_argument("--phone", metavar="NUMBER", help="show a code to type on the phone with this number instead")
    parser.add_argument("--gateway", metavar="URL", help="short for --target gateway --url URL")
    parser.add_argument(
        "--target", metavar="NAME", help="where it lives (default: the store SESSION.sqlite3 in this directory)"
    )
    for option in registry.options():
        if option.typed and not option.flag and not isinstance(option, SessionOption):
            parser.add_argument(option.option, dest=option.name, metavar=option.metavar, help=option.help)
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
    linked = await plan.target.pair(plan.name, plan.own, Pairing(_Teller(phone).show, deadline, phone))
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
    typed = {option.name: getattr(options, option.name, None) for option in registry.options()}
    target = options.target
    if options.gateway is not None:
        target, typed["url"] = target or _GATEWAY, options.gateway
    elif target is None and typed.get("store"):
        target = _STORE
    elif target is None and not configured and settings.gateway != GatewayTable():
        target = _GATEWAY
        typed["url"], typed["token_env"] = _own_gateway(settings, typed.get("token_env"))
    elif target is None and not configured:
        target = _STORE
        typed["store"] = environ.get("WADIAG_STORE") or f"{options.session}.sqlite3"
    line = CommandLine(sessions=(options.session,), target=target, options=typed)
    (plan,) = resolve(line, environ, settings, cwd=cwd).sessions
    if why_not := plan.target.unpairable():
        raise UsageProblem(
            f"session {redact(plan.name)} is looked at through target {redact(plan.target.name)}, which {why_not}; "
            "say where it lives with --store PATH or --gateway URL."
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
