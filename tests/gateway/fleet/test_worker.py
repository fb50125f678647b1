"""The worker of all sessions dies or hangs: who waits is told, the sessions come back, nothing is sent twice."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
import pytest_asyncio

from diagnostics.gateway.contract import Interrupted, Phase, Stage
from diagnostics.gateway.fleet import worker_supervisor
from diagnostics.gateway.fleet.dependencies import Timing
from diagnostics.model import Absence, Aspect
from diagnostics.simulator import Event, Fault, Silence
from diagnostics.testing import eventually
from tests.gateway.fleets import PATIENCE, new_fleet, place, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def online(whatsapp_server, whatsapp_template, tmp_path_factory):
    """A fleet that looks after its worker closely, and two sessions."""
    state = tmp_path_factory.mktemp("gateway")
    sessions = await place(state, whatsapp_server, whatsapp_template, "a", "b")
    async with new_fleet(state, whatsapp_server, timing=Timing(watching=0.1, hanging=0.5)) as fleet:
        yield fleet, sessions


async def test_a_killed_worker_interrupts_a_message_which_is_not_sent_again(online, whatsapp_server, whatsapp_contact):
    fleet, sessions = online
    for name in sessions:
        await until(fleet, name, Phase.ONLINE)
    account = sessions["a"].account
    whatsapp_server.apply(account, [Fault(Event.MESSAGE, Silence())])
    hello = fleet.send_text("a", whatsapp_contact.jid, "hello", until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
    sending = asyncio.create_task(hello)
    assert await asyncio.to_thread(eventually, lambda: account.messages)
    killed = fleet._workers.shared.pid
    os.kill(killed, signal.SIGKILL)

    with pytest.raises(Interrupted, match="died of SIGKILL") as interrupted:
        await sending
    assert interrupted.value.retry_after > 0
    assert "SIGKILL" in fleet.ready()
    seen = (await fleet.look("a")).evidence.observations[Aspect.SOCKET]
    assert seen.absence is Absence.CRASHED
    with pytest.raises(Interrupted):
        await fleet.send_text("b", whatsapp_contact.jid, "hello", until=Stage.ACCEPTED, deadline=1)

    whatsapp_server.apply(account, ())
    for name in sessions:
        await until(fleet, name, Phase.ONLINE)
    assert fleet.ready() == ""
    assert fleet._workers.shared.pid != killed
    sent = await fleet.send_text("a", whatsapp_contact.jid, "again", until=Stage.DELIVERED, deadline=PATIENCE)
    assert sent.stage is Stage.DELIVERED
    assert whatsapp_contact.texts == ("hello", "again")


async def test_a_worker_that_hangs_is_replaced(online):
    fleet, sessions = online
    for name in sessions:
        await until(fleet, name, Phase.ONLINE)
    changes = fleet.changes()
    os.kill(fleet._workers.shared.pid, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE):
        async for change in changes:
            if change.detail == Phase.CONNECTING:
                break
    assert fleet.ready() == "the worker did not answer within 0.5 s"
    for name in sessions:
        assert (await until(fleet, name, Phase.ONLINE)).jid


async def test_a_worker_is_replaced_before_clients_that_nobody_linked_take_all_its_threads(online, monkeypatch):
    fleet, sessions = online
    for name in sessions:
        await until(fleet, name, Phase.ONLINE)
    before = fleet._workers.shared.pid
    monkeypatch.setattr(worker_supervisor, "KEPT", 2)
    for name in ("x", "y"):
        await fleet.qr(name, deadline=PATIENCE)
        assert fleet._workers.shared.pid == before
        await fleet.log_out(name)
    assert await asyncio.to_thread(eventually, lambda: fleet._workers.shared.pid not in (before, None))
    for name in sessions:
        await until(fleet, name, Phase.ONLINE)
