"""The chats of a phone on a device that was linked later, with the real neonize."""

from __future__ import annotations

from diagnostics.simulator import Settings
from diagnostics.simulator.protocol.stanza import Node, element
from tests.simulator.light_client import new_hub, paired_client
from tests.simulator.real import Client, Real, eventually


def acknowledged(client: Client) -> int:
    """How many files with chats the device says that it has got."""
    said = [line.text for line in client.real.server.log if line.who == client.account.devices[0]]
    return sum(text.startswith("<receipt") and 'type="hist_sync"' in text for text in said)


def test_a_new_device_is_given_the_chats_of_its_phone(real: Real) -> None:
    account, friend, other = (real.server.add_account(name=name) for name in ("Owner", "Friend", "Other"))
    group = real.server.add_group("Old friends", [friend, account])
    for number in range(25):
        friend.send_text(account, f"message {number}")
    account.send_text(other, "written on the phone")
    friend.send_text(group, "to the group")
    client = real.connected(account)
    account.share_history()

    latest = client.heard("HistorySync", type="INITIAL_BOOTSTRAP").data["conversations"]
    assert latest == {
        friend.jid: [f"message {number}" for number in range(5, 25)],
        other.jid: ["written on the phone"],
        group: ["to the group"],
    }
    before = client.heard("HistorySync", type="RECENT").data["conversations"]
    assert before == {friend.jid: [f"message {number}" for number in range(5)]}
    names = client.heard("HistorySync", type="PUSH_NAME").data["names"]
    assert names == {account.jid: "Owner", friend.jid: "Friend", other.jid: "Other"}

    assert eventually(lambda: acknowledged(client) == 3)
    assert eventually(lambda: not [m for m in real.server.uploads if m.account == account.phone]), "it deletes them"
    assert eventually(lambda: not account._account.companions[1].waiting)
    assert not [push for push in client.pushes if push.event == "Message" and push.data["text"]], "none is new"


def test_what_goes_to_the_phone_alone_is_not_a_message_of_the_account(real: Real) -> None:
    client = real.connected()
    client.account.share_history()
    assert client.heard("HistorySync", type="PUSH_NAME").data["names"] == {client.account.jid: client.account.push_name}
    assert client.account.messages == client.account.receipts == client.account.inbox == ()


def test_with_the_setting_each_device_is_given_them_at_its_first_login() -> None:
    client = paired_client(new_hub(Settings(share_history=True)))
    assert client.account is not None
    for told in (3, 0):
        client.login()
        client.say(Node("iq", {"xmlns": "passive", "type": "set", "id": "1"}, (element("active"),)))
        messages = [node for node in client.received if node.tag == "message"]
        assert [node.get("category") for node in messages] == ["peer"] * told
        for node in messages:
            client.say(element("receipt", id=node.get("id"), to=node.get("from"), type="sender"))
            client.say(element("receipt", id=node.get("id"), to=client.account.jid, type="hist_sync"))
    assert not client.account.receipts
