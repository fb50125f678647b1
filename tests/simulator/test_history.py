"""The chats of a phone on a device that was linked later, with the real neonize."""

from __future__ import annotations

from .real import Client, Real, eventually


def received(client: Client, nth: int = 1) -> dict[str, int]:
    """How many receipts there are for the messages that told the device of the phone's chats."""
    device = client.account.devices[nth - 1]
    said = [line.text for line in client.real.server.log if line.who == device and line.kind == "←"]
    return {"hist_sync": sum("<receipt" in text and 'type="hist_sync"' in text for text in said)}


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

    assert eventually(lambda: received(client) == {"hist_sync": 3})
    assert eventually(lambda: not [m for m in real.server.uploads if m.account == account.phone]), "it deletes them"
    assert eventually(lambda: not account._account.companions[1].waiting)
    assert not [push for push in client.pushes if push.event == "Message" and push.data["text"]], "none is new"


def test_what_goes_to_the_phone_alone_is_no_message_of_the_account(real: Real) -> None:
    client = real.connected()
    client.account.share_history()
    assert client.heard("HistorySync", type="PUSH_NAME").data["names"] == {client.account.jid: client.account.push_name}
    assert client.account.messages == client.account.receipts == client.account.inbox == ()
