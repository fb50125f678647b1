"""The questions of a round trip: what a client asks the server to see whether it answers. They change nothing.

One question decides nothing, because the server may be slow or refuse in one of its services only. So two of different
kinds are asked at once: the block list, which has no arguments and is short, and the own account's devices (`usync`),
which every client asks for the recipient before it sends. The groups are asked for only if one of these fails, because
their answer can be long. Privacy settings and devices of others are answered from a cache, and keepalive pings cannot
be asked for.

Nothing here imports neonize: the worker and a bot's process, which use this, have imported it already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

PEOPLE = "people"  # what must be answered before a message can be sent
FIRST = ("blocklist", PEOPLE)
MORE = ("groups",)
KINDS = FIRST + MORE
_FIRST_SHARE = 0.5  # of the limit, after which more is asked

Answers = dict[str, dict[str, Any]]


def call(client: Any, kind: str) -> Any:
    """Ask the client's question of this kind: an awaitable for an asynchronous client, else the answer."""
    if kind == PEOPLE:
        own = client.me.JID
        jid = type(own)(User=own.User, RawAgent=0, Device=0, Integrator=0, Server=own.Server, IsEmpty=False)
        return client.get_user_info(jid)
    return client.get_blocklist() if kind == "blocklist" else client.get_joined_groups()


def _enough(answers: Answers) -> bool:
    """Whether a further answer would change nothing: what counts was answered, and another kind, too."""
    took = {kind for kind, answer in answers.items() if "took" in answer}
    return PEOPLE in took and len(took) > 1


async def ask(question: Callable[[str], Awaitable[Any]], limit: float) -> Answers:
    """Ask the server.

    Args:
        question: asks one of `KINDS`. If it does not end, it is left alone.
        limit: seconds for all questions.

    Returns:
        For each kind that was answered {"took": seconds}, or {"error": text} if it was refused or failed.
    """
    answers: Answers = {}

    async def one(kind: str) -> None:
        since = time.monotonic()
        try:
            await question(kind)
        except TimeoutError:  # the caller's own
            return
        except Exception as error:  # noqa: BLE001 - the client's exception is the answer
            answers[kind] = {"error": str(error) or type(error).__name__}
        else:
            answers[kind] = {"took": time.monotonic() - since}

    until = time.monotonic() + limit
    asked = [asyncio.create_task(one(kind)) for kind in FIRST]
    await asyncio.wait(asked, timeout=limit * _FIRST_SHARE)
    if not all("took" in answers.get(kind, {}) for kind in FIRST):
        waiting = {task for task in asked if not task.done()} | {asyncio.create_task(one(kind)) for kind in MORE}
        while waiting and not _enough(answers) and time.monotonic() < until:
            left = until - time.monotonic()
            _, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    return dict(answers)
