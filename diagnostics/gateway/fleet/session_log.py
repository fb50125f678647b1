"""What the gateway's log (logger "wadiag.gateway") says about one session, one line for each event.

The wording is stable: `wadiag explain` reads these lines again (`diagnostics.explaining.gateway_log`), and people grep
for them. No line holds a QR or pairing code, a phone number or a text: names and accounts are masked here already, not
only by the handler.
"""

from __future__ import annotations

import logging
import re

from diagnostics.catalogue import Reconnect
from diagnostics.model import Disconnect
from diagnostics.redact import printable, redact

_REASON = 200  # characters of the client's own words that are logged
_NAME = 64  # of the name of a rule

_log = logging.getLogger("wadiag.gateway")


class SessionLog:
    """The log lines of one session."""

    def __init__(self, name: str) -> None:
        self._who = f"session '{redact(name)}'"

    def linking_begun(self) -> None:
        _log.info("%s: linking begun", self._who)

    def code_shown(self, number: int) -> None:
        """A QR code can be fetched; `number` counts those of this connection. The code itself is a credential."""
        _log.info("%s: QR code %d shown", self._who, number)

    def linking_ended(self, why: str) -> None:
        _log.info("%s: linking ended without a phone: %s", self._who, printable(redact(why), _REASON))

    def linked(self, jid: str) -> None:
        _log.info("%s: linked to %s", self._who, redact(jid))

    def connecting(self) -> None:
        _log.info("%s: connecting", self._who)

    def online(self) -> None:
        _log.info("%s: online", self._who)

    def lost(self, lost: Disconnect, rule: Reconnect) -> None:
        """The connection was lost or refused; `rule` is the reconnect table's row for it."""
        code = "-" if lost.code is None else str(lost.code)
        reason = printable(redact(lost.reason), _REASON).replace('"', "'")
        _log.warning('%s: lost: code=%s reason="%s" rule=%s', self._who, code, reason, _name(rule))

    def suspected(self, doing: str) -> None:
        """The worker died while the session's client did this, so it is tried apart from the others."""
        _log.warning("%s: the worker died while this session was at %s: it is tried apart", self._who, doing)

    def held(self, why: str, rule: Reconnect) -> None:
        """Another process holds the session, so no client is opened here."""
        _log.warning('%s: lost: code=- reason="%s" rule=%s', self._who, printable(redact(why), _REASON), rule.name)

    def reconnecting(self, delay: float, attempt: int, rule: Reconnect) -> None:
        """The gateway connects again after `delay` seconds; `attempt` counts from 1 since the last stable login."""
        _log.info("%s: reconnecting in %.1f s, attempt %d (%s)", self._who, delay, attempt, rule.action)

    def client_reconnects(self, attempt: int) -> None:
        """The client connects again by itself."""
        _log.info("%s: the client reconnects by itself, attempt %d", self._who, attempt)

    def gave_up(self, rule: Reconnect) -> None:
        _log.warning("%s: gave up: rule=%s (%s): %s", self._who, _name(rule), rule.action, rule.why())

    def deleted(self) -> None:
        _log.info("%s: logged out and deleted", self._who)

    def failed(self) -> None:
        """An exception that nobody expected ended the session; call it while the exception is being handled."""
        _log.exception("%s: ended by a fault of the gateway", self._who)


def _name(rule: Reconnect) -> str:
    """The rule's name as one word. For a code that the table does not have, it comes from the server."""
    return re.sub(r"[^\w-]+", "-", redact(rule.name))[:_NAME]
