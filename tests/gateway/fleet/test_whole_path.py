"""The whole path of a session, from its first QR code to a message, and from the phone's unlinking to a new one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from diagnostics.evidence import probe_messages
from diagnostics.gateway.contract import AlreadyPaired, NoSuchSession, Phase, Stage
from diagnostics.judging.judge import judge
from diagnostics.model import Mode, Verdict
from diagnostics.testing import eventually
from tests.gateway.fleets import PATIENCE, link, new_fleet, until


def judged(view):
    return judge(view.evidence, mode=Mode.STRICT, now=datetime.now(UTC))


async def test_from_the_first_code_to_a_message_to_unlinking_and_a_new_code(
    whatsapp_server, whatsapp_contact, tmp_path
):
    server = whatsapp_server
    async with new_fleet(tmp_path, server) as fleet:
        with pytest.raises(NoSuchSession):
            await fleet.look("testing")

        account = await link(fleet, server, "testing")
        view = await fleet.look("testing")
        assert judged(view).verdict is Verdict.HEALTHY
        assert view.jid == account.devices[0]
        with pytest.raises(AlreadyPaired):
            await fleet.qr("testing", deadline=PATIENCE)

        to = await fleet.find("testing", whatsapp_contact.phone, deadline=PATIENCE)
        sent = await fleet.send_text("testing", to, "hello", until=Stage.DELIVERED, deadline=PATIENCE)
        assert sent.stage is Stage.DELIVERED
        assert whatsapp_contact.texts == ("hello",)
        image = await fleet.send_image(
            "testing", to, probe_messages.image(), "look", until=Stage.DELIVERED, deadline=PATIENCE
        )
        assert (image.kind, whatsapp_contact.texts) == ("image", ("hello", "look"))

        changes = fleet.changes()
        whatsapp_contact.read(whatsapp_contact.inbox[0])
        async with asyncio.timeout(PATIENCE):
            while (change := await anext(changes)).name != "message":
                pass
        assert change.detail == f"{sent.id} read"
        assert fleet.message("testing", sent.id).stage is Stage.READ

        whatsapp_contact.send_text(account, "a secret")
        assert await asyncio.to_thread(eventually, lambda: whatsapp_contact.receipts)
        assert {event.name for event in (await fleet.look("testing")).evidence.events} <= {
            "qr",
            "PairStatus",
            "stream-error",
            "Connected",
        }

        server.unlink(account, account.devices[0])
        await until(fleet, "testing", Phase.STOPPED)
        view = await fleet.look("testing")
        assert judged(view).root.cause == "device-removed"
        assert (view.last_disconnect.code, view.jid) == (401, "")

        account = await link(fleet, server, "testing")
        assert judged(await fleet.look("testing")).verdict is Verdict.HEALTHY
        assert (await fleet.look("testing")).jid == account.devices[0]
