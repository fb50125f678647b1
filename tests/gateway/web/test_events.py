"""Server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from diagnostics.gateway.contract import Change
from diagnostics.gateway.web.session_routes import stream

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def changes(*known: Change, more: asyncio.Event | None = None) -> AsyncIterator[Change]:
    for change in known:
        yield change
    if more is not None:
        await more.wait()


def event(name: str, data: dict[str, str]) -> str:
    return f"id: 2026-11-22T12:00:00+00:00\nevent: {name}\ndata: {json.dumps(data)}\n\n"


async def test_each_change_is_an_event_with_its_time_as_id_and_no_number():
    known = (Change("testing", "phase", "online", AT), Change("628123456789", "message", "3EB0A1 delivered", AT))
    sent = [each.decode() async for each in stream(changes(*known), asyncio.Event())]
    assert sent == [
        ": changes from now on\n\n",
        event("phase", {"session": "testing", "detail": "online", "at": AT.isoformat()}),
        event("message", {"session": "628•••••••89", "detail": "3EB0A1 delivered", "at": AT.isoformat()}),
    ]


async def test_a_silent_stream_is_kept_open_by_comments_and_ends_when_the_process_does():
    ending = asyncio.Event()
    heard = []
    async for each in stream(changes(more=asyncio.Event()), ending, heartbeat=0.01):
        heard.append(each)
        if len(heard) == 3:
            ending.set()
    assert heard[:3] == [b": changes from now on\n\n", b": still here\n\n", b": still here\n\n"]
