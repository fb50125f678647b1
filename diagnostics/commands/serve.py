"""`wadiag serve`: the HTTP gateway, on loopback unless somebody names another address."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from diagnostics.commands import OK, USAGE
from diagnostics.config import load
from diagnostics.errors import UsageProblem
from diagnostics.gateway.access_tokens import Scope
from diagnostics.gateway.connection_limits import LimitedServer, server_config
from diagnostics.gateway.fleet.fleet import Fleet
from diagnostics.gateway.gateway_settings import GatewaySettings, resolve
from diagnostics.gateway.listen_socket import address, listen
from diagnostics.gateway.log_limits import FloodLimit, LimitedFormatter
from diagnostics.gateway.web.app import create_app
from diagnostics.redact import redact

DESCRIPTION = (
    "Serves WhatsApp sessions over HTTP until Ctrl-C or SIGTERM (it then shuts down within 10 s): links them by "
    "QR code, says how they are, sends with them. Needs a token: the variable WADIAG_TOKEN, or [gateway.tokens] in "
    "diagnostics.toml."
)
ANSWERING = 4  # s that requests in flight may take to be answered after the signal
CARRYING = 1.0  # s more for messages on their way


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--port", type=int, help="to listen on (3000; 0: a free one)")
    parser.add_argument("--host", help="to listen on (127.0.0.1); any other lets other machines in")
    parser.add_argument("--state", help="directory of records and sessions (gateway)")
    parser.add_argument("--config", help="another file than ./diagnostics.toml")


def run(options: argparse.Namespace) -> int:
    cwd = Path.cwd()
    try:
        file = load(options.config or os.environ.get("WADIAG_CONFIG") or None, cwd)
        settings = resolve(file, os.environ, cwd=cwd, host=options.host, port=options.port, state=options.state)
        _log_to_stderr()
        # What uvicorn does with a signal when all is done is to raise it once more.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: None)
        with _listen(settings) as listening:
            asyncio.run(_serve(settings, listening))
    except UsageProblem as problem:
        print(f"wadiag serve: {problem}", file=sys.stderr)
        return USAGE
    return OK


async def _serve(settings: GatewaySettings, listening: socket.socket) -> None:
    fleet = Fleet(settings.state, dsn=settings.dsn, proxy=settings.proxy)
    await fleet.start()
    try:
        app = create_app(fleet, settings=settings, sessions=fleet, answers=fleet.records)
        config = server_config(app, lifespan="on", timeout_graceful_shutdown=ANSWERING)
        loop = asyncio.get_running_loop()
        server = _Server(
            config,
            started=lambda: _welcome(settings, listening, fleet.names()),
            ending=lambda: loop.call_soon_threadsafe(app.state.context.draining.set),
        )
        await server.serve(sockets=[listening])
    finally:
        await fleet.close(drain=CARRYING)


class _Server(LimitedServer):
    """Reports when it listens, and when the shutdown begins."""

    def __init__(self, config: uvicorn.Config, *, started: Callable[[], None], ending: Callable[[], object]) -> None:
        super().__init__(config)
        self._says_started = started
        self._says_ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._says_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._says_ending()
        super().handle_exit(sig, frame)


def _listen(settings: GatewaySettings) -> socket.socket:
    """Bound before anything else starts, so that a port that is taken is said at once."""
    where = f"{settings.host}, port {settings.port}"
    try:
        return listen(settings.host, settings.port)
    except socket.gaierror:
        raise UsageProblem(f"the host {settings.host} is not known; valid: an address of this machine.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageProblem(f"{where} is taken by another process; stop it, or choose another --port.") from None
        raise UsageProblem(f"cannot listen on {where}: {os.strerror(error.errno or 0)}.") from None


def _welcome(settings: GatewaySettings, listening: socket.socket, names: Sequence[str]) -> None:
    url = address(listening)
    variable = next((each.variable for each in settings.tokens.known if each.scope is Scope.ADMIN), "TOKEN")
    asking = f'curl -H "Authorization: Bearer ${variable}" {url}/whatsapp'
    print(f"listening on {url}", flush=True)
    if names:
        print(f"sessions     {', '.join(map(redact, names))}")
        print(f"how they are {asking}/sessions")
    else:
        print("sessions     none yet; this makes one and its QR code, to scan with WhatsApp's Linked devices:")
        print(f"             {asking}/qr-image/testing -o qr.png")
    if not settings.is_local:
        print("warning      other machines can reach this, and tokens travel as they are: put TLS in front of it")
    sys.stdout.flush()


class _Redacting(LimitedFormatter):
    """The last thing a line passes, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.addFilter(FloodLimit())
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)  # libraries tell addresses at INFO
    logging.getLogger("wadiag").setLevel(logging.INFO)
