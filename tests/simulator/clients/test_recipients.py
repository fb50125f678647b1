"""Messages to unused numbers, and to groups of which the sender is not a member."""

from __future__ import annotations

import pytest

from diagnostics.neonize import protocol
from diagnostics.simulator.protocol.stanza import element
from tests.simulator.light_client import message, new_hub, paired_client
from tests.simulator.real import ACKNOWLEDGED, Client, Real

NOBODY = "19995550000"


@pytest.fixture(scope="module")
def client(real: Real) -> Client:
    return real.connected()


def test_the_client_itself_refuses_a_number_that_nobody_has(client: Client) -> None:
    assert client.text("hello?", NOBODY) == f"no LID found for {NOBODY}@s.whatsapp.net from server"
    assert client.account.messages == ()
    asked = client.call(protocol.IsOnWhatsApp(client.name, (NOBODY,)))
    assert [answer["in"] for answer in asked.values()] == [False]


def test_a_message_that_goes_out_to_nobody_keeps_its_one_tick(client: Client) -> None:
    assert client.text("hello?", "999999999999999@lid") == ACKNOWLEDGED
    sent = client.account.messages[-1]
    assert (sent.acknowledged, sent.error, sent.recipient_exists) == (True, None, False)
    assert client.text("and you?") == ACKNOWLEDGED
    assert client.account.messages[-1].recipient_exists
    client.heard("Receipt", ids=[client.account.messages[-1].id])
    assert not [push for push in client.pushes if push.event == "Receipt" and sent.id in push.data["ids"]]


@pytest.mark.parametrize("to", [f"{NOBODY}@s.whatsapp.net", "999999999999999@lid", "1@g.us"])
def test_the_server_acknowledges_what_it_will_never_deliver(to: str) -> None:
    client = paired_client(new_hub())
    client.login()
    client.get_ready()
    node = message()
    (ack,) = client.say(type(node)(node.tag, {**node.attrs, "to": to}, node.content))
    assert (ack.get("class"), ack.get("error")) == ("message", "")
    assert client.account is not None
    assert not client.account.messages[-1].recipient_exists


def test_a_message_to_a_group_of_others_is_refused_and_read_by_nobody() -> None:
    client = paired_client(new_hub())
    client.login()
    client.get_ready()
    hub = client.hub
    group = hub.add_group("Others", [hub.contact], client.now)
    to = element("participants", element("to", element("enc", v="2", type="msg"), jid=hub.contact.lid_jid))
    (ack,) = client.say(element("message", to, id="1", type="text", to=group.jid))
    assert ack.get("error") == "403"
    assert not hub.contact.inbox


def test_what_a_device_asks_of_its_phone_is_not_a_message() -> None:
    client = paired_client(new_hub())
    client.login()
    assert client.account is not None
    (ack,) = client.say(element("message", id="1", type="text", to=client.account.jid, category="peer"))
    assert (ack.get("class"), ack.get("error")) == ("message", "")
    (ack,) = client.say(element("message", id="2", type="text", to=client.hub.contact.jid, category="peer"))
    assert ack.get("id") == "2"
    assert client.account.messages == ()
    assert not client.hub.contact.inbox
