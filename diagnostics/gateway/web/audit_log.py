"""Who did what: one line in the log for each action on a session, over the API or on the status page.

The line has the token's name, the action and the session, masked where its name looks like a phone number. Who may do
something and what became of it is in the access log ("wadiag.access").
"""

from __future__ import annotations

import logging
from enum import StrEnum

from diagnostics.gateway.access_tokens import Token
from diagnostics.redact import redact

_log = logging.getLogger("wadiag.gateway")


class Action(StrEnum):
    """What a token's holder can do to a session."""

    LINK = "link"
    SEND = "send"
    RECONNECT = "reconnect"
    LOG_OUT = "log out"


def note_action(token: Token, action: Action, session: str) -> None:
    """Log that the holder of `token` asked for `action`."""
    _log.info("token '%s': %s, session '%s'", token.name, action, redact(session))
