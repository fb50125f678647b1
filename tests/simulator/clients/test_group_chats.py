"""Groups that clients make and change, with the real neonize; phones take part in them."""

from __future__ import annotations

import pytest

from diagnostics.neonize.process import CallFailed
from diagnostics.simulator import SimulatedAccount, SimulatorError
from tests.simulator import calls
from tests.simulator.real import ACKNOWLEDGED, Client, Real, eventually

NOBODY = "19995550000"


@pytest.fixture(scope="module")
def client(real: Real) -> Client:
    return real.connected()


@pytest.fixture(scope="module")
def other(real: Real) -> Client:
    return real.connected()


@pytest.fixture
def friend(real: Real) -> SimulatedAccount:
    return real.server.add_account(name="Friend")


def create(client: Client, *people: SimulatedAccount, name: str = "Friends") -> str:
    made = client.call(calls.CreateGroup(client.name, name, tuple(one.jid for one in people)))
    assert made["refused"] == {}
    return str(made["jid"])


def change(client: Client, group: str, action: str, *people: SimulatedAccount) -> dict[str, int]:
    call = calls.ChangeGroup(client.name, group, action, tuple(one.jid for one in people))
    refused: dict[str, int] = client.call(call)["refused"]
    return refused


def test_a_client_makes_a_group_and_all_members_are_told(
    real: Real, client: Client, other: Client, friend: SimulatedAccount
) -> None:
    group = create(client, other.account, friend)
    info = real.server.group(group)
    assert info.subject == "Friends"
    assert set(info.members) == {client.account.phone, other.account.phone, friend.phone}
    assert info.admins == (client.account.phone,)
    for one in (client, other):
        told = one.heard("JoinedGroup", group=group).data
        assert (told["name"], told["type"], len(told["participants"])) == ("Friends", "new", 3)
    asked = other.call(calls.GroupInfo(other.name, group))
    assert asked["admins"] == [client.account.lid]
    assert group in other.call(calls.JoinedGroups(other.name))


def test_everybody_in_it_reads_what_is_written(client: Client, other: Client, friend: SimulatedAccount) -> None:
    group = create(client, other.account, friend)
    other.heard("JoinedGroup", group=group)
    assert client.text("from its maker", group) == ACKNOWLEDGED
    other.heard("Message", chat=group, text="from its maker")
    assert other.text("from a member", group) == ACKNOWLEDGED
    client.heard("Message", chat=group, text="from a member")
    friend.send_text(group, "from a phone")
    for one in (client, other):
        one.heard("Message", chat=group, text="from a phone")
    assert eventually(lambda: friend.texts == ("from its maker", "from a member"))


def test_a_new_member_reads_what_comes_and_a_removed_one_does_not(
    client: Client, other: Client, friend: SimulatedAccount
) -> None:
    group = create(client, friend)
    assert client.text("before", group) == ACKNOWLEDGED
    assert change(client, group, "add", other.account) == {}
    assert other.heard("JoinedGroup", group=group).data["type"] == "", "it is not a new group"
    assert client.heard("GroupInfo", group=group).data["join"] == [other.account.lid]
    assert client.text("with three", group) == ACKNOWLEDGED
    other.heard("Message", chat=group, text="with three")
    friend.send_text(group, "hello you")
    other.heard("Message", chat=group, text="hello you")

    assert change(client, group, "remove", other.account) == {}
    assert other.heard("GroupInfo", group=group).data["leave"] == [other.account.lid]
    assert client.text("with two", group) == ACKNOWLEDGED
    friend.send_text(group, "are they gone?")
    client.heard("Message", chat=group, text="are they gone?")
    assert friend.texts == ("before", "with three", "with two")
    assert [push.data["text"] for push in other.pushes if push.data.get("chat") == group and push.data["text"]] == [
        "with three",
        "hello you",
    ]
    assert "error 403" in other.text("and me?", group)
    with pytest.raises(CallFailed, match="not participating"):
        other.call(calls.GroupInfo(other.name, group))


def test_only_admins_remove_and_promote(real: Real, client: Client, other: Client, friend: SimulatedAccount) -> None:
    group = create(client, other.account, friend)
    for action in ("remove", "promote"):
        with pytest.raises(CallFailed, match="403"):
            change(other, group, action, friend)
    assert change(client, group, "promote", other.account) == {}
    assert other.heard("GroupInfo", group=group).data["promote"] == [other.account.lid]
    assert set(real.server.group(group).admins) == {client.account.phone, other.account.phone}
    assert change(other, group, "remove", friend) == {}
    assert change(other, group, "remove", client.account) == {client.account.lid: 405}, "its maker stays"
    assert change(client, group, "demote", other.account) == {}
    other.heard("GroupInfo", group=group, demote=[other.account.lid])
    assert real.server.group(group).admins == (client.account.phone,)


def test_a_person_who_cannot_be_added_is_named_with_the_reason(real: Real, client: Client, other: Client) -> None:
    shy = real.server.add_account()
    shy._account.privacy["groupadd"] = "contacts"
    people = (shy.jid, f"{NOBODY}@s.whatsapp.net", other.account.jid)
    made = client.call(calls.CreateGroup(client.name, "Some", people))
    assert made["refused"] == {shy.lid: 403, f"{NOBODY}@s.whatsapp.net": 404}
    assert set(made["participants"]) == {client.account.lid, other.account.lid}
    assert change(client, made["jid"], "add", other.account) == {other.account.lid: 409}


def test_the_subject_is_changed_for_all(real: Real, client: Client, other: Client) -> None:
    group = create(client, other.account)
    other.call(calls.RenameGroup(other.name, group, "Best Friends ☎"))
    told = client.heard("GroupInfo", group=group).data
    assert (told["name"], told["by"]) == ("Best Friends ☎", other.account.lid)
    assert client.call(calls.GroupInfo(client.name, group))["name"] == "Best Friends ☎"
    with pytest.raises(CallFailed, match="406"):
        client.call(calls.RenameGroup(client.name, group, "x" * 101))
    assert real.server.group(group).subject == "Best Friends ☎"


def test_when_the_only_admin_leaves_another_member_becomes_one(real: Real, client: Client, other: Client) -> None:
    group = create(client, other.account)
    client.call(calls.LeaveGroup(client.name, group))
    assert other.heard("GroupInfo", group=group).data["leave"] == [client.account.lid]
    other.heard("GroupInfo", group=group, promote=[other.account.lid])
    assert real.server.group(group).members == real.server.group(group).admins == (other.account.phone,)
    other.call(calls.LeaveGroup(other.name, group))
    with pytest.raises(SimulatorError, match="there is no group"):
        real.server.group(group)


def test_what_happened_while_a_member_was_away_is_told_at_its_login(real: Real, client: Client) -> None:
    away = real.paired()
    group = create(client, away.account)
    away.connect()
    away.heard("JoinedGroup", group=group)
    away.stop()


def test_phones_change_groups_too(real: Real, client: Client, friend: SimulatedAccount) -> None:
    group = real.server.add_group("Of phones", [friend])
    with pytest.raises(SimulatorError, match="403"):
        real.server.contact.add_to_group(group, client.account)
    friend.add_to_group(group, client.account)
    client.heard("JoinedGroup", group=group, name="Of phones")
    friend.promote_in_group(group, client.account)
    client.heard("GroupInfo", group=group, promote=[client.account.lid])
    friend.rename_group(group, "Of a bot")
    client.heard("GroupInfo", group=group, name="Of a bot")
    friend.promote_in_group(group, client.account, admin=False)
    friend.leave_group(group)
    client.heard("GroupInfo", group=group, leave=[friend.lid])
    assert real.server.group(group).admins == (client.account.phone,), "there was no admin left"
    with pytest.raises(SimulatorError, match="not a member"):
        friend.leave_group(group)
