"""Server-sent events, up to what FastAPI encodes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from diagnostics.gateway.contract import Change
from diagnostics.gateway.web.event_stream import stream

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def changes(*known: Change, more: asyncio.Event | None = None) -> AsyncIterator[Change]:
    for change in known:
        yield change
    if more is not None:
        await more.wait()


async def test_each_change_is_an_event_with_its_time_as_id_and_no_number():
    known = (Change("testing", "phase", "online", AT), Change("628123456789", "message", "3EB0A1 delivered", AT))
    first, *sent = [each async for each in stream(changes(*known), asyncio.Event())]
    assert first.comment == "changes from now on"
    assert [(each.id, each.event, each.data.model_dump(mode="json")) for each in sent] == [
        (AT.isoformat(), "phase", {"session": "testing", "detail": "online", "at": AT.isoformat()}),
        (
            AT.isoformat(),
            "message",
            {"session": "628•••••••89", "detail": "3EB0A1 delivered", "at": AT.isoformat()},
        ),
    ]


async def test_a_silent_stream_ends_when_the_process_does():
    ending = asyncio.Event()
    heard = []
    async for each in stream(changes(more=asyncio.Event()), ending):
        heard.append(each)
        ending.set()
    assert len(heard) == 1
