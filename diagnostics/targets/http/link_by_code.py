"""Link a session through a product that shows codes: it shows one, somebody scans it, and the product says when."""

from __future__ import annotations

import asyncio
import time

from diagnostics.errors import TargetProblem
from diagnostics.targets.base import Pairing
from diagnostics.targets.http.dialect import Dialect
from diagnostics.targets.http.transport import Transport

_PAUSE = 1.0  # s between two questions; products answer from memory
_WAIT = 10.0  # s that a product may wait for WhatsApp's first code


async def link(dialect: Dialect, transport: Transport, session: str, pairing: Pairing) -> bool:
    """Have the product make and link a session. Returns once it says that it is linked.

    Returns:
        False where it was linked before anything was shown.

    Raises:
        NoAnswer: the product cannot be asked, or refuses.
        TargetProblem: nobody scanned a code in time.
    """
    until = time.monotonic() + pairing.deadline
    shown = ""
    try:
        async with asyncio.timeout(pairing.deadline):
            while True:
                wait = max(1.0, min(_WAIT, until - time.monotonic()))
                typed = bool(pairing.phone and shown)  # a code to type is asked for once, then the session is watched
                code = await transport.carry_out(dialect.code(session, "" if typed else pairing.phone, wait))
                if code is None:
                    return bool(shown)
                if code and code != shown and not typed:
                    pairing.show(code)
                    shown = code
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise TargetProblem("no code was scanned in time" if shown else "the gateway showed no code in time") from None
