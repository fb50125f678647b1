from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostics.simulator.protocol.addresses import AddressPair
from diagnostics.simulator.protocol.device_identity import identity_problem, sign_identity
from diagnostics.simulator.protocol.e2e import encrypted_messages, payload
from diagnostics.simulator.protocol.e2e.device import Device
from diagnostics.simulator.protocol.e2e.encryption_errors import AlreadyReceived, Undecipherable
from diagnostics.simulator.protocol.keys import KeyPair
from diagnostics.simulator.protocol.stanza import Node, decode, element, encode, leaf
from diagnostics.simulator.protocol.wire import Message
from diagnostics.simulator.simulator_errors import ProtocolError
from tests.simulator.light_client import NOW, seeded
from tests.simulator.protocol.e2e.devices import Person

GROUP = "120363000000000001@g.us"
CLIENT = AddressPair("15550000001:1@s.whatsapp.net", "100000000000002:1@lid")
PHONE = AddressPair("15550000001@s.whatsapp.net", "100000000000002@lid")
CONTACT = AddressPair("15550009999@s.whatsapp.net", "100000000000001@lid")


class Chat:
    """A client, its account's phone, and a contact. The client's messages go to both, as stanzas."""

    def __init__(self) -> None:
        self.random = seeded()
        self.people = {party: Person(party.lid, self.random) for party in (CLIENT, PHONE, CONTACT)}
        self.account_key = self.people[PHONE].phone.identity
        client = self.people[CLIENT]
        client.device.signed_identity = sign_identity(self.account_key, client.phone.identity, 1, NOW, self.random)

    def device(self, party: AddressPair) -> Device:
        return self.people[party].device

    def seal(self, sender: AddressPair, recipient: AddressPair, message: Any) -> Node:
        bundle = self.people[recipient].bundle
        return encrypted_messages.seal(self.device(sender), recipient.lid, message, bundle, self.random)

    def hand_over(self, message: Any, **attrs: str) -> Node:
        """The stanza in which the client sends the message to the contact, having passed the wire."""
        copies = (
            element("to", self.seal(CLIENT, CONTACT, message), jid=CONTACT.lid),
            element("to", self.seal(CLIENT, PHONE, payload.own_copy(message, CONTACT.lid)), jid=PHONE.lid),
        )
        signed = leaf("device-identity", self.device(CLIENT).signed_identity)
        attrs = {"id": "3EB0", "to": CONTACT.lid, "type": payload.kind_of(message), **attrs}
        return passed(element("message", element("participants", *copies), signed, **attrs))

    def read(self, recipient: AddressPair, node: Node, sender: AddressPair = CLIENT) -> encrypted_messages.Received:
        return encrypted_messages.read(self.device(recipient), recipient, sender, node, self.account_key.public)


def passed(node: Node) -> Node:
    return decode(encode(node))


@pytest.fixture
def chat() -> Chat:
    return Chat()


# What a client hands over


def test_the_contact_and_the_own_phone_read_the_same_message(chat: Chat) -> None:
    node = chat.hand_over(payload.text_message("hello"))
    received, copy = chat.read(CONTACT, node), chat.read(PHONE, node)
    assert (received.id, received.text, received.chat, received.own_copy) == ("3EB0", "hello", CONTACT.lid, False)
    assert (copy.id, copy.text, copy.chat, copy.own_copy) == ("3EB0", "hello", CONTACT.lid, True)
    assert copy.message == received.message, "the copy is unwrapped"
    assert received.sender == CLIENT
    assert encrypted_messages.recipients(node) == (CONTACT.lid, PHONE.lid)


def test_the_same_stanza_is_read_once(chat: Chat) -> None:
    node = chat.hand_over(payload.text_message("hello"))
    chat.read(CONTACT, node)
    with pytest.raises(AlreadyReceived):
        chat.read(CONTACT, node)


def test_a_device_is_found_by_either_of_its_addresses(chat: Chat) -> None:
    enc = chat.seal(CLIENT, CONTACT, payload.text_message("hello"))
    for jid in (CONTACT.jid, CONTACT.lid, "15550009999:0@s.whatsapp.net"):
        listed = element("message", element("participants", element("to", enc, jid=jid)), to=CONTACT.jid)
        assert encrypted_messages.ciphertexts(listed, CONTACT) == (enc,)
        assert encrypted_messages.ciphertexts(listed, PHONE) == ()
        alone = element("message", enc, to=jid)
        assert encrypted_messages.ciphertexts(alone, CONTACT) == (enc,)
        assert encrypted_messages.ciphertexts(alone, PHONE) == ()


def test_a_stanza_without_anything_for_the_device_is_undecipherable(chat: Chat) -> None:
    with pytest.raises(Undecipherable, match="nothing for the device"):
        chat.read(CONTACT, element("message", element("participants"), to=CONTACT.lid, id="1"))


@pytest.mark.parametrize("attrs", [{"v": "3", "type": "msg"}, {"v": "2", "type": "frskmsg"}, {"v": "2"}, {}])
def test_a_ciphertext_of_another_sort_is_undecipherable(chat: Chat, attrs: dict[str, str]) -> None:
    with pytest.raises(Undecipherable):
        chat.read(CONTACT, element("message", Node("enc", attrs, b"\x33"), to=CONTACT.lid, id="1"))


def test_a_copy_for_own_devices_from_somebody_else_is_not_believed(chat: Chat) -> None:
    """Or else anybody could make it look as if the reader had written something."""
    enc = chat.seal(CLIENT, CONTACT, payload.own_copy(payload.text_message("I owe you"), "1@lid"))
    with pytest.raises(Undecipherable, match="somebody else"):
        encrypted_messages.read(chat.device(CONTACT), CONTACT, CLIENT, element("message", enc, to=CONTACT.lid, id="1"))


def test_a_companion_must_prove_whose_it_is(chat: Chat) -> None:
    node = chat.hand_over(payload.text_message("hello"))
    assert isinstance(node.content, tuple)
    without = Node(node.tag, node.attrs, tuple(child for child in node.content if child.tag != "device-identity"))
    with pytest.raises(Undecipherable, match="identity"):
        chat.read(CONTACT, without)
    stranger = KeyPair.generate(chat.random)
    with pytest.raises(Undecipherable, match="account"):
        encrypted_messages.read(chat.device(CONTACT), CONTACT, CLIENT, node, stranger.public)
    assert chat.read(CONTACT, node).text == "hello"


def test_an_identity_that_either_side_has_not_signed_proves_nothing(chat: Chat) -> None:
    account, device, other = (KeyPair.generate(chat.random) for _ in range(3))
    good = sign_identity(account, device, 1, NOW, chat.random)
    assert identity_problem(good, account.public, device.public) == ""
    for bad in (b"", sign_identity(other, device, 1, NOW, chat.random)):
        assert "not signed by its account" in identity_problem(bad, account.public, device.public)
    with pytest.raises(ProtocolError, match="signed identity"):
        identity_problem(b"\xff", account.public, device.public)
    assert "not signed by its account" in identity_problem(good, account.public, other.public)
    by_another = sign_identity(account, KeyPair(other.private, device.public), 1, NOW, chat.random)
    assert "device has not signed" in identity_problem(by_another, account.public, device.public)


@pytest.mark.parametrize("identity", [b"", b"\xff"])
def test_a_message_with_a_damaged_identity_cannot_be_read(chat: Chat, identity: bytes) -> None:
    node = chat.hand_over(payload.text_message("hello"))
    assert isinstance(node.content, tuple)
    others = tuple(child for child in node.content if child.tag != "device-identity")
    damaged = Node(node.tag, node.attrs, (*others, leaf("device-identity", identity)))
    with pytest.raises(Undecipherable, match="identity"):
        chat.read(CONTACT, damaged)


# Groups


def to_group(chat: Chat, text: str, *members: AddressPair) -> Node:
    sealed = encrypted_messages.seal_for_group(chat.device(CLIENT), GROUP, payload.text_message(text), chat.random)
    copies = (element("to", chat.seal(CLIENT, member, sealed.key), jid=member.lid) for member in members)
    signed = leaf("device-identity", chat.device(CLIENT).signed_identity)
    listed = (element("participants", *copies), signed) if members else ()
    return passed(element("message", *listed, sealed.enc, to=GROUP, id="3EB0", type="text"))


def test_members_of_a_group_read_its_messages_and_need_the_key_once(chat: Chat) -> None:
    first = to_group(chat, "one", CONTACT, PHONE)
    for party, own in ((CONTACT, False), (PHONE, True)):
        received = chat.read(party, first)
        assert (received.text, received.chat, received.own_copy) == ("one", GROUP, own)
    second = to_group(chat, "two")
    assert encrypted_messages.recipients(second) == ()
    assert chat.read(CONTACT, second).text == "two"


def test_a_device_that_was_not_given_the_key_cannot_read_the_group(chat: Chat) -> None:
    with pytest.raises(Undecipherable):
        chat.read(PHONE, to_group(chat, "one", CONTACT))


def test_the_participant_hash_is_that_of_whatsmeow() -> None:
    """As a client gave it for a group of two accounts, of which one has a companion."""
    devices = ["100000000000002@lid", "100000000000001@lid", "100000000000002:1@lid"]
    assert encrypted_messages.participant_hash(devices) == "2:D4MOY644"
    assert encrypted_messages.participant_hash(reversed(devices)) == "2:D4MOY644"


# What a client is given


@pytest.mark.parametrize("addressing", ["lid", "pn"])
def test_a_contact_s_message_names_both_of_its_addresses(chat: Chat, addressing: Any) -> None:
    message = payload.text_message("hi")
    enc = chat.seal(CONTACT, CLIENT, message)
    node = encrypted_messages.deliver(
        [enc], id="3A", sender=CONTACT, now=NOW, name="Eve", addressing=addressing, offline="0"
    )
    expected = {"id": "3A", "type": "text", "t": "1800000000", "notify": "Eve", "offline": "0"}
    sources = {
        "lid": {"from": CONTACT.lid, "sender_pn": CONTACT.jid},
        "pn": {"from": CONTACT.jid, "sender_lid": CONTACT.lid},
    }
    assert node.attrs == {**sources[addressing], **expected}
    assert node.children == (enc,)
    plain = payload.unpad(chat.device(CLIENT).decrypt(CONTACT.lid, enc.get("type"), enc.data))
    assert plain == message


def test_a_message_to_a_group_comes_from_the_group() -> None:
    enc = leaf("enc", b"", type="skmsg")
    node = encrypted_messages.deliver([enc], id="3A", sender=CONTACT, now=NOW, group=GROUP, extra=[element("meta")])
    assert node.get("from") == GROUP
    assert (node.get("participant"), node.get("participant_pn")) == (CONTACT.lid, CONTACT.jid)
    assert node.get("addressing_mode") == "lid"
    assert [child.tag for child in node.children] == ["enc", "meta"]


def test_a_copy_from_the_own_phone_says_to_whom_it_went() -> None:
    node = encrypted_messages.deliver([], id="3A", sender=PHONE, now=NOW, chat=CONTACT)
    assert (node.get("from"), node.get("recipient"), node.get("peer_recipient_pn")) == (
        PHONE.lid,
        CONTACT.lid,
        CONTACT.jid,
    )


def test_a_companion_s_identity_goes_with_first_messages_only() -> None:
    for kind, tags in (("pkmsg", ["enc", "device-identity"]), ("msg", ["enc"])):
        enc = leaf("enc", b"", type=kind)
        node = encrypted_messages.deliver([enc], id="3A", sender=CLIENT, now=NOW, signed_identity=b"signed")
        assert [child.tag for child in node.children] == tags


def test_the_kind_of_media_stands_at_the_ciphertext(chat: Chat) -> None:
    enc = chat.seal(CONTACT, CLIENT, Message(imageMessage={"caption": "look"}))
    assert (enc.get("mediatype"), enc.get("v"), enc.get("count")) == ("image", "2", "")


# The payload


def wrap(name: str, message: Any) -> Any:
    return Message(**{name: {"message": message}})


@pytest.mark.parametrize(
    ("message", "kind", "media", "text"),
    [
        (payload.text_message("a"), "text", "", "a"),
        (Message(extendedTextMessage={"text": "a"}), "text", "", "a"),
        (Message(extendedTextMessage={"text": "a", "title": "b"}), "media", "url", "a"),
        (Message(imageMessage={"caption": "a"}), "media", "image", "a"),
        (Message(videoMessage={"caption": "a"}), "media", "video", "a"),
        (Message(videoMessage={"gifPlayback": True}), "media", "gif", ""),
        (Message(audioMessage={}), "media", "audio", ""),
        (Message(audioMessage={"ptt": True}), "media", "ptt", ""),
        (Message(stickerMessage={}), "media", "sticker", ""),
        (wrap("documentWithCaptionMessage", Message(documentMessage={"caption": "a"})), "media", "document", "a"),
        (wrap("ephemeralMessage", wrap("viewOnceMessage", Message(imageMessage={}))), "media", "image", ""),
        (Message(reactionMessage={"text": "👍"}), "reaction", "", ""),
        (Message(pollCreationMessageV3={"name": "a"}), "poll", "", ""),
        (Message(contactMessage={}), "media", "vcard", ""),
        (Message(protocolMessage={}), "text", "", ""),
        (wrap("editedMessage", Message(protocolMessage={"editedMessage": {"conversation": "a"}})), "text", "", "a"),
        (Message(), "text", "", ""),
    ],
)
def test_a_message_says_what_it_is(message: Any, kind: str, media: str, text: str) -> None:
    assert (payload.kind_of(message), payload.media_of(message), payload.text_of(message)) == (kind, media, text)


@settings(max_examples=40, deadline=None)
@given(st.text(), st.integers(0, 255))
def test_padding_is_1_to_16_bytes_and_comes_off_again(text: str, byte: int) -> None:
    message = payload.text_message(text)
    padded = payload.pad(message, lambda n: bytes((byte,)) * n)
    assert 1 <= len(padded) - message.ByteSize() <= 16
    assert payload.unpad(padded) == message


@pytest.mark.parametrize("padded", [b"", b"\0", b"\5\5\5", b"ab\1\2", b"\xff\1"])
def test_a_message_without_padding_is_undecipherable(padded: bytes) -> None:
    with pytest.raises(Undecipherable):
        payload.unpad(padded)


def test_an_own_copy_keeps_what_the_message_says_about_itself() -> None:
    message = Message(conversation="a", messageContextInfo={"messageSecret": b"s"})
    copy = payload.own_copy(message, CONTACT.lid)
    assert copy.messageContextInfo == message.messageContextInfo
    assert payload.original(copy) == (message, CONTACT.lid)
    assert payload.original(message) == (message, "")
