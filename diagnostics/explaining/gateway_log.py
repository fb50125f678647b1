"""What the log of `wadiag serve` says: which losses still stand at its end. Pure.

Theory of operation. The gateway writes one line for each event of a session, in the wording of
`gateway.fleet.session_log`. A loss stands until the same session is online again, linked, reconnected or deleted, so a
log that ends with every session online speaks of no failure at all. Everything else that the gateway and its access log
write is its normal business: these lines are blanked, because words in them ("status=503", "never") mean other things
elsewhere. What remains of a loss without a code is the client's own words, which the other signs may know better.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnostics.catalogue import reconnect_for

SOURCE = "wadiag serve"

# Levels and loggers as `wadiag serve` writes them, after any time that a supervisor may have put before.
_OURS = re.compile(r"\b(?:DEBUG|INFO|WARNING|ERROR) wadiag\.(?:gateway|access) (.*)\Z")
_SESSION = re.compile(r"session '([^']{1,64})': (.*)\Z")
_LOST = re.compile(r'lost: code=(-|\d{1,4}) reason="([^"]{0,300})" rule=([\w-]{1,64})\Z')
_OVER = ("online", "logged out and deleted", "linking begun")  # what ends a loss, as a line begins


@dataclass(frozen=True, slots=True)
class StandingLoss:
    """A loss that nothing in the log ended.

    Attributes:
        line: its number, from 0.
        cause: id of the catalogue.
        code: WhatsApp's code, "" where none came.
        session: as the log has it, masked where it looks like a phone number.
    """

    line: int
    cause: str
    code: str
    session: str


def read_gateway_log(lines: list[str]) -> tuple[list[StandingLoss], list[str]]:
    """Find the gateway's own lines in a pasted text.

    Args:
        lines: of the text.

    Returns:
        The losses that still stand, in the order of the lines; and the lines again, the gateway's own ones blanked. Of
        a standing loss without a code, the client's reason remains.

    >>> log = ["INFO wadiag.gateway session 'a': online"]
    >>> read_gateway_log(log)
    ([], [''])
    """
    standing: dict[str, tuple[StandingLoss, str]] = {}
    remaining = list(lines)
    for number, line in enumerate(lines):
        if (ours := _OURS.search(line)) is None:
            continue
        remaining[number] = ""
        if (said := _SESSION.match(ours[1])) is None:
            continue
        session, event = said[1], said[2]
        if (lost := _LOST.match(event)) is not None:
            code = "" if lost[1] == "-" else lost[1]
            cause = reconnect_for(int(code) if code else None, lost[3]).cause
            standing[session] = StandingLoss(number, cause, code, session), "" if code else lost[2]
        elif event.startswith(_OVER):
            standing.pop(session, None)
    for loss, reason in standing.values():
        remaining[loss.line] = reason
    return sorted((loss for loss, _ in standing.values()), key=lambda loss: loss.line), remaining
