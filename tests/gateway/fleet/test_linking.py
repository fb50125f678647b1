"""QR codes and pairing codes: how they are shown, run out, and lead nowhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio

from diagnostics.evidence.recorder import utc_now
from diagnostics.gateway.contract import GatewayProblem, NoCodeYet, NoSuchSession, NotPaired, Phase, Stage
from diagnostics.simulator import BadHmac, Drop, Event, Fault
from tests.gateway.fleets import PATIENCE, link, new_fleet, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Clock:
    ahead = timedelta()

    def __call__(self):
        return utc_now() + self.ahead


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(whatsapp_server, tmp_path_factory):
    state = tmp_path_factory.mktemp("gateway")
    async with new_fleet(state, whatsapp_server, clock=Clock()) as fleet:
        yield fleet


async def test_asking_again_gets_the_same_code_as_long_as_it_is_shown(fleet):
    first, second = await asyncio.gather(*(fleet.qr("patient", deadline=PATIENCE) for _ in range(2)))
    assert first == second == await fleet.qr("patient", deadline=PATIENCE)
    assert first.expires_at - first.shown_at == timedelta(seconds=60)
    assert (await fleet.look("patient")).phase is Phase.PAIRING


async def test_codes_that_ran_out_are_followed_by_new_ones(fleet, whatsapp_server):
    old = await fleet.qr("late", deadline=PATIENCE)
    fleet._clock.ahead += timedelta(seconds=70)
    new = await fleet.qr("late", deadline=PATIENCE)
    assert new.text != old.text
    account = await link(fleet, whatsapp_server, "late")
    assert (await fleet.look("late")).jid == account.devices[0]


async def test_a_code_is_typed_into_the_phone_instead(fleet, whatsapp_server):
    account = whatsapp_server.add_account()
    code = await fleet.pair_code("typed", account.phone, deadline=PATIENCE)
    assert len(code) == 9
    assert code[4] == "-"
    whatsapp_server.type_code(code, account)
    assert (await until(fleet, "typed", Phase.ONLINE)).jid == account.devices[0]


async def test_an_invalid_number_gets_no_code(fleet):
    with pytest.raises(GatewayProblem, match="WhatsApp gave no pairing code"):
        await fleet.pair_code("wrong-number", "1", deadline=PATIENCE)


async def test_nobody_brings_a_session_back_while_it_is_being_deleted(fleet):
    await fleet.qr("leaving", deadline=PATIENCE)
    deleting = asyncio.create_task(fleet.log_out("leaving"))
    await asyncio.sleep(0)  # it has begun
    with pytest.raises(NoCodeYet, match="is being deleted"):
        await fleet.qr("leaving", deadline=PATIENCE)
    with pytest.raises(NoSuchSession):
        await fleet.log_out("leaving")
    await deleting
    assert "leaving" not in fleet.names()


async def test_an_unlinked_session_sends_nothing(fleet):
    await fleet.qr("unlinked", deadline=PATIENCE)
    with pytest.raises(NotPaired, match="'unlinked' is not linked to a phone: scan its QR code first"):
        await fleet.send_text("unlinked", "1", "hello", until=Stage.ACCEPTED, deadline=1)
    with pytest.raises(NotPaired):
        await fleet.reconnect("unlinked")


async def test_waiting_for_a_code_ends_when_whatsapp_is_unreachable(fleet, whatsapp_server):
    whatsapp_server.apply(None, [Fault(Event.UPGRADE, Drop())])
    try:
        with pytest.raises(NoCodeYet, match="no code came: "):
            await fleet.qr("unreachable", deadline=PATIENCE)
    finally:
        whatsapp_server.apply(None, ())
    assert (await fleet.qr("unreachable", deadline=PATIENCE)).text


async def test_a_scan_that_fails_ends_in_new_codes(fleet, whatsapp_server):
    account = whatsapp_server.add_account()
    whatsapp_server.apply(account, [Fault(Event.SCAN, BadHmac(), times=1)])
    code = await fleet.qr("forged", deadline=PATIENCE)
    whatsapp_server.scan(code.text, account)
    fleet._clock.ahead += timedelta(seconds=70)
    assert (await link(fleet, whatsapp_server, "forged")).devices
