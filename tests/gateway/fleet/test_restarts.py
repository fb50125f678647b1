"""A gateway's state: one owner, and everything is there again after a restart."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys

import pytest

from diagnostics.catalogue.reconnect import HELD
from diagnostics.errors import UsageProblem
from diagnostics.evidence.request import Request
from diagnostics.gateway.contract import AlreadyPaired, Interrupted, NoSuchSession, Phase, Stage
from diagnostics.gateway.fleet import client_stores
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Aspect, Mode
from diagnostics.neonize import lease
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import SCENARIOS, Event, Failure, Fault
from diagnostics.targets.neonize.look import StoreLooker
from diagnostics.testing import eventually
from tests.gateway.fleets import PATIENCE, link, new_fleet, place, until, view_when


async def test_sessions_and_messages_are_there_again_without_a_code(whatsapp_server, whatsapp_contact, tmp_path):
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        account = await link(fleet, whatsapp_server, "testing")
        sent = await fleet.send_text("testing", whatsapp_contact.jid, "hello", until=Stage.DELIVERED, deadline=PATIENCE)
        connected = (await fleet.look("testing")).last_connected

    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        assert (await fleet.look("testing")).last_connected == connected
        assert fleet.message("testing", sent.id) == sent
        view = await until(fleet, "testing", Phase.ONLINE)
        assert view.jid == account.devices[0]

        with pytest.raises(UsageProblem, match=f"another gateway owns .* \\(process {os.getpid()} on "):
            await new_fleet(tmp_path, whatsapp_server).start()

        target = StoreLooker(tmp_path / "sessions" / "testing.sqlite3", connect=True)
        [evidence] = [e async for e in target.look([Request("testing", frozenset(Aspect), 5.0)])]
        assert evidence.observations[Aspect.SOCKET].absence is Absence.HELD

        await fleet.log_out("testing")
        assert account.devices == ()
        assert fleet.names() == []
        with pytest.raises(NoSuchSession):
            await fleet.look("testing")

    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        assert fleet.names() == []
    assert not list((tmp_path / "sessions").glob("*.sqlite3"))


async def test_an_unlinked_session_is_remembered_with_its_cause(whatsapp_server, whatsapp_template, tmp_path):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "testing")
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        await until(fleet, "testing", Phase.ONLINE)
        account = sessions["testing"].account
        whatsapp_server.unlink(account, account.devices[0])
        before = await until(fleet, "testing", Phase.STOPPED)
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        view = await fleet.look("testing")
        assert (view.phase, view.last_disconnect) == (Phase.STOPPED, before.last_disconnect)
        assert view.reconnecting == before.reconnecting
        assert view.evidence.observations[Aspect.AUTHENTICATED].value is False


async def test_a_restart_tries_a_refused_version_once_more_and_waits_for_the_end_of_a_ban(
    whatsapp_server, whatsapp_template, tmp_path
):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "outdated", "banned")
    outdated, banned = sessions["outdated"].account, sessions["banned"].account
    whatsapp_server.apply(outdated, (Fault(Event.LOGIN, Failure(405)),))
    whatsapp_server.apply(banned, (Fault(Event.LOGIN, Failure(402, code=101, expire=3600)),))
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        await until(fleet, "outdated", Phase.STOPPED)
        await until(fleet, "banned", Phase.WAITING)

    whatsapp_server.apply(outdated, ())
    whatsapp_server.apply(banned, ())
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        await until(fleet, "outdated", Phase.ONLINE)
        view = await fleet.look("banned")
        assert (view.phase, view.reconnecting.code) == (Phase.WAITING, 402)
        assert judge(view.evidence, mode=Mode.STRICT, now=view.observed_at).root.cause == "temporarily-banned"


async def test_records_of_a_newer_version_are_left_alone(whatsapp_server, tmp_path):
    async with new_fleet(tmp_path, whatsapp_server):
        pass
    with sqlite3.connect(tmp_path / "records.sqlite3") as connection:
        connection.execute("UPDATE wadiag_meta SET value = '2'")
    connection.close()
    with pytest.raises(UsageProblem, match="are of version 2, and this wadiag knows versions up to 1"):
        await new_fleet(tmp_path, whatsapp_server).start()


async def test_a_state_that_cannot_be_kept_is_said(whatsapp_server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageProblem, match=r"cannot be kept in .*file: Not a directory"):
        await new_fleet(tmp_path / "file", whatsapp_server).start()


async def test_a_session_whose_store_was_deleted_is_not_linked_and_can_be_linked_again(
    whatsapp_server, whatsapp_template, tmp_path
):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "testing")
    sessions["testing"].store.unlink()
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        view = await until(fleet, "testing", Phase.PAIRING)
        assert judge(view.evidence, mode=Mode.STRICT, now=view.observed_at).root.cause == "not-paired"
        await link(fleet, whatsapp_server, "testing")


async def test_a_linked_store_that_no_record_knows_is_taken_over(whatsapp_server, whatsapp_template, tmp_path):
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        session = whatsapp_template.copy(whatsapp_server, tmp_path / "sessions" / "testing.sqlite3")
        with pytest.raises(AlreadyPaired):
            await fleet.qr("testing", deadline=PATIENCE)
        assert (await until(fleet, "testing", Phase.ONLINE)).jid == session.account.devices[0]


async def test_a_session_that_a_diagnosis_holds_waits_for_it(whatsapp_server, whatsapp_template, tmp_path, monkeypatch):
    monkeypatch.setattr(client_stores, "HELD", 0.1)
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "testing")
    with lease.acquire(sessions["testing"].store, recent=0):
        async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.0) as fleet:
            view = await view_when(fleet, "testing", lambda view: view.reconnecting.name == HELD)
            assert judge(view.evidence, mode=Mode.STRICT, now=view.observed_at).root.cause == "held-elsewhere"
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        await until(fleet, "testing", Phase.ONLINE)


GATEWAY = """
import asyncio, sys
from pathlib import Path
from diagnostics.gateway.contract import Phase
from diagnostics.gateway.fleet.fleet import Fleet

async def main():
    async with Fleet(Path(sys.argv[1])) as fleet:
        changes = fleet.changes()
        while (await fleet.look("testing")).phase is not Phase.ONLINE:
            await anext(changes)
        print("online", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_gateway_that_was_killed_is_followed_by_another_at_once(whatsapp_server, whatsapp_template, tmp_path):
    await place(tmp_path, whatsapp_server, whatsapp_template, "testing")
    env = environment(whatsapp_server.bot_environment())
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GATEWAY, tmp_path, env=env, stdout=asyncio.subprocess.PIPE
    )
    assert await gateway.stdout.readline() == b"online\n"
    with pytest.raises(UsageProblem, match=rf"another gateway owns .* \(process {gateway.pid} on "):
        await new_fleet(tmp_path, whatsapp_server).start()
    gateway.kill()
    await gateway.wait()
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        await until(fleet, "testing", Phase.ONLINE)


async def test_closing_does_not_wait_for_a_message_that_nobody_acknowledges(
    whatsapp_server, whatsapp_template, whatsapp_contact, tmp_path
):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "testing")
    whatsapp_server.apply(sessions["testing"].account, SCENARIOS["ack-lost"].faults)
    fleet = new_fleet(tmp_path, whatsapp_server)
    await fleet.start()
    await until(fleet, "testing", Phase.ONLINE)
    hello = fleet.send_text("testing", whatsapp_contact.jid, "hello", until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
    sending = asyncio.create_task(hello)
    account = sessions["testing"].account
    assert await asyncio.to_thread(eventually, lambda: account.messages)
    await fleet.close(drain=0.1)
    with pytest.raises(Interrupted):
        await sending
