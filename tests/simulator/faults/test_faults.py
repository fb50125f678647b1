from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import pytest

from diagnostics.simulator.core.effects import Close
from diagnostics.simulator.faults.actions import (
    Drop,
    Duplicate,
    Event,
    Failure,
    Garbage,
    HttpStatus,
    Refusal,
    Reorder,
    Silence,
    Skew,
    Slow,
    StreamError,
)
from diagnostics.simulator.faults.fault_plan import Fault, Plan
from diagnostics.simulator.protocol.stanza import element
from diagnostics.simulator.simulator_errors import SimulatorError
from tests.simulator.light_client import NOW, LightClient, message, new_hub, paired_client


def faulty(*faults: Fault) -> LightClient:
    """Paired, and about to log in to an account with these faults."""
    client = paired_client(new_hub())
    assert client.account is not None
    client.hub.apply(client.account, faults, client.now)
    return client


def test_a_login_can_fail_with_code_and_expiry() -> None:
    client = faulty(Fault(Event.LOGIN, Failure(402, code=101, expire=86400)))
    client.login()
    assert str(client.received[-1]) == '<failure reason="402" code="101" expire="86400"/>'


def test_the_connection_ends_a_moment_after_the_client_has_read_the_last_word() -> None:
    client = faulty(Fault(Event.LOGIN, Failure(405)))
    client.login()
    assert (client.pings, client.closed) == (1, None)
    client.later(1.0)
    assert client.closed is None
    client.pong()
    client.later(0.04)
    assert client.closed is None
    client.later(0.02)
    assert client.closed == Close()


def test_the_connection_ends_also_when_the_client_says_nothing() -> None:
    client = faulty(Fault(Event.LOGIN, Failure(405)))
    client.login()
    client.later(2.0)
    client.later(0.06)
    assert client.closed == Close()


def test_a_login_and_everything_after_it_can_stay_unanswered() -> None:
    client = faulty(Fault(Event.LOGIN, Silence()))
    client.login()
    assert client.received == []
    assert client.say(element("iq", xmlns="w:p", type="get", id="1")) == []
    assert client.closed is None


def test_after_a_complete_login_the_answer_is_read_first() -> None:
    client = faulty(Fault(Event.READY, StreamError(401, "device_removed")))
    client.login()
    client.get_ready()
    assert client.received[-1].tag == "iq"
    assert client.say(element("iq", xmlns="w:p", type="get", id="1")) == [], "nothing is answered from here on"
    client.pong()
    client.later(0.06)
    assert str(client.received[-1]) == '<stream:error code="401"><conflict type="device_removed"/></stream:error>'
    client.pong()
    client.later(0.06)
    assert client.closed == Close()


def test_ready_comes_once_a_login() -> None:
    client = faulty(Fault(Event.READY, Drop(), nth=2))
    client.login()
    client.get_ready()
    client.get_ready()
    assert client.open
    client.login()
    client.get_ready()
    assert not client.open


def test_the_first_login_works_and_no_later_one() -> None:
    client = faulty(Fault(Event.READY, Drop(), times=1), Fault(Event.LOGIN, Drop(), nth=2))
    client.login()
    client.get_ready()
    client.pong()
    client.later(0.06)
    assert client.closed == Close(abrupt=True)
    for _ in range(3):
        client.login()
        assert client.received == []
        assert client.closed == Close(abrupt=True)


def test_the_third_message_is_refused_and_only_that() -> None:
    client = faulty(Fault(Event.MESSAGE, Refusal(463), nth=3, times=1))
    client.login()
    errors = [client.say(message(number))[0].get("error") for number in range(1, 5)]
    assert errors == ["", "", "463", ""]
    assert client.account is not None
    assert [(m.acknowledged, m.error) for m in client.account.messages][2:] == [(False, 463), (True, None)]


def test_a_message_can_stay_unacknowledged() -> None:
    client = faulty(Fault(Event.MESSAGE, Silence()))
    client.login()
    assert client.say(message()) == []
    assert client.open
    assert client.account is not None
    assert [(m.acknowledged, m.error) for m in client.account.messages] == [(False, None)]


def test_a_message_can_cut_the_connection() -> None:
    client = faulty(Fault(Event.MESSAGE, Drop()))
    client.login()
    client.say(message())
    assert client.closed == Close(abrupt=True)


def test_faults_are_of_one_account_and_can_be_lifted() -> None:
    client = faulty(Fault(Event.LOGIN, Failure(405)))
    other = paired_client(client.hub, seed=2)
    other.login()
    assert other.open
    assert client.account is not None
    client.hub.apply(client.account, (), client.now)
    client.login()
    assert client.open


def test_of_two_faults_for_one_event_the_first_that_fits_acts() -> None:
    plan = Plan((Fault(Event.MESSAGE, Refusal(463), nth=2, times=2), Fault(Event.MESSAGE, Silence(), nth=3)))
    assert [plan.meet(Event.MESSAGE, NOW) for _ in range(4)] == [None, Refusal(463), Refusal(463), Silence()]


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (Event.MESSAGE, Failure(405)),
        (Event.READY, Silence()),
        (Event.LOGIN, Refusal(463)),
        (Event.LOGIN, HttpStatus(500)),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(event: Event, action: object) -> None:
    with pytest.raises(SimulatorError, match="cannot happen on"):
        Fault(event, action)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (lambda: Fault(Event.TIME, Drop(), every=1e-7), "every=1e-07: a number from 0.01"),
        (lambda: Fault(Event.TIME, Drop(), after=nan), "after=nan"),
        (lambda: Fault(Event.TIME, Drop(), lasts=-1.0), "lasts=-1.0"),
        (lambda: Fault(Event.LOGIN, Drop(), every=1.0), "between two events of time"),
        (lambda: Slow(latency=-1.0), "latency=-1.0: a number from 0"),
        (lambda: Slow(bandwidth=inf), "bandwidth=inf"),
        (lambda: Skew(inf), "seconds=inf"),
        (lambda: Garbage(size=10**9), "size=1000000000: a number from 0 to 1000000"),
        (lambda: Duplicate(10**9), "copies="),
        (lambda: Reorder(0), "among=0"),
        (lambda: HttpStatus(42), "status=42"),
    ],
)
def test_a_number_that_would_be_the_end_of_the_server_is_refused(fault: Callable[[], object], complaint: str) -> None:
    with pytest.raises(SimulatorError, match=complaint):
        fault()


@pytest.mark.parametrize("numbers", [{"nth": 0}, {"times": 0}])
def test_faults_count_from_one(numbers: dict[str, int]) -> None:
    with pytest.raises(SimulatorError, match="count from 1"):
        Fault(Event.LOGIN, Silence(), **numbers)
