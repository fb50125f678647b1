"""A gateway whose records and devices live in a PostgreSQL database."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from diagnostics.errors import UsageProblem
from diagnostics.gateway.contract import Interrupted, Phase, Stage
from diagnostics.gateway.fleet import session_observer, state_owner
from diagnostics.judging.judge import judge
from diagnostics.model import Mode, Verdict
from tests.gateway.fleets import PATIENCE, link, new_fleet, until


async def test_two_sessions_share_a_database_and_come_back_without_a_code(
    whatsapp_server, whatsapp_contact, postgres, tmp_path, monkeypatch
):
    monkeypatch.setattr(session_observer, "STORE", 0.0)
    server, dsn = whatsapp_server, postgres.database("gateway")
    async with new_fleet(tmp_path, server, dsn=dsn) as fleet:
        accounts = {name: await link(fleet, server, name) for name in ("a", "b")}

    async with new_fleet(tmp_path, server, dsn=dsn) as fleet:
        for name, account in accounts.items():
            view = await until(fleet, name, Phase.ONLINE)
            assert view.jid == account.devices[0]
            assert judge(view.evidence, mode=Mode.STRICT, now=datetime.now(UTC)).verdict is Verdict.HEALTHY
            sent = await fleet.send_text(name, whatsapp_contact.jid, name, until=Stage.DELIVERED, deadline=PATIENCE)
            assert sent.stage is Stage.DELIVERED
        with pytest.raises(UsageProblem, match=r"another gateway owns the database .* \(wadiag, process \d+ on "):
            await new_fleet(tmp_path, server, dsn=dsn).start()

        with psycopg.connect(dsn) as connection:
            connection.execute("ALTER TABLE whatsmeow_sessions RENAME TO elsewhere")
        view = await fleet.look("a")
        damaged = judge(view.evidence, mode=Mode.STRICT, now=datetime.now(UTC)).root
        assert damaged.cause == "store-damaged"
        assert "whatsmeow_sessions" in damaged.claim
        with psycopg.connect(dsn) as connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO whatsmeow_sessions")

        await fleet.log_out("a")
        with psycopg.connect(dsn) as connection:
            devices = connection.execute("SELECT jid FROM whatsmeow_device").fetchall()
        assert devices == [(accounts["b"].devices[0],)]

        server.unlink(accounts["b"], accounts["b"].devices[0])
        view = await until(fleet, "b", Phase.STOPPED)
        assert judge(view.evidence, mode=Mode.STRICT, now=datetime.now(UTC)).root.cause == "device-removed"
        account = await link(fleet, server, "b")
        assert (await fleet.look("b")).jid == account.devices[0]
    assert list(tmp_path.iterdir()) == []


async def test_a_gateway_that_lost_its_database_connection_closes_its_sessions(
    whatsapp_server, postgres, tmp_path, monkeypatch
):
    monkeypatch.setattr(state_owner, "WATCHING", 0.05)
    dsn = postgres.database("lost")
    async with new_fleet(tmp_path, whatsapp_server, dsn=dsn) as fleet:
        await link(fleet, whatsapp_server, "testing")
        changes = fleet.changes()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        async for change in changes:
            if change.detail == Phase.STOPPED:
                break
        assert "the connection to the gateway's database was lost" in fleet.ready()
        with pytest.raises(Interrupted):
            await fleet.qr("another", deadline=PATIENCE)


@pytest.mark.parametrize(
    "dsn", ["secret", "mysql://wadiag:secret@127.0.0.1/gateway", "postgresql://wadiag:secret@127.0.0.1:9/x"]
)
async def test_an_unusable_database_is_refused_without_its_password(whatsapp_server, tmp_path, dsn):
    with pytest.raises(UsageProblem, match=r"the gateway's (database|records)") as refused:
        await new_fleet(tmp_path, whatsapp_server, dsn=dsn).start()
    assert "secret" not in str(refused.value)
