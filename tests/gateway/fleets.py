"""Fleets for tests: against the simulator, with sessions that are linked already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagnostics.gateway.contract import Phase, SessionView
from diagnostics.gateway.fleet.dependencies import Timing
from diagnostics.gateway.fleet.fleet import Fleet
from diagnostics.gateway.fleet.records import Record, Records
from diagnostics.neonize.store import read_store
from diagnostics.simulator import WhatsAppServer
from diagnostics.testing.sessions import PairedSession, Template

PATIENCE = 20.0  # s for what takes 0.3 s on an idle machine


def new_fleet(state: Path, server: WhatsAppServer, **more: Any) -> Fleet:
    """A fleet whose clients log in to the simulator, not started."""
    return Fleet(state, **{"environ": server.bot_environment(), "fast_stores": True, "timing": Timing(), **more})


async def place(state: Path, server: WhatsAppServer, template: Template, *names: str) -> dict[str, PairedSession]:
    """Linked sessions for the next fleet on this state directory, as if an earlier one had paired them."""
    (state / "sessions").mkdir(parents=True, exist_ok=True)
    records = Records(f"sqlite:///{state / 'records.sqlite3'}")
    await records.open()
    sessions = {name: template.copy(server, state / "sessions" / f"{name}.sqlite3") for name in names}
    for name, session in sessions.items():
        jid = read_store(session.store, name).jid
        records.keep(Record(name, datetime.now(UTC), jid=jid, should_run=True))
    await records.flush()
    await records.close()
    return sessions


async def view_when(fleet: Fleet, session: str, holds: Callable[[SessionView], bool]) -> SessionView:
    """The session, as soon as it is like that."""
    changes = fleet.changes()
    async with asyncio.timeout(PATIENCE):
        while not holds(view := await fleet.look(session)):
            await anext(changes)
    return view


async def until(fleet: Fleet, session: str, phase: Phase) -> SessionView:
    """The session, as soon as it is in this phase."""
    return await view_when(fleet, session, lambda view: view.phase is phase)


async def link(fleet: Fleet, server: WhatsAppServer, session: str) -> Any:
    """Pair a session by its QR code; the account that it is linked to."""
    account = server.add_account()
    code = await fleet.qr(session, deadline=PATIENCE)
    online = asyncio.create_task(until(fleet, session, Phase.ONLINE))
    server.scan(code.text, account)
    await online
    return account
