from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Flight
from hypothesis.stateful import RuleBasedStateMachine, consumes, rule

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.e2e.chains import MAX_AHEAD, MAX_KEPT, Chain
from diagnostics.simulator.protocol.e2e.encryption_errors import AlreadyReceived, Undecipherable, UnusableBundle
from diagnostics.simulator.protocol.e2e.formats import PreKeyMessage, SignalMessage
from diagnostics.simulator.protocol.e2e.signal_session import Session
from diagnostics.simulator.protocol.prekeys import Bundle
from tests.simulator.protocol.e2e.devices import Person, two_people

quick = settings(max_examples=40, deadline=None)


def test_the_first_message_opens_a_session_and_an_answer_settles_it() -> None:
    alice, bob = two_people()
    first, second = alice.write(bob, b"one"), alice.write(bob, b"two")
    assert (first[0], second[0]) == ("pkmsg", "pkmsg"), "until bob answers, each must be able to be the first"
    assert bob.read(alice, first) == b"one"
    assert bob.read(alice, second) == b"two"
    answer = bob.write(alice, b"three")
    assert answer[0] == "msg"
    assert alice.read(bob, answer) == b"three"
    settled = alice.write(bob, b"four")
    assert settled[0] == "msg"
    assert bob.read(alice, settled) == b"four"


def test_a_one_time_prekey_is_used_once() -> None:
    alice, bob = two_people()
    bundle = bob.bundle()
    assert bob.read(alice, alice.device.encrypt("bob", b"one", lambda: bundle)) == b"one"
    carol = Person("carol", alice.device._random)
    with pytest.raises(Undecipherable, match="used up"):
        bob.read(carol, carol.device.encrypt("bob", b"two", lambda: bundle))


def test_a_session_needs_no_one_time_prekey() -> None:
    alice, bob = two_people()
    bundle = replace(bob.bundle(), one_time=None)
    assert bob.read(alice, alice.device.encrypt("bob", b"one", lambda: bundle)) == b"one"


def test_a_first_message_that_cannot_be_read_does_not_cost_the_prekey() -> None:
    alice, bob = two_people()
    kind, data = alice.write(bob, b"one")
    with pytest.raises(Undecipherable):
        bob.read(alice, (kind, data[:-1] + bytes((data[-1] ^ 1,))))
    assert bob.read(alice, (kind, data)) == b"one"


@pytest.mark.parametrize("part", ["identity", "signature", "signed"])
def test_a_bundle_that_its_identity_has_not_signed_is_refused(part: str) -> None:
    alice, bob = two_people()
    good, other = bob.bundle(), alice.bundle()
    bad: dict[str, Bundle] = {
        "identity": replace(good, identity=other.identity),
        "signature": replace(good, signed=replace(good.signed, signature=bytes(64))),
        "signed": replace(good, signed=replace(good.signed, public=other.signed.public)),
    }
    with pytest.raises(UnusableBundle):
        alice.device.start("bob", bad[part])
    with pytest.raises(UnusableBundle):
        alice.device.encrypt("bob", b"", lambda: None)


def test_a_public_key_that_gives_no_secret_is_refused() -> None:
    alice, bob = two_people()
    bundle = bob.bundle()
    assert bundle.one_time is not None
    with pytest.raises(UnusableBundle):
        alice.device.start("bob", replace(bundle, one_time=replace(bundle.one_time, public=bytes(32))))


def test_both_may_write_first_at_once() -> None:
    alice, bob = two_people()
    to_bob, to_alice = alice.write(bob, b"hello"), bob.write(alice, b"hi")
    assert alice.read(bob, to_alice) == b"hi"
    assert bob.read(alice, to_bob) == b"hello"
    for number in range(6):
        text = b"%d" % number
        assert bob.read(alice, alice.write(bob, text)) == text
        assert alice.read(bob, bob.write(alice, text)) == text
    assert alice.write(bob, b"")[0] == "msg"


def test_messages_of_the_session_before_are_still_read_after_a_new_start() -> None:
    alice, bob = two_people()
    bob.read(alice, alice.write(bob, b"one"))
    alice.read(bob, bob.write(alice, b"two"))
    late = alice.write(bob, b"late")
    alice.device.start("bob", bob.bundle())
    anew = alice.write(bob, b"anew")
    assert anew[0] == "pkmsg"
    assert bob.read(alice, anew) == b"anew"
    assert bob.read(alice, late) == b"late"


def test_no_more_than_forty_sessions_are_archived() -> None:
    alice, bob = two_people()
    session = Session()
    for _ in range(50):
        session = session.initiate(alice.phone, bob.bundle(), alice.device._random)
    assert len(session.ratchets) == 41


# Order of arrival


@quick
@given(st.integers(0, 1_000), st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=4), st.randoms())
def test_whatever_the_order_every_message_is_read_exactly_once(
    seed: int, rounds: list[tuple[bool, int]], shuffle: object
) -> None:
    """Rounds in turns: one side writes some messages, of which the first arrives now and the others at the end."""
    alice, bob = two_people(seed)
    bob.read(alice, alice.write(bob, b""))
    alice.read(bob, bob.write(alice, b""))
    late = []
    for by_alice, count in rounds:
        writer, reader = (alice, bob) if by_alice else (bob, alice)
        texts = [b"%d" % number for number in range(count)]
        messages = [writer.write(reader, text) for text in texts]
        assert reader.read(writer, messages[0]) == texts[0]
        late += [(writer, reader, message, text) for message, text in zip(messages[1:], texts[1:], strict=True)]
    shuffle.shuffle(late)  # type: ignore[attr-defined]
    for writer, reader, message, text in late:
        assert reader.read(writer, message) == text
    for writer, reader, message, _ in late:
        with pytest.raises(AlreadyReceived):
            reader.read(writer, message)


class Network(RuleBasedStateMachine):
    """Two people on a network that loses, repeats and reorders, and who at times lose all their sessions."""

    flight = Flight("flight")

    def __init__(self) -> None:
        super().__init__()
        self.people = two_people()
        self.written = 0
        self.was_read: set[bytes] = set()

    @rule(target=flight, writer=st.integers(0, 1))
    def write(self, writer: int) -> tuple[int, tuple[str, bytes], bytes]:
        self.written += 1
        text = b"message %d" % self.written
        return writer, self.people[writer].write(self.people[1 - writer], text), text

    @rule(message=flight)
    def arrive(self, message: tuple[int, tuple[str, bytes], bytes]) -> None:
        """Perhaps not for the first time."""
        writer, sealed, text = message
        try:
            plain = self.people[1 - writer].read(self.people[writer], sealed)
        except Undecipherable:
            return
        assert plain == text
        assert text not in self.was_read, "a message was read twice"
        self.was_read.add(text)

    @rule(message=consumes(flight))
    def get_lost(self, message: object) -> None:
        pass

    @rule(who=st.integers(0, 1))
    def lose_sessions(self, who: int) -> None:
        self.people[who].device.forget(self.people[1 - who].name)

    @rule(writer=st.integers(0, 1))
    def retry(self, writer: int) -> None:
        """However confused the two are, a fresh session puts it right."""
        sender, receiver = self.people[writer], self.people[1 - writer]
        sender.device.start(receiver.name, receiver.bundle())
        assert receiver.read(sender, sender.write(receiver, b"again")) == b"again"
        assert sender.read(receiver, receiver.write(sender, b"fine")) == b"fine"


Network.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


class TestANetworkThatLosesRepeatsAndReorders(Network.TestCase):  # type: ignore[misc]
    pass


def test_keys_of_messages_that_never_came_are_kept_within_bounds() -> None:
    chain = Chain(bytes(32))
    far, _ = chain.take(MAX_AHEAD)
    assert len(far.skipped) == MAX_KEPT
    further, _ = far.take(far.index + 10)
    assert len(further.skipped) == MAX_KEPT
    with pytest.raises(AlreadyReceived):
        further.take(9)
    assert further.take(10)[1] == chain.take(10)[1]
    with pytest.raises(Undecipherable, match="ahead"):
        chain.take(MAX_AHEAD + 1)


# Damaged messages


@quick
@given(st.data())
def test_a_message_of_which_one_bit_is_wrong_is_not_read(data: st.DataObject) -> None:
    alice, bob = two_people()
    bob.read(alice, alice.write(bob, b"one"))
    alice.read(bob, bob.write(alice, b"two"))
    kind, message = alice.write(bob, b"three")
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    with pytest.raises(Undecipherable):
        bob.read(alice, (kind, _flip(message, bit)))
    assert bob.read(alice, (kind, message)) == b"three", "the attempt must leave no trace"


@quick
@given(st.data())
def test_a_first_message_of_which_one_bit_is_wrong_says_nothing_else(data: st.DataObject) -> None:
    """The protocol leaves the sender's registration number unprotected, so that some bits do no harm."""
    alice, bob = two_people()
    kind, message = alice.write(bob, b"one")
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    try:
        assert bob.read(alice, (kind, _flip(message, bit))) == b"one"
    except Undecipherable:
        assert bob.read(alice, (kind, message)) == b"one"


@quick
@given(
    st.sampled_from(["pkmsg", "msg", "skmsg", ""]), st.binary(max_size=80) | st.binary(max_size=80).map(b"\x33".__add__)
)
def test_bytes_that_are_no_message_are_undecipherable(kind: str, noise: bytes) -> None:
    alice, bob = two_people()
    with pytest.raises(Undecipherable):
        bob.read(alice, (kind, noise))


def test_a_key_with_its_last_bit_set_is_refused() -> None:
    """X25519 ignores the last bit of a key."""
    alice, bob = two_people()
    first = PreKeyMessage.read(alice.write(bob, b"one")[1])
    base = first.base[:31] + bytes((first.base[31] | 0x80,))
    with pytest.raises(Undecipherable, match="base key"):
        bob.read(alice, ("pkmsg", replace(first, base=base).encode()))


def test_a_message_is_written_as_others_write_it() -> None:
    """Receivers in Go encode the fields again before they check the MAC: in order, and zeros too."""
    message = SignalMessage.write(b"\1" * 32, 0, 0, b"\2" * 16, lambda body: body[:1] * 32)
    expected = b"\x33\x0a\x21\x05" + b"\1" * 32 + b"\x10\x00\x18\x00\x22\x10" + b"\2" * 16
    assert message.encode() == expected + b"\x33" * 8


def test_a_message_says_how_long_the_chain_before_was() -> None:
    """Signal's libraries write the number of its last message, and 0 where it had none."""
    alice, bob = two_people()
    previous = []
    for _ in range(3):
        for _ in range(3):
            sealed = alice.write(bob, b"")
            bob.read(alice, sealed)
        body = sealed[1] if sealed[0] == "msg" else PreKeyMessage.read(sealed[1]).message.encode()
        previous.append(wire.SignalMessage.FromString(body[1:-8]).previousCounter)
        alice.read(bob, bob.write(alice, b""))
    assert previous == [0, 2, 2]


def _flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
