from __future__ import annotations

import random as randomness

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostics.simulator.protocol.e2e.chains import MAX_AHEAD
from diagnostics.simulator.protocol.e2e.encryption_errors import AlreadyReceived, Undecipherable
from diagnostics.simulator.protocol.e2e.formats import Distribution
from diagnostics.simulator.protocol.e2e.sender_keys import Member, OwnSenderKey
from tests.simulator.light_client import seeded
from tests.simulator.protocol.e2e.devices import Person, two_people

GROUP = "120363000000000001@g.us"
quick = settings(max_examples=30, deadline=None)


def introduce(sender: Person, *members: Person) -> None:
    for member in members:
        member.device.learn(GROUP, sender.name, sender.device.distribution(GROUP))


def say(sender: Person, text: bytes) -> bytes:
    return sender.device.encrypt_for_group(GROUP, text)


def hear(member: Person, sender: Person, message: bytes) -> bytes:
    return member.device.decrypt_from_group(GROUP, sender.name, message)


def test_one_ciphertext_is_for_all_members() -> None:
    alice, bob = two_people()
    carol = Person("carol", seeded(3))
    introduce(alice, bob, carol)
    message = say(alice, b"hello all")
    assert hear(bob, alice, message) == hear(carol, alice, message) == b"hello all"


def test_a_device_without_the_sender_key_cannot_read() -> None:
    alice, bob = two_people()
    with pytest.raises(Undecipherable, match="never distributed"):
        hear(bob, alice, say(alice, b"secret"))


def test_a_member_who_joins_later_reads_from_then_on() -> None:
    alice, bob = two_people()
    before = say(alice, b"before")
    introduce(alice, bob)
    assert hear(bob, alice, say(alice, b"after")) == b"after"
    with pytest.raises(Undecipherable):
        hear(bob, alice, before)


def test_a_member_who_has_left_cannot_read_what_is_written_with_the_next_key() -> None:
    alice, bob = two_people()
    introduce(alice, bob)
    alice.device.renew(GROUP)
    with pytest.raises(Undecipherable):
        hear(bob, alice, say(alice, b"about bob"))


def test_a_member_cannot_pretend_to_be_another() -> None:
    """Bob knows the chain that Alice's messages are encrypted with, but not her signing key."""
    alice, bob = two_people()
    introduce(alice, bob)
    known = Distribution.read(alice.device.distribution(GROUP))
    forged = OwnSenderKey.create(bob.device._random)
    carol = Member().learn(known)
    forged = OwnSenderKey(known.id, carol.keys[0].chain, forged.signing)
    _, message = forged.encrypt(b"I am Alice", bob.device._random)
    with pytest.raises(Undecipherable, match="not signed"):
        carol.decrypt(message)


def test_a_key_that_is_distributed_again_neither_repeats_nor_loses_messages() -> None:
    """Some clients distribute the key in its current state with every message."""
    alice, bob = two_people()
    old = alice.device.distribution(GROUP)
    introduce(alice, bob)
    first, second = say(alice, b"one"), say(alice, b"two")
    introduce(alice, bob)
    assert hear(bob, alice, second) == b"two"
    assert hear(bob, alice, first) == b"one"
    bob.device.learn(GROUP, alice.name, old)
    with pytest.raises(AlreadyReceived):
        hear(bob, alice, first)


def test_a_key_that_has_moved_too_far_ahead_is_taken_as_it_is() -> None:
    alice, bob = two_people()
    introduce(alice, bob)
    own = alice.device._own[GROUP]
    chain = own.chain
    for _ in range(MAX_AHEAD + 1):
        chain, _ = chain.advance()
    alice.device._own[GROUP] = OwnSenderKey(own.id, chain, own.signing)
    introduce(alice, bob)
    assert hear(bob, alice, say(alice, b"a long time later")) == b"a long time later"


def test_five_sender_keys_of_a_member_are_kept() -> None:
    alice, bob = two_people()
    messages = []
    for number in range(6):
        alice.device.renew(GROUP)
        introduce(alice, bob)
        messages.append(say(alice, b"%d" % number))
    for number in range(1, 6):
        assert hear(bob, alice, messages[number]) == b"%d" % number
    with pytest.raises(Undecipherable):
        hear(bob, alice, messages[0])


@quick
@given(st.integers(0, 20), st.integers(0, 1_000))
def test_group_messages_are_read_in_any_order_and_once(count: int, seed: int) -> None:
    alice, bob = two_people(seed)
    introduce(alice, bob)
    texts = [b"%d" % number for number in range(count)]
    messages = [(say(alice, text), text) for text in texts]
    randomness.Random(seed).shuffle(messages)  # noqa: S311 - of a test
    for message, text in messages:
        assert hear(bob, alice, message) == text
    for message, _ in messages:
        with pytest.raises(AlreadyReceived):
            hear(bob, alice, message)


@quick
@given(st.data())
def test_a_group_message_of_which_one_bit_is_wrong_is_not_read(data: st.DataObject) -> None:
    alice, bob = two_people()
    introduce(alice, bob)
    message = bytearray(say(alice, b"hello"))
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    message[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Undecipherable):
        hear(bob, alice, bytes(message))
    message[bit // 8] ^= 1 << bit % 8
    assert hear(bob, alice, bytes(message)) == b"hello"


@quick
@given(st.binary(max_size=100) | st.binary(max_size=100).map(b"\x33".__add__))
def test_bytes_that_are_no_group_message_or_key_are_undecipherable(noise: bytes) -> None:
    alice, bob = two_people()
    with pytest.raises(Undecipherable):
        hear(bob, alice, noise)
    with pytest.raises(Undecipherable):
        bob.device.learn(GROUP, alice.name, noise)
