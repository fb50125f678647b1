"""What the gateway knows by itself: its own last messages, its stores as they are, whether its state can be written."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from contextlib import contextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from diagnostics.gateway.fleet import session_observer, state_watch
from diagnostics.gateway.web.app import create_app
from diagnostics.simulator import Event, Fault, Refusal
from tests.gateway.fleets import PATIENCE
from tests.gateway.web.test_gateway import SETTINGS, client, gateway_with

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(whatsapp_server, whatsapp_template, tmp_path_factory):
    names = ["refused", "failing", "truncated", "deleted", "dropped", "well"]
    state = tmp_path_factory.mktemp("gateway")
    async with gateway_with(state, whatsapp_server, whatsapp_template, *names) as gateway:
        yield gateway


async def health(gateway, name):
    """Status, and the causes found."""
    answer = await gateway.get(f"/whatsapp/health/{name}")
    return answer.status_code, [each["cause"] for each in answer.json()["findings"]]


# Own messages


@pytest.mark.parametrize(
    ("name", "fault", "expected"),
    [
        ("refused", Fault(Event.MESSAGE, Refusal(463)), "reachout-timelock"),
        ("failing", Fault(Event.QUESTION, Refusal(500), only="usync"), "questions-refused"),
    ],
)
async def test_own_messages_that_fail_are_said_and_one_success_clears_them(gateway, name, fault, expected):
    assert await health(gateway, name) == (200, [])
    gateway.server.apply(gateway.owners[name], [fault])
    assert (await gateway.send(name)).status_code in (422, 503)
    assert await health(gateway, name) == (200, ["sends-failing"])
    assert (await gateway.send(name)).status_code in (422, 503)  # it is tried: only a success can clear it
    assert await health(gateway, name) == (503, [expected])
    metrics = (await gateway.get("/metrics")).text
    assert f'wadiag_session_verdict{{session="{name}",verdict="unhealthy"}} 1.0' in metrics

    gateway.server.apply(gateway.owners[name], ())
    answer = await gateway.send(name)
    assert answer.status_code == 200
    assert [each["cause"] for each in answer.json()["warnings"]] == [expected]
    assert await health(gateway, name) == (200, [])


async def test_a_message_that_failed_is_an_event(gateway):
    changes = gateway.fleet.changes()
    gateway.server.apply(gateway.owners["refused"], [Fault(Event.MESSAGE, Refusal(479))])
    ticket = (await gateway.send("refused")).json()["ticket"]
    async with asyncio.timeout(PATIENCE):
        while (change := await anext(changes)).name != "message" or ticket not in change.detail:
            pass  # of a message before it
    assert change.detail == f"{ticket} failed"
    gateway.server.apply(gateway.owners["refused"], ())
    assert (await gateway.send("refused")).status_code == 200


# The store, while the client is online


async def test_a_store_that_is_truncated_meanwhile_is_said(gateway, monkeypatch):
    monkeypatch.setattr(session_observer, "STORE", 0.0)
    assert await health(gateway, "truncated") == (200, [])
    store = gateway.fleet._dependencies.stores.path("truncated")
    os.truncate(store, store.stat().st_size // 2)
    assert await health(gateway, "truncated") == (503, ["store-damaged"])
    os.truncate(store, 0)
    status, causes = await health(gateway, "truncated")
    assert (status, causes[:1]) == (503, ["not-paired"])


@pytest.mark.parametrize(
    ("name", "harm", "cause"),
    [
        ("deleted", "DELETE FROM whatsmeow_device", "not-paired"),
        ("dropped", "DROP TABLE whatsmeow_sessions", "store-damaged"),
    ],
)
async def test_a_device_or_a_table_that_is_gone_from_the_store_is_said(gateway, monkeypatch, name, harm, cause):
    monkeypatch.setattr(session_observer, "STORE", 0.0)
    assert await health(gateway, name) == (200, [])
    with sqlite3.connect(gateway.fleet._dependencies.stores.path(name)) as connection:
        connection.execute(harm)
    connection.close()
    assert await health(gateway, name) == (503, [cause])


# The state


@contextmanager
def a_full_disk(monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(state_watch, "_write_and_remove", full)
        yield


async def test_a_full_disk_is_said_everywhere_and_sends_nothing(gateway, monkeypatch):
    watch, changes = gateway.fleet._state_watch, gateway.fleet.changes()
    with a_full_disk(monkeypatch):
        await watch.check()
        assert (await anext(changes)).detail == "unwritable: No space left on device"
        assert await health(gateway, "well") == (503, ["state-unwritable"])
        ready = await gateway.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "state-unwritable")
        assert "No space left on device" in ready.json()["detail"]
        metrics = (await gateway.get("/metrics")).text
        assert "wadiag_state_writable 0.0" in metrics
        assert 'wadiag_session_verdict{session="well",verdict="unhealthy"} 1.0' in metrics
        for answer in (
            await gateway.send("well", key="ORDER-1"),
            await gateway.get("/whatsapp/qr-image/another"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "state-unwritable")
            assert "No space left on device" in answer.json()["detail"]
        assert gateway.fleet.names().count("another") == 0
        in_database = create_app(
            gateway.fleet,
            settings=replace(SETTINGS, dsn="postgresql://127.0.0.1/gateway"),
            sessions=gateway.fleet,
            answers=gateway.fleet.records,
        )
        async with client(in_database) as http:  # whose words may name a host and a user
            answer = (await http.get("/readyz")).json()
        assert (answer["code"], "No space left" in str(answer)) == ("state-unwritable", False)
    await watch.check()
    assert (await anext(changes)).detail == "writable"
    assert (await gateway.get("/readyz")).status_code == 200
    assert (await gateway.send("well", key="ORDER-1")).status_code == 200
