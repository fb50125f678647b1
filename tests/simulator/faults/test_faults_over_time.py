from __future__ import annotations

import pytest

from diagnostics.simulator.core.effects import Close
from diagnostics.simulator.faults.actions import (
    Certificate,
    CutShort,
    Drop,
    Duplicate,
    Event,
    Exhausted,
    Garbage,
    HalfOpen,
    Refusal,
    Reorder,
    Silence,
    Skew,
    Slow,
    StreamError,
)
from diagnostics.simulator.faults.fault_plan import Fault, Plan
from diagnostics.simulator.faults.scenarios import REHEARSALS, SCENARIOS
from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.keys import signed_by
from diagnostics.simulator.protocol.stanza import element
from diagnostics.simulator.simulator_errors import ProtocolError, SimulatorError
from tests.simulator.light_client import NOW, LightClient, message, new_hub, paired_client


def logged_in(*faults: Fault) -> LightClient:
    """Logged in and ready; the faults begin now."""
    client = paired_client(new_hub())
    client.login()
    client.get_ready()
    assert client.account is not None
    client.hub.apply(client.account, faults, client.now)
    return client


def ping(client: LightClient) -> int:
    """How many answers a question gets at once."""
    return len(client.say(element("iq", xmlns="w:p", type="get", id="1")))


def acks(client: LightClient, number: int) -> list[str]:
    """Ids in the acknowledgements that come at once for a message."""
    return [node.get("id") for node in client.say(message(number)) if node.tag == "ack"]


def test_a_fault_holds_from_then_until_then() -> None:
    plan = Plan([Fault(Event.MESSAGE, Silence(), after=5, lasts=10)], NOW)
    acts = [plan.meet(Event.MESSAGE, NOW + second) is not None for second in (0, 4.9, 5, 14.9, 15, 99)]
    assert acts == [False, False, True, True, False, False]


def test_a_fault_counts_only_what_it_waits_for() -> None:
    plan = Plan([Fault(Event.QUESTION, Refusal(429), nth=2, only="usync")], NOW)
    kinds = ["w:p", "usync", "encrypt", "usync", "usync"]
    assert [plan.meet(Event.QUESTION, NOW, kind) is not None for kind in kinds] == [False, False, False, True, True]


def test_time_alone_brings_a_fault() -> None:
    client = logged_in(Fault(Event.TIME, StreamError(conflict="replaced"), after=5))
    client.later(4.9)
    assert ping(client) == 1
    client.later(0.2)
    assert str(client.received[-1]) == '<stream:error><conflict type="replaced"/></stream:error>'


def test_a_connection_flaps_as_often_as_it_was_told_to() -> None:
    client = logged_in(Fault(Event.TIME, Drop(), after=6, every=6, times=3))
    drops = 0
    for _ in range(40):
        client.later(1)
        if not client.open:
            drops += 1
            client.hub.lost(client.stream, client.now)
            client.login()
            client.get_ready()
    assert drops == 3


def test_new_faults_end_the_old_ones_alarms() -> None:
    client = logged_in(Fault(Event.TIME, Drop(), after=1))
    assert client.account is not None
    client.hub.apply(client.account, (), client.now)
    client.later(2)
    assert client.open


def test_a_slow_line_keeps_the_order() -> None:
    client = logged_in(Fault(Event.SEND, Slow(latency=0.5), times=1))
    assert ping(client) == 0
    assert ping(client) == 0, "a stanza that is not slow itself waits for the one before it"
    client.later(0.4)
    before = len(client.received)
    client.later(0.2)
    assert len(client.received) == before + 2


def test_a_narrow_line_takes_its_time_for_each_byte() -> None:
    client = logged_in(Fault(Event.SEND, Slow(bandwidth=100)))
    assert [ping(client) for _ in range(3)] == [0, 0, 0]
    before, arrivals = len(client.received), []
    for _ in range(40):
        client.later(0.1)
        arrivals.append(len(client.received) - before)
    assert arrivals[0] == 0
    assert {1, 2, 3} <= set(arrivals), "one after the other"


def test_a_frame_is_cut_in_the_middle_and_the_connection_reset() -> None:
    client = logged_in(Fault(Event.SEND, CutShort(), nth=2))
    assert ping(client) == 1
    assert ping(client) == 0
    assert client.closed == Close(abrupt=True, reset=True)
    assert not client.open


def test_nobody_is_at_the_other_end() -> None:
    client = logged_in(Fault(Event.TIME, HalfOpen(), after=1))
    client.later(1.1)
    assert client.frozen
    assert ping(client) == 0
    assert client.closed is None
    stream = client.stream
    client.login()
    assert client.open
    assert stream.number != client.stream.number


def test_a_deaf_client_hears_nothing_and_is_heard() -> None:
    client = logged_in(Fault(Event.SEND, Silence()))
    client.say(message())
    assert ping(client) == 0
    assert client.account is not None
    assert len(client.account.messages) == 1


def test_the_servers_clock_can_be_wrong() -> None:
    client = paired_client(new_hub())
    assert client.account is not None
    client.hub.apply(client.account, [Fault(Event.LOGIN, Skew(-3600))], client.now)
    client.login()
    assert client.received[0].get("t") == str(int(NOW) - 3600)
    assert client.say(message())[0].get("t") == str(int(NOW) - 3600)


def test_acknowledgements_come_twice_or_in_another_order() -> None:
    client = logged_in(
        Fault(Event.MESSAGE, Duplicate(3), times=1),
        Fault(Event.MESSAGE, Reorder(2), nth=2),
    )
    assert acks(client, 1) == ["3EB1", "3EB1", "3EB1"]
    assert acks(client, 2) == []
    assert acks(client, 3) == ["3EB3", "3EB2"]


def test_an_acknowledgement_is_held_back_for_a_second_at_most() -> None:
    client = logged_in(Fault(Event.MESSAGE, Reorder(5)))
    assert acks(client, 1) == []
    before = len(client.received)
    client.later(1.1)
    assert [ack.get("id") for ack in client.received[before:]] == ["3EB1"]


def test_a_question_is_refused_by_its_namespace() -> None:
    client = logged_in(Fault(Event.QUESTION, Refusal(429), only="blocklist", times=1))
    assert client.ask("w:p", "get").get("type") == "result"
    refused = client.ask("blocklist", "get")
    assert str(refused.children[0]) == '<error code="429" text="rate-overlimit"/>'
    assert client.ask("blocklist", "get").get("type") == "result"


@pytest.mark.parametrize(
    ("action", "tags"), [(Exhausted(), {"registration", "type", "identity", "skey"}), (None, {"key"})]
)
def test_somebody_has_no_one_time_keys_left(action: Exhausted | None, tags: set[str]) -> None:
    client = logged_in()
    contact = client.hub.contact
    client.hub.apply(contact, [Fault(Event.BUNDLE, action)] if action else [], client.now)
    answer = client.ask("encrypt", "get", element("key", element("user", jid=contact.jid)))
    user = answer.child("list", "user")
    assert user is not None
    found = {child.tag for child in user.children}
    assert found == tags if action else tags <= found


def test_a_frame_of_nonsense_comes_before_a_stanza() -> None:
    client = logged_in(Fault(Event.SEND, Garbage(), times=1))
    with pytest.raises(ProtocolError, match="a list is expected"):
        ping(client)


@pytest.mark.parametrize("wrong", ["root", "serial", "expired", "early", "key"])
def test_a_certificate_chain_is_wrong_in_one_way_only(wrong: str) -> None:
    hub = new_hub()
    hub.apply(None, [Fault(Event.HELLO, Certificate(wrong))], NOW)  # type: ignore[arg-type]
    client = LightClient(hub)
    client.show_qr()
    chain, details = client.chain, wire.CertChain.NoiseCertificate.Details
    intermediate, leaf = details.FromString(chain.intermediate.details), details.FromString(chain.leaf.details)
    right = {
        "root": signed_by(hub.identity.root, chain.intermediate.details, chain.intermediate.signature),
        "serial": leaf.issuerSerial == intermediate.serial,
        "expired": leaf.notAfter > NOW,
        "early": leaf.notBefore < NOW,
        "key": leaf.key == hub.identity.static.public,
    }
    assert [name for name, holds in right.items() if not holds] == [wrong]
    assert signed_by(intermediate.key, chain.leaf.details, chain.leaf.signature)


@pytest.mark.parametrize(
    "wrong",
    [{"after": -1.0}, {"lasts": 0.0}, {"every": 5.0}, {"only": "iq"}],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SimulatorError):
        Fault(Event.MESSAGE, Silence(), **wrong)  # type: ignore[arg-type]


def test_every_course_has_a_name_of_its_own_and_takes_place() -> None:
    courses = {name: scenario for name, scenario in REHEARSALS.items() if name not in SCENARIOS}
    assert {"flapping", "deaf", "half-open", "slow", "replaced-later"} <= set(courses)
    assert {**SCENARIOS, **courses} == REHEARSALS
    for name, scenario in courses.items():
        assert scenario.faults, name
        logged_in(*scenario.faults)


def test_after_five_messages_the_server_takes_no_more_for_a_minute() -> None:
    client = logged_in(*REHEARSALS["rate-limited"].faults)
    errors = [client.say(message(number))[0].get("error") for number in range(7)]
    assert errors == ["", "", "", "", "", "429", "429"]
    client.later(60)
    assert client.say(message(8))[0].get("error") == ""
