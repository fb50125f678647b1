"""What recordings of WAHA in one state do not show: states that flip, people who are not there, and linking."""

from __future__ import annotations

import pytest

from diagnostics.judging.judge import judge
from diagnostics.model import Aspect, Mode, SocketState
from diagnostics.targets.http.dialect import Answer, Ask, Found, NoAnswer, Pause
from diagnostics.targets.http.dialects.waha import Waha
from tests.targets.http.replay import NOW, Recording, look


def answer(status: int = 200, /, **content: object) -> Answer:
    return Answer("GET http://127.0.0.1:3000/api/sessions/default", status, content, NOW)


def looked(*statuses: str) -> Found:
    """What a look finds where the session says these one after another, the last for ever."""
    found = Found()
    steps = Waha().look("default", frozenset(Aspect), found)
    left = list(statuses)
    wanted = next(steps)
    try:
        while True:
            if isinstance(wanted, Pause):
                wanted = next(steps)
            else:
                said = left.pop(0) if len(left) > 1 else left[0]
                wanted = steps.send(answer(name="default", status=said))
    except StopIteration:
        return found


def test_a_session_that_flips_between_working_and_starting_is_not_called_open():
    """As one does that another client replaces again and again."""
    socket = looked("WORKING", "STARTING", "WORKING").observations[Aspect.SOCKET]
    assert (socket.value, socket.raw) == (SocketState.CONNECTING, "status=WORKING, STARTING by turns")
    assert looked("WORKING").observations[Aspect.SOCKET].value is SocketState.OPEN


def test_a_status_that_nobody_has_heard_of_is_unknown():
    assert looked("DREAMING").observations[Aspect.SOCKET].value is SocketState.UNKNOWN


@pytest.mark.parametrize(
    "strange",
    [
        answer(404, message="Cannot GET /api/sessions/default"),
        answer(500, message="It broke."),
        answer(name="another", status="WORKING"),
        answer(name="default"),
    ],
)
def test_an_answer_that_is_not_about_the_session_tells_nothing(strange):
    found = Found()
    steps = Waha().look("default", frozenset(Aspect), found)
    next(steps)
    with pytest.raises(NoAnswer, match="does not tell how the session is"):
        steps.send(strange)
    assert found.observations == {}


@pytest.mark.parametrize(
    ("states", "send_to", "cause"),
    [
        (["send-ok", "connected"], "15550008888", "recipient-invalid"),
        (["replaced", "send-ok"], "15550009999", "send-failed"),
    ],
)
async def test_a_send_that_failed_says_why(states, send_to, cause):
    evidence = await look(Waha(), Recording("waha", states), "default", send_to)
    diagnosis = judge(evidence, mode=Mode.PERMISSIVE, now=NOW)
    assert (diagnosis.root.check, diagnosis.root.cause) == ("send.text", cause)


async def test_all_sessions_are_listed():
    assert await Recording("waha", ["connected"]).carry_out(Waha().sessions()) == ("default",)


async def test_a_session_is_linked_by_the_code_that_waha_shows():
    code = await Recording("waha", ["created-not-scanned"]).carry_out(Waha().code("default", "", 5.0))
    assert code.startswith("2@")
    assert await Recording("waha", ["connected"]).carry_out(Waha().code("default", "", 5.0)) is None


async def test_a_session_that_does_not_run_shows_no_code_and_says_what_to_do():
    with pytest.raises(NoAnswer, match="the session is STOPPED; start it in WAHA first"):
        await Recording("waha", ["no-such-session"]).carry_out(Waha().code("default", "", 5.0))


def test_nothing_but_reading_is_asked_in_a_look():
    steps = Waha().look("default", frozenset(Aspect), Found())
    first = next(steps)
    assert isinstance(first, Ask)
    assert first.method == "GET"
