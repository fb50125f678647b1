from __future__ import annotations

from dataclasses import replace

import pytest

from diagnostics.simulator.protocol.e2e import encrypted_messages, payload, retry_receipts
from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable, UnusableBundle
from diagnostics.simulator.protocol.e2e.retry_receipts import RetryRequest, SentMessages
from diagnostics.simulator.protocol.stanza import Node, element, leaf
from diagnostics.simulator.simulator_errors import ProtocolError
from tests.simulator.light_client import NOW
from tests.simulator.protocol.e2e.test_encrypted_messages import CLIENT, CONTACT, GROUP, PHONE, Chat, passed, to_group


@pytest.fixture
def chat() -> Chat:
    return Chat()


def test_a_lost_session_is_healed_by_asking_again(chat: Chat) -> None:
    """The contact has lost everything, asks with keys of its own, and the client answers with them."""
    text = payload.text_message("hello")
    chat.read(CONTACT, chat.hand_over(text))
    chat.device(CLIENT).decrypt(CONTACT.lid, *_parts(chat.seal(CONTACT, CLIENT, text)))
    chat.device(CONTACT).forget(CLIENT.lid)
    node = chat.hand_over(text)
    with pytest.raises(Undecipherable):
        chat.read(CONTACT, node)
    own = chat.people[CONTACT].bundle()
    receipt = passed(retry_receipts.request(chat.device(CONTACT), node, CONTACT, own, sender=CLIENT, now=NOW))
    assert (receipt.get("from"), receipt.get("type"), receipt.get("id")) == (CONTACT.lid, "retry", "3EB0")
    asked = RetryRequest.read(receipt)
    assert (asked.id, asked.count, asked.bundle) == ("3EB0", 1, own)
    enc = retry_receipts.answer(chat.device(CLIENT), CONTACT.lid, asked, text, lambda: None, chat.random)
    assert (enc.get("type"), enc.get("count")) == ("pkmsg", "1")
    again = element(
        "message", enc, leaf("device-identity", chat.device(CLIENT).signed_identity), to=CONTACT.lid, id="3EB0"
    )
    assert chat.read(CONTACT, again).text == "hello"


def test_a_receipt_without_keys_is_answered_with_a_bundle_of_the_server_s(chat: Chat) -> None:
    asked = RetryRequest("3A", 1, None)
    text = payload.text_message("again")
    enc = retry_receipts.answer(chat.device(CONTACT), CLIENT.lid, asked, text, chat.people[CLIENT].bundle, chat.random)
    assert payload.unpad(chat.device(CLIENT).decrypt(CONTACT.lid, *_parts(enc))) == text
    with pytest.raises(UnusableBundle):
        retry_receipts.answer(chat.device(CONTACT), CLIENT.lid, asked, text, lambda: None, chat.random)


def test_a_member_that_asks_again_gets_the_sender_key_too(chat: Chat) -> None:
    node = to_group(chat, "one")
    receipt = retry_receipts.request(
        chat.device(CONTACT), node, CONTACT, chat.people[CONTACT].bundle(), sender=CLIENT, now=NOW, count=2
    )
    assert (receipt.get("from"), receipt.get("participant")) == (GROUP, CONTACT.lid)
    text, asked = payload.text_message("one"), RetryRequest.read(receipt)
    enc = retry_receipts.answer(chat.device(CLIENT), CONTACT.lid, asked, text, lambda: None, chat.random, GROUP)
    assert not text.HasField("senderKeyDistributionMessage"), "the message that is remembered stays as it was"
    signed = leaf("device-identity", chat.device(CLIENT).signed_identity)
    again = element("message", enc, signed, to=GROUP, participant=CONTACT.lid, id="3EB0")
    assert encrypted_messages.recipients(again) == (CONTACT.lid,)
    assert encrypted_messages.ciphertexts(again, PHONE) == (), "it is for the member that asked"
    assert chat.read(CONTACT, again).text == "one"
    assert chat.read(CONTACT, to_group(chat, "two")).text == "two"


def test_the_own_phone_asks_for_a_copy_of_what_went_to_the_chat(chat: Chat) -> None:
    node = chat.hand_over(payload.text_message("hello"))
    bundle = chat.people[PHONE].bundle()
    receipt = retry_receipts.request(chat.device(PHONE), node, PHONE, bundle, sender=CLIENT, now=NOW)
    assert (receipt.get("from"), receipt.get("recipient")) == (PHONE.lid, CONTACT.lid)


def test_a_companion_asks_with_its_signed_identity(chat: Chat) -> None:
    node, bundle = chat.hand_over(payload.text_message("hello")), chat.people[CLIENT].bundle()
    receipt = retry_receipts.request(chat.device(CLIENT), node, CLIENT, bundle, sender=PHONE, now=NOW)
    identity = receipt.child("keys", "device-identity")
    assert identity is not None
    assert identity.data == chat.device(CLIENT).signed_identity


def test_a_bundle_in_a_receipt_needs_no_one_time_key(chat: Chat) -> None:
    bundle = replace(chat.people[CONTACT].bundle(), one_time=None)
    node = chat.hand_over(payload.text_message("hello"))
    receipt = retry_receipts.request(chat.device(CONTACT), node, CONTACT, bundle, sender=CLIENT, now=NOW)
    assert RetryRequest.read(receipt).bundle == bundle


@pytest.mark.parametrize(
    "receipt",
    [
        element("receipt"),
        element("receipt", element("retry")),
        element("receipt", element("retry", count="many")),
        element("receipt", element("retry", count="1"), element("keys")),
        element(
            "receipt",
            element("retry", count="1"),
            leaf("registration", b"1234"),
            element("keys", leaf("identity", bytes(32)), element("skey")),
        ),
    ],
)
def test_a_malformed_retry_receipt_is_a_protocol_error(receipt: Node) -> None:
    with pytest.raises(ProtocolError):
        RetryRequest.read(receipt)


def test_the_last_256_messages_can_be_asked_for() -> None:
    sent = SentMessages()
    for number in range(300):
        sent.remember(str(number), payload.text_message(str(number)))
    assert sent.find("43") is None
    assert sent.find("44") == payload.text_message("44")


def _parts(enc: Node) -> tuple[str, bytes]:
    return enc.get("type"), enc.data
