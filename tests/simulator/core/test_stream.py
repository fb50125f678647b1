from __future__ import annotations

import hashlib

import pytest

from diagnostics.simulator.core.stream import State
from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import DJB_TYPE, KeyPair, signed_by
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.simulator_errors import SimulatorError
from diagnostics.simulator.world.directory import CONTACT_PHONE
from tests.simulator.light_client import NOW, LightClient, message, new_hub, paired_client, seeded

CONTACT = f"{CONTACT_PHONE}@s.whatsapp.net"


@pytest.fixture
def client() -> LightClient:
    """Paired and logged in."""
    client = paired_client(new_hub())
    client.login()
    return client


# Login


def test_a_linked_device_logs_in(client: LightClient) -> None:
    success, offline = client.received
    assert success.tag == "success"
    assert success.get("lid") == f"{client.account.lid}:1@lid"  # type: ignore[union-attr]
    assert success.get("t") == str(int(NOW))
    assert str(offline) == '<ib from="@s.whatsapp.net"><offline count="0"/></ib>'


@pytest.mark.parametrize("what", ["number", "device", "key"])
def test_a_device_that_is_not_linked_is_refused_with_401(what: str) -> None:
    client = paired_client(new_hub())
    if what == "number":
        client.account = client.hub.contact
    elif what == "device":
        client.device = 2
    else:
        client.noise = client.identity
    client.login()
    assert str(client.received[-1]) == '<failure reason="401"/>'
    assert not client.open


def test_a_payload_that_names_nobody_ends_the_connection() -> None:
    client = LightClient(new_hub())
    client.handshake(wire.ClientPayload(passive=True).SerializeToString())
    assert client.closed is not None


def test_a_second_connection_of_the_same_device_replaces_the_first() -> None:
    first = paired_client(new_hub())
    first.login()
    stream = first.stream
    second = paired_client(first.hub, first.account, seed=1)  # the same keys, one device more
    second.device = first.device
    second.login()
    assert stream.state is State.CLOSING
    assert second.open
    assert any("replaced" in line.text for line in first.hub.journal.lines)


def test_two_devices_of_one_account_do_not_disturb_each_other() -> None:
    first = paired_client(new_hub())
    second = paired_client(first.hub, first.account, seed=2)
    first.login()
    second.login()
    assert first.account is not None
    assert sorted(first.account.companions) == [1, 2]
    assert first.open
    assert second.open


# Questions


def test_an_unknown_question_is_not_implemented(client: LightClient) -> None:
    answer = client.ask("w:unheard-of", "get")
    assert answer.get("type") == "error"
    assert answer.children[0] == element("error", code="501", text="feature-not-implemented")
    assert client.open


def test_the_keepalive_is_answered(client: LightClient) -> None:
    assert client.ask("w:p", "get") == element("iq", from_="@s.whatsapp.net", type="result", id="1.2-3")


def test_nobody_is_blocked_and_everybody_may_see_everything(client: LightClient) -> None:
    assert client.ask("blocklist", "get").children == (element("list", dhash="0"),)
    (privacy,) = client.ask("privacy", "get", element("privacy")).children
    assert {category.get("value") for category in privacy.children} == {"all"}


def prekey(number: int, tag: str = "key", signature: bytes = b"") -> Node:
    parts = [leaf("id", number.to_bytes(3, "big")), leaf("value", bytes((number,)) * 32)]
    return element(tag, *parts, *([leaf("signature", signature)] if signature else []))


def upload(client: LightClient, *numbers: int, signer: KeyPair | None = None) -> Node:
    signature = (signer or client.identity).sign(DJB_TYPE + b"\x09" * 32, client.random)
    return client.ask(
        "encrypt",
        "set",
        leaf("registration", b"\0\0\x12\x34"),
        leaf("type", DJB_TYPE),
        leaf("identity", client.identity.public),
        element("list", *map(prekey, numbers)),
        prekey(9, "skey", signature),
    )


def test_a_device_without_prekeys_is_told_that_it_has_one(client: LightClient) -> None:
    assert client.ask("encrypt", "get", element("count")).children[0].get("value") == "1"
    assert upload(client, 1, 2, 3).get("type") == "result"
    assert client.ask("encrypt", "get", element("count")).children[0].get("value") == "3"


def test_the_true_number_of_prekeys_can_be_had() -> None:
    client = paired_client(new_hub(Settings(prekey_floor=0)))
    client.login()
    assert client.ask("encrypt", "get", element("count")).children[0].get("value") == "0"


def test_a_device_can_compare_its_keys_with_what_the_server_holds(client: LightClient) -> None:
    upload(client, 1, 2)
    (digest,) = client.ask("encrypt", "get", element("digest")).children
    assert [child.tag for child in digest.children] == ["registration", "type", "identity", "skey", "list", "hash"]
    (listed, held) = digest.children[4:]
    assert [number.data for number in listed.children] == [b"\0\0\1", b"\0\0\2"]
    signed = digest.child("skey", "value"), digest.child("skey", "signature")
    keys = client.identity.public + b"".join(node.data for node in signed if node) + b"\1" * 32 + b"\2" * 32
    assert held.data == hashlib.sha1(keys, usedforsecurity=False).digest()


def test_a_device_changes_its_signed_prekey(client: LightClient) -> None:
    value = b"\7" * 32

    def rotate(signer: KeyPair) -> str:
        skey = prekey(7, "skey", signer.sign(DJB_TYPE + value, client.random))
        return client.ask("encrypt", "set", element("rotate", skey)).get("type")

    assert rotate(KeyPair.generate(client.random)) == "error"
    assert rotate(client.identity) == "result"
    assert client.account is not None
    assert client.account.companions[client.device].signed.public == value


def test_the_client_takes_part_in_no_experiment(client: LightClient) -> None:
    (props,) = client.ask("abt", "get", element("props", protocol="1")).children
    assert (props.tag, props.children) == ("props", ())


def test_a_question_that_does_not_say_whether_it_asks_or_sets_is_refused(client: LightClient) -> None:
    answer = client.ask("w:stats", "", element("add"))
    assert answer.get("type") == "error"


def test_prekeys_that_the_device_did_not_sign_are_refused(client: LightClient) -> None:
    assert upload(client, 1, signer=client.noise).children[0].get("code") == "406"
    assert client.ask("encrypt", "set").children[0].get("code") == "400"
    assert client.ask("encrypt", "get").children[0].get("code") == "400"


def keys_of(client: LightClient, *jids: str) -> tuple[Node, ...]:
    answer = client.ask("encrypt", "get", element("key", *(element("user", jid=jid) for jid in jids)))
    return answer.children[0].children


def test_the_contacts_phone_has_a_signed_bundle_and_gives_each_key_once(client: LightClient) -> None:
    ids = []
    for _ in range(2):
        (user,) = keys_of(client, CONTACT)
        identity, value, signature = (
            node.data if (node := user.child(*path)) else b""
            for path in (("identity",), ("skey", "value"), ("skey", "signature"))
        )
        assert signed_by(identity, DJB_TYPE + value, signature)
        one_time = user.child("key", "id")
        assert one_time is not None
        ids.append(one_time.data)
    assert ids == [b"\0\0\1", b"\0\0\2"]


def test_the_keys_that_a_device_uploaded_run_out(client: LightClient) -> None:
    upload(client, 1, 2)
    assert client.account is not None
    lid = f"{client.account.lid}:1@lid"
    tags = [[node.tag for node in keys_of(client, lid)[0].children] for _ in range(3)]
    assert ["key" in bundle for bundle in tags] == [True, True, False]


def test_nobody_has_no_keys(client: LightClient) -> None:
    users = keys_of(
        client, "19995550000@s.whatsapp.net", f"{CONTACT_PHONE}:7@s.whatsapp.net", "nonsense", "100000000000001:²@lid"
    )
    assert [user.children[0].get("code") for user in users] == ["404"] * 4


def usync(client: LightClient, user: Node, *query: Node) -> Node:
    answer = client.ask("usync", "get", element("usync", element("query", *query), element("list", user), sid="1"))
    found = answer.child("usync", "list", "user")
    assert found is not None
    return found


def test_usync_gives_devices_and_the_other_address(client: LightClient) -> None:
    assert client.account is not None
    user = usync(client, element("user", jid=client.account.jid), element("devices", version="2"), element("lid"))
    assert user.get("jid") == client.account.jid
    assert user.child("lid") == element("lid", val=client.account.lid_jid)
    listed = user.child("devices", "device-list")
    assert listed is not None
    assert [dict(device.attrs) for device in listed.children] == [{"id": "0"}, {"id": "1", "key-index": "1"}]


@pytest.mark.parametrize("number", [CONTACT_PHONE, f"+{CONTACT_PHONE}", f"+{CONTACT_PHONE}@c.us"])
def test_a_number_on_whatsapp_is_found_by_its_text(client: LightClient, number: str) -> None:
    by_lid = usync(client, element("user", leaf("contact", number.encode())), element("contact", addressing_mode="lid"))
    assert (by_lid.get("jid"), by_lid.get("pn_jid")) == (client.hub.contact.lid_jid, CONTACT)
    assert by_lid.child("contact") == leaf("contact", number.encode(), type="in")
    by_number = usync(client, element("user", leaf("contact", number.encode())), element("contact"))
    assert by_number.get("jid") == CONTACT


def test_a_number_not_on_whatsapp_is_out(client: LightClient) -> None:
    user = usync(client, element("user", leaf("contact", b"+19995550000")), element("contact"))
    assert user.child("contact") == leaf("contact", b"+19995550000", type="out")


def test_a_malformed_usync_is_a_bad_request(client: LightClient) -> None:
    assert client.ask("usync", "get").children[0].get("code") == "400"


def test_the_media_host_is_told_with_all_four_attributes(client: LightClient) -> None:
    (media_conn,) = client.ask("w:m", "set", element("media_conn")).children
    assert {"auth", "ttl", "auth_ttl", "max_buckets"} <= set(media_conn.attrs)
    assert media_conn.children == (element("host", hostname="mmg.whatsapp.net"),)
    assert client.ask("w:m", "set").children[0].get("code") == "400"


# Messages


def test_a_message_is_recorded_and_acknowledged(client: LightClient) -> None:
    (ack,) = client.say(message())
    assert dict(ack.attrs) == {
        "class": "message",
        "id": "3EB1",
        "from": "100000000000001@lid",
        "t": str(int(NOW)),
    }
    assert client.account is not None
    (sent,) = client.account.messages
    assert (sent.id, sent.to, sent.type, sent.acknowledged, sent.error) == (
        "3EB1",
        "100000000000001@lid",
        "text",
        True,
        None,
    )


def test_a_receipt_is_acknowledged(client: LightClient) -> None:
    (ack,) = client.say(element("receipt", id="7", to="100000000000001@lid", type="read"))
    assert dict(ack.attrs) == {"class": "receipt", "id": "7", "from": "100000000000001@lid", "type": "read"}
    assert client.account is not None
    (receipt,) = client.hub.contact.receipts
    assert (receipt.ids, receipt.type, receipt.sender) == (("7",), "read", client.account.device_jid(1))


def test_a_message_that_is_sent_again_is_one_message(client: LightClient) -> None:
    client.say(message())
    client.say(message())
    assert client.account is not None
    assert len(client.account.messages) == 1


def test_the_kind_of_media_is_recorded(client: LightClient) -> None:
    encrypted = element("participants", element("to", element("enc", mediatype="image"), jid="1@lid"))
    client.say(element("message", encrypted, id="1", to="1@lid", type="media"))
    assert client.account is not None
    assert client.account.messages[0].media == "image"


def test_an_unknown_stanza_is_read_and_ignored(client: LightClient) -> None:
    for node in (element("presence"), element("ib"), element("ack", id="1"), element("iq", type="result")):
        assert client.say(node) == []
    assert client.open


# Accounts


@pytest.mark.parametrize("phone", ["", "12", "+15550001111", "0155500011", "1" * 16, "1555abc0000", "١٢٣٤٥٦٧"])
def test_a_malformed_phone_number_is_refused(phone: str) -> None:
    with pytest.raises(SimulatorError, match="not a phone number"):
        new_hub().directory.add(phone)


def test_a_number_belongs_to_one_account() -> None:
    directory = new_hub().directory
    directory.add("15550000002")
    with pytest.raises(SimulatorError, match="already"):
        directory.add("15550000002")
    assert [directory.add().phone for _ in range(2)] == ["15550000001", "15550000003"]


def test_a_phone_does_not_repeat_its_keys() -> None:
    directory = new_hub().directory
    assert directory.add().primary.identity != directory.add().primary.identity
    assert KeyPair.generate(seeded(1)) == KeyPair.generate(seeded(1)), "randomness comes from outside only"
