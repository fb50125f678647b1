"""Every scenario of docs/scenarios.md, as a session of a gateway, has the root cause that a direct diagnosis finds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from diagnostics.catalogue.reconnect import By
from diagnostics.gateway.contract import Phase, SendRefused, Stage
from diagnostics.judging.judge import judge
from diagnostics.model import Mode
from diagnostics.simulator import SCENARIOS
from tests.gateway.fleets import PATIENCE, new_fleet, place, view_when
from tests.scenario_table import TABLE

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINKED = [name for name, scenario in SCENARIOS.items() if scenario.store == "paired"]
LOOKED_AT = [row for row in TABLE if row.scenario in LINKED and not (row.check or "").startswith("send.")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(whatsapp_server, whatsapp_template, tmp_path_factory):
    """One session for each scenario that has a linked store; its faults hold from its first login on."""
    state = tmp_path_factory.mktemp("gateway")
    sessions = await place(state, whatsapp_server, whatsapp_template, *LINKED)
    for name, session in sessions.items():
        whatsapp_server.apply(session.account, SCENARIOS[name].faults)
    attributes = {n: s.client["state_attribute"] for n, s in SCENARIOS.items() if "state_attribute" in s.client}
    fleet = new_fleet(state, whatsapp_server, state_attributes=attributes)
    await fleet.start()
    yield fleet
    await fleet.close(drain=0)  # there is a message that nobody acknowledges


async def judged(fleet, session, mode, *, fresh=False):
    return judge((await fleet.look(session, fresh=fresh)).evidence, mode=mode, now=datetime.now(UTC))


@pytest.mark.parametrize("row", LOOKED_AT, ids=lambda row: row.scenario)
async def test_a_sick_session_has_the_root_cause_that_a_diagnosis_of_its_own_finds(fleet, row):
    until = time.monotonic() + PATIENCE
    diagnosis = await judged(fleet, row.scenario, Mode.STRICT, fresh=True)
    while (diagnosis.root and diagnosis.root.cause) != row.cause and time.monotonic() < until:
        await asyncio.sleep(0.05)  # it comes about over several logins
        diagnosis = await judged(fleet, row.scenario, Mode.STRICT, fresh=True)
    assert (diagnosis.root and diagnosis.root.cause) == row.cause
    assert (diagnosis.root and diagnosis.root.check) == row.check
    assert diagnosis.verdict is row.verdicts[Mode.STRICT]
    assert (await judged(fleet, row.scenario, Mode.PERMISSIVE)).verdict is row.verdicts[Mode.PERMISSIVE]


async def test_attempts_that_the_client_makes_by_itself_are_counted(fleet):
    view = await view_when(fleet, "closed", lambda view: view.reconnecting.attempts > 0)
    assert (view.phase, view.reconnecting.action) == (Phase.CONNECTING, "backoff")
    assert (view.reconnecting.name, view.reconnecting.by) == ("connection-lost", By.CLIENT)


async def test_a_refused_message_carries_the_servers_code(fleet, whatsapp_contact):
    with pytest.raises(SendRefused, match="WhatsApp refused the message: ") as refused:
        await fleet.send_text("ack-refused", whatsapp_contact.jid, "hello", until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
    message = refused.value.message
    assert (message.stage, message.code, message.id) == (Stage.FAILED, 463, "")
    assert "server returned error 463" in message.error
    assert fleet.message("ack-refused", message.ticket) == message


async def test_a_message_that_nobody_acknowledges_is_only_accepted(fleet, whatsapp_contact):
    sent = await fleet.send_text("ack-lost", whatsapp_contact.jid, "hello", until=Stage.ACKNOWLEDGED, deadline=0.3)
    assert (sent.stage, sent.id) == (Stage.ACCEPTED, "")
    known = fleet.message("ack-lost", sent.ticket)
    assert (known.ticket, known.stage, known.times) == (sent.ticket, sent.stage, sent.times)


async def test_an_image_that_cannot_be_uploaded_is_refused_and_a_text_goes_out(fleet, whatsapp_contact):
    to = whatsapp_contact.jid
    with pytest.raises(SendRefused, match="the file could not be uploaded: ") as refused:
        await fleet.send_image("media-down", to, PIXEL, "", until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
    assert refused.value.message.kind == "image"
    sent = await fleet.send_text("media-down", to, "hello", until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
    assert Stage.ACKNOWLEDGED in sent.times


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)
