"""Link a session of a gateway: it shows the code, somebody scans it, and the gateway says when that has happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

from diagnostics.errors import TargetProblem
from diagnostics.targets.gateway.asking import Answer, Gateway, NoAnswer

_PAUSE = 1.0  # s between two questions; the gateway answers from memory
_WAIT = 10.0  # s that the gateway may wait for WhatsApp's first code
_PAIRED = "already-paired"
_LATER = frozenset({"no-code-yet", "interrupted", "not-ready"})  # problems that pass


class AlreadyPaired(TargetProblem):
    """The session is linked to a phone, and was before anything was shown."""


async def pair(
    gateway: Gateway, session: str, *, show: Callable[[str], None], deadline: float, phone: str = ""
) -> None:
    """Have the gateway make and link a session. Returns once it says that it is linked.

    Args:
        show: called with each QR code as it appears. It is a credential: whoever scans it owns the session.
        deadline: seconds for all of it.
        phone: a number in digits; then `show` is called once, with the code ("ABCD-EFGH") to type into that phone.

    Raises:
        AlreadyPaired: there is nothing to link.
        NoAnswer, TargetProblem: the gateway cannot be asked, or refuses.
    """
    until = time.monotonic() + deadline
    shown = ""
    name = quote(session, safe="")
    try:
        async with asyncio.timeout(deadline):
            while True:
                wait = {"deadline": f"{max(1.0, min(_WAIT, until - time.monotonic())):.1f}"}
                if phone and not shown:
                    path = f"/whatsapp/pair-code/{name}"
                    answer = await gateway.ask("POST", path, params=wait, json={"phone": f"+{phone}"})
                else:
                    answer = await gateway.ask("GET", f"/whatsapp/qr-image/{name}", params=wait)
                if answer.status == 409 and answer.code == _PAIRED:
                    break
                code = _code(answer, "code" if phone and not shown else "qr")
                if code and code != shown and not (phone and shown):
                    show(code)
                    shown = code
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise TargetProblem("no code was scanned in time" if shown else "the gateway showed no code in time") from None
    if not shown:
        raise AlreadyPaired(answer.words)


def _code(answer: Answer, member: str) -> str:
    """The code in an answer, "" where there is none yet."""
    code = answer.text(member)
    if answer.ok and 0 < len(code) < 1000 and code.isascii() and code.isprintable():
        return code
    if answer.code in _LATER:
        return ""
    raise NoAnswer(f"{answer.asked} was answered {answer.status} ({answer.words or 'without a code'})")
