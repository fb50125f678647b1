"""Lost sessions of a running fleet: which come back, and which are left alone."""

from __future__ import annotations

import pytest
import pytest_asyncio

from diagnostics.catalogue import Action, reconnect_for
from diagnostics.gateway.contract import NotConnected, Phase, Reconnecting, Stage
from diagnostics.gateway.fleet.dependencies import Timing
from diagnostics.judging.judge import judge
from diagnostics.model import Mode, Verdict
from diagnostics.neonize import lease
from diagnostics.simulator import Drop, Event, Failure, Fault, Silence, StreamError
from tests.gateway.fleets import PATIENCE, new_fleet, place, until, view_when

pytestmark = pytest.mark.asyncio(loop_scope="module")

READY, LOGIN = Event.READY, Event.LOGIN
FINAL = {
    "unlinked": (Fault(READY, StreamError(401, "device_removed"), times=1),),
    "unlinked-meanwhile": (Fault(LOGIN, Failure(401)),),
    "locked": (Fault(LOGIN, Failure(403)),),
    "outdated": (Fault(LOGIN, Failure(405)),),
    "replaced": (Fault(READY, StreamError(conflict="replaced"), times=1),),
    "banned-without-an-end": (Fault(LOGIN, Failure(402, code=101, expire=0)),),
}
PASSING = {
    "refused-once": (Fault(LOGIN, Failure(400), times=1),),
    "unanswered": (Fault(LOGIN, Silence(), times=1),),
    "zombie": (Fault(READY, Drop(), times=1), Fault(LOGIN, Silence(), nth=2, times=1)),
    "banned-for-a-second": (Fault(LOGIN, Failure(402, code=104, expire=1), times=1),),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lost(whatsapp_server, whatsapp_template, tmp_path_factory):
    """A fleet that would try everything again at once, were it allowed to, with its sessions."""
    state = tmp_path_factory.mktemp("gateway")
    more = {"refused-twice": (Fault(LOGIN, Failure(400)),), "never-answered": (Fault(LOGIN, Silence()),)}
    faults = {**FINAL, **PASSING, **more}
    sessions = await place(state, whatsapp_server, whatsapp_template, *faults)
    for name, session in sessions.items():
        whatsapp_server.apply(session.account, faults[name])
    timing = Timing(probe=0.2, round_trip=0.3, login=0.5)
    fleet = new_fleet(state, whatsapp_server, chance=lambda: 0.0, timing=timing)
    await fleet.start()
    yield fleet, sessions
    await fleet.close(drain=0)


def logins(session):
    """How often the session's device has logged in, or tried to."""
    device = f"{session.account.phone}:"
    lines = [line for line in session.server.log if line.who.startswith(device)]
    return len({line.connection for line in lines})


@pytest.mark.parametrize("name", FINAL)
async def test_a_final_refusal_is_followed_by_no_connection(lost, name):
    fleet, sessions = lost
    await until(fleet, name, Phase.STOPPED)
    view = await fleet.look(name)
    assert (view.reconnecting.action, view.reconnecting.next_at) == ("never", None)
    assert reconnect_for(view.reconnecting.code, view.reconnecting.name).action is Action.NEVER
    assert logins(sessions[name]) == 1


@pytest.mark.parametrize("name", PASSING)
async def test_what_passes_is_survived(lost, name):
    fleet, _ = lost
    view = await view_when(fleet, name, lambda view: view.phase is Phase.ONLINE and view.last_disconnect is not None)
    assert view.reconnecting == Reconnecting()


async def test_a_single_attempt_that_ends_in_the_same_way_is_the_last(lost):
    fleet, sessions = lost
    await until(fleet, "refused-twice", Phase.STOPPED)
    assert logins(sessions["refused-twice"]) == 2
    assert (await fleet.look("refused-twice")).reconnecting.action == "once"


async def test_a_session_that_was_given_up_sends_nothing_and_says_why(lost, whatsapp_contact):
    fleet, _ = lost
    await until(fleet, "replaced", Phase.STOPPED)
    with pytest.raises(NotConnected, match=r"not connected \(stopped\)") as refused:
        await fleet.send_text("replaced", whatsapp_contact.jid, "hello", until=Stage.ACCEPTED, deadline=PATIENCE)
    assert (refused.value.reconnecting.code, refused.value.reconnecting.action) == (440, "never")


async def test_a_message_waits_for_the_login_of_a_session_that_connects(lost, whatsapp_contact):
    fleet, _ = lost
    await until(fleet, "refused-once", Phase.ONLINE)
    await fleet.reconnect("refused-once")
    assert (await fleet.look("refused-once")).phase is Phase.CONNECTING
    assert await fleet.find("refused-once", whatsapp_contact.phone, deadline=PATIENCE)
    await fleet.reconnect("refused-once")
    to = whatsapp_contact.jid
    sent = await fleet.send_text("refused-once", to, "hello", until=Stage.ACKNOWLEDGED, deadline=PATIENCE)
    assert Stage.ACKNOWLEDGED in sent.times


async def test_a_session_whose_login_was_not_answered_is_ill_also_while_it_tries_again(lost):
    fleet, _ = lost
    await view_when(fleet, "never-answered", lambda view: view.last_disconnect is not None)
    for phase in (Phase.WAITING, Phase.CONNECTING):
        view = await until(fleet, "never-answered", phase)
        diagnosis = judge(view.evidence, mode=Mode.PERMISSIVE, now=view.observed_at)
        assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNHEALTHY, "whatsapp-unreachable")
        assert view.reconnecting.name == "first-connect-failed"


async def test_a_session_that_was_given_up_is_connected_when_a_person_says_so(lost, whatsapp_server):
    fleet, sessions = lost
    await until(fleet, "outdated", Phase.STOPPED)
    whatsapp_server.apply(sessions["outdated"].account, ())
    await fleet.reconnect("outdated")
    await until(fleet, "outdated", Phase.ONLINE)


async def test_nobody_else_can_take_a_session_in_use(lost):
    fleet, sessions = lost
    await until(fleet, "refused-once", Phase.ONLINE)
    with pytest.raises(lease.SessionHeld, match="another process holds the session"):
        lease.acquire(sessions["refused-once"].store, recent=0)
