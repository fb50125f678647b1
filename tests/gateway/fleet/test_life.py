"""A gateway's state: one owner, and everything is there again behind a restart."""

from __future__ import annotations

import os
import sqlite3

import pytest

from diagnostics.errors import UsageProblem
from diagnostics.gateway.contract import NoSuchSession, Phase, Stage
from diagnostics.model import Absence, Aspect
from diagnostics.targets.base import Request
from diagnostics.targets.neonize.look import NeonizeTarget
from tests.gateway.fleets import PATIENCE, link, new_fleet, place, until


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

        target = NeonizeTarget(tmp_path / "sessions" / "testing.sqlite3", connect=True)
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
