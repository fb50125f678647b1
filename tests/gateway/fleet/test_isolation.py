"""One session whose client crashes: it is tried apart and named, and the others stay."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from diagnostics.catalogue.reconnect import CLIENT_CRASHES
from diagnostics.gateway.contract import Interrupted, NotConnected, Phase, Stage
from diagnostics.gateway.fleet import worker_isolation
from diagnostics.gateway.fleet.worker_supervisor import LOGIN
from diagnostics.judging.judge import judge
from diagnostics.model import Mode, Severity
from diagnostics.simulator import Empty, Event, Failure, Fault, Silence
from diagnostics.testing import eventually
from tests.gateway.fleets import PATIENCE, new_fleet, place, until, view_when

CRASHES = Fault(Event.LOGIN, Failure(413))
NO_HOSTS = Fault(Event.QUESTION, Empty(), only="w:m")


def picture():
    png = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(png, "PNG")
    return png.getvalue()


def root(view):
    return judge(view.evidence, mode=Mode.PERMISSIVE, now=view.observed_at).root


async def crashed_alone(fleet, name, times=1):
    """The session, after its client has crashed so often in a worker of its own."""
    changes = fleet.changes()
    async with asyncio.timeout(PATIENCE):
        while fleet._workers.crashes(name) < times:
            await anext(changes)
    return await view_when(fleet, name, lambda view: view.reconnecting.name == CLIENT_CRASHES)


@pytest.mark.parametrize("reason", [413, 414])
async def test_a_crash_at_the_login_is_named_and_ends_the_others_once(
    whatsapp_server, whatsapp_template, whatsapp_contact, tmp_path, reason
):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "ill", "a", "b", "c")
    async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.1) as fleet:
        for name in sessions:
            await until(fleet, name, Phase.ONLINE)
        whatsapp_server.apply(sessions["ill"].account, [Fault(Event.LOGIN, Failure(reason))])
        await fleet.reconnect("ill")
        ill = await crashed_alone(fleet, "ill", times=3)
        assert (root(ill).check, root(ill).cause) == ("connection.accepted", "client-crashes")
        assert root(ill).severity is Severity.CRITICAL
        assert "SIGABRT" in root(ill).claim
        with pytest.raises(NotConnected):
            await fleet.send_text("ill", whatsapp_contact.jid, "hello", until=Stage.ACCEPTED, deadline=0)
        for name in ("a", "b", "c"):
            await until(fleet, name, Phase.ONLINE)
            sent = await fleet.send_text(name, whatsapp_contact.jid, name, until=Stage.DELIVERED, deadline=PATIENCE)
            assert sent.stage is Stage.DELIVERED
        assert fleet.ready() == ""
        assert fleet._workers.shared.restarts == 1


async def test_of_many_that_were_busy_only_the_one_that_logged_in_is_suspected(
    whatsapp_server, whatsapp_template, whatsapp_contact, tmp_path
):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "ill", "a", "b", "c", "d")
    busy = [name for name in sessions if name != "ill"]
    async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.1) as fleet:
        for name in sessions:
            await until(fleet, name, Phase.ONLINE)
        for name in busy:
            whatsapp_server.apply(sessions[name].account, [Fault(Event.MESSAGE, Silence())])
        sending = [
            asyncio.create_task(
                fleet.send_text(name, whatsapp_contact.jid, name, until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
            )
            for name in busy
        ]
        assert await asyncio.to_thread(eventually, lambda: all(sessions[name].account.messages for name in busy))
        whatsapp_server.apply(sessions["ill"].account, [CRASHES])
        await fleet.reconnect("ill")
        assert [type(each) for each in await asyncio.gather(*sending, return_exceptions=True)] == [Interrupted] * 4
        await crashed_alone(fleet, "ill")
        for name in busy:
            assert fleet._workers.supervisor(name) is fleet._workers.shared
            await until(fleet, name, Phase.ONLINE)
        assert fleet._workers.shared.restarts == 1


async def test_a_crash_while_sending_leaves_texts_to_the_session_and_everything_to_the_others(
    whatsapp_server, whatsapp_template, whatsapp_contact, tmp_path
):
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "ill", "a")
    whatsapp_server.apply(sessions["ill"].account, [NO_HOSTS])
    async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.1) as fleet:
        for expected in (0, 0, 1):
            await until(fleet, "ill", Phase.ONLINE)
            await until(fleet, "a", Phase.ONLINE)
            assert fleet._workers.crashes("ill") == expected
            with pytest.raises(Interrupted, match="index out of range"):
                await fleet.send_image(
                    "ill", whatsapp_contact.jid, picture(), "", until=Stage.ACKNOWLEDGED, deadline=PATIENCE
                )
            await view_when(fleet, "ill", lambda view: view.phase is not Phase.ONLINE)
        for name in sessions:
            await until(fleet, name, Phase.ONLINE)
            await fleet.send_text(name, whatsapp_contact.jid, name, until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
        assert fleet._workers.shared.restarts == 1


async def test_a_session_that_crashes_at_the_start_is_found_among_many(whatsapp_server, whatsapp_template, tmp_path):
    well = [f"well-{number}" for number in range(7)]
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "ill", *well)
    whatsapp_server.apply(sessions["ill"].account, [CRASHES])
    async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.1) as fleet:
        assert root(await crashed_alone(fleet, "ill")).cause == "client-crashes"
        for name in well:
            await until(fleet, name, Phase.ONLINE)
        await crashed_alone(fleet, "ill", times=fleet._workers.crashes("ill") + 2)
        assert [(await fleet.look(name)).phase for name in well] == [Phase.ONLINE] * len(well)
        assert [fleet._workers.crashes(name) for name in well] == [0] * len(well)
        assert fleet._workers.shared.restarts <= 1

    async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.1) as fleet:
        await crashed_alone(fleet, "ill", times=2)
        for name in well:
            await until(fleet, name, Phase.ONLINE)
        assert fleet._workers.shared.restarts == 0  # it was remembered


async def test_suspects_that_wait_for_their_scan_keep_no_other_from_logging_in(whatsapp_server, tmp_path):
    async with new_fleet(tmp_path, whatsapp_server) as fleet:
        for name in ["x"] + [f"waiting-{number}" for number in range(worker_isolation.WINDOW)]:
            fleet._workers.isolate(name, {LOGIN})
            assert (await fleet.qr(name, deadline=PATIENCE)).text


async def test_a_session_that_no_longer_crashes_goes_back_to_the_others(
    whatsapp_server, whatsapp_template, tmp_path, monkeypatch
):
    monkeypatch.setattr(worker_isolation, "QUARANTINE", 0.01)
    sessions = await place(tmp_path, whatsapp_server, whatsapp_template, "ill", "a")
    whatsapp_server.apply(sessions["ill"].account, [CRASHES])
    async with new_fleet(tmp_path, whatsapp_server, chance=lambda: 0.1) as fleet:
        await crashed_alone(fleet, "ill")
        whatsapp_server.apply(sessions["ill"].account, ())
        shared = fleet._workers.shared
        await view_when(fleet, "ill", lambda _: fleet._workers.supervisor("ill") is shared)
        await until(fleet, "ill", Phase.ONLINE)
        assert fleet._workers.crashes("ill") == 0
        assert shared.restarts <= 1
