"""Health routes inside a bot's own process:

    from diagnostics.gateway import attach
    attach(client, session="testing")          # token from WADIAG_TOKEN, port 3000 on 127.0.0.1

They only read: nothing is connected, sent or written. Whatever is wrong is raised by `attach`, before the bot connects;
afterwards no error of the health routes reaches the bot.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from typing import TYPE_CHECKING, Any

from diagnostics.errors import UsageProblem
from diagnostics.extras import explain_missing_extra
from diagnostics.gateway.listen_socket import address, listen
from diagnostics.gateway.log_limits import FloodLimit

if TYPE_CHECKING:
    from fastapi import FastAPI

TOKEN = "WADIAG_TOKEN"  # noqa: S105 - the name of a variable
_FLOOD_LIMIT = FloodLimit()  # one, so that a logger has it once however often somebody attaches
_CHATTY = ("uvicorn.error", "wadiag.access")  # loggers: a line for every start, end and request

# ruff: noqa: PLC0415 - what only an attached bot needs (FastAPI: half a second) is imported when one attaches


def attach(client: Any, *, session: str, token: str = "", host: str = "127.0.0.1", port: int = 3000) -> str:
    """Serve the health of a neonize bot from its own process, on a daemon thread.

    Call it before the client connects, with a `NewClient` or a `NewAClient`; the bot may register its handlers before
    or after.

    Args:
        session: the name under which the bot is asked: letters, digits and . _ -, at most 64.
        token: what callers must show as `Authorization: Bearer TOKEN`; by default the variable WADIAG_TOKEN.
        host: where to listen. Another than loopback can be reached by others.
        port: 0 takes a free one.

    Returns:
        The address ("http://127.0.0.1:3000").

    Raises:
        UsageProblem: no token, a name or an address that cannot be used, no client of neonize, or one that has
            connected already; or the package was installed without its extra "gateway".
    """
    try:
        listening = listen(host, port)
    except (OSError, OverflowError) as error:
        raise UsageProblem(
            f"the health routes cannot listen on {host}:{port} ({error}): name another port with attach(…, port=…)"
        ) from None
    try:
        app = health_app(client, session=session, token=token)
    except BaseException:
        listening.close()
        raise
    for logger in map(logging.getLogger, _CHATTY):
        if logger.level == logging.NOTSET:  # nobody has asked for them
            logger.setLevel(logging.WARNING)
    threading.Thread(target=_serve, args=(app, listening), name="wadiag health", daemon=True).start()
    return address(listening)


@explain_missing_extra()
def health_app(client: Any, *, session: str, token: str = "") -> FastAPI:
    """The same routes as an ASGI application, for a bot that serves HTTP itself: `app.mount("/wadiag", health_app(…))`.

    Arguments and errors are those of `attach`.
    """
    from diagnostics.gateway.access_tokens import Scope, Token, Tokens
    from diagnostics.gateway.attached.attached_bot import AttachedBot
    from diagnostics.gateway.contract import SESSION_NAME
    from diagnostics.gateway.gateway_settings import GatewaySettings
    from diagnostics.gateway.web.app import create_app

    if not re.fullmatch(SESSION_NAME, session):
        raise UsageProblem(f"the session's name {session!r} cannot be used: letters, digits and . _ -, at most 64")
    value = token or os.environ.get(TOKEN, "")
    if not value:
        raise UsageProblem(f"the health routes need a token: set {TOKEN}, or give attach(…, token=…)")
    try:
        tokens = Tokens((Token.of(session, value, Scope.READ),))
    except ValueError as problem:
        raise UsageProblem(f"the token for the health routes {problem}") from None
    return create_app(AttachedBot(client, session), settings=GatewaySettings(tokens=tokens))


def _serve(app: FastAPI, listening: socket.socket) -> None:
    from diagnostics.gateway.connection_limits import LimitedServer, server_config

    logging.getLogger("uvicorn.error").addFilter(_FLOOD_LIMIT)  # of the server's own lines only
    # The bot's logging stays as it is, and so do its signals: outside the main thread uvicorn does not touch them.
    LimitedServer(server_config(app)).run(sockets=[listening])
