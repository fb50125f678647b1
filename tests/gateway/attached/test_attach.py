"""Bots with their health attached: real bots in processes of their own, the simulator, and somebody who asks."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from diagnostics.errors import UsageProblem
from diagnostics.gateway import attach
from diagnostics.neonize.attached import SharedCall
from diagnostics.simulator import Event, Fault, Silence, StreamError
from diagnostics.testing import eventually
from diagnostics.testing.sessions import PairedSession, RunningBot
from tests.check_runs import OK, runner_here

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
BOTS = Path(__file__).with_name("bots")
SYNC, ASYNC = EXAMPLES / "echo_bot_with_health.py", EXAMPLES / "async_echo_bot_with_health.py"
TOKEN = "a-token-of-the-tests"
PROMPTLY = 20.0  # s; a call that nobody answers keeps its thread for 75


class Health:
    """Asks a bot how it is."""

    def __init__(self, bot: RunningBot) -> None:
        self.address = bot.wait_for("health at").split()[-1]

    def get(self, path: str = "/whatsapp/health/testing", token: str = TOKEN) -> httpx2.Response:
        return httpx2.get(self.address + path, headers={"Authorization": f"Bearer {token}"}, timeout=PROMPTLY)

    def ask(self, query: str = "") -> tuple[int, str, list[str]]:
        """Status, verdict and causes."""
        answer = self.get(f"/whatsapp/health/testing{query}")
        return answer.status_code, answer.json()["verdict"], [each["cause"] for each in answer.json()["findings"]]


HEALTHY = (200, "healthy", [])


@pytest.fixture
def run(whatsapp_session: PairedSession) -> Callable:
    def run(script: Path, *arguments: str, store: Path = whatsapp_session.store):
        return whatsapp_session.run(script, str(store), *arguments, env={"WADIAG_TOKEN": TOKEN})

    return run


@pytest.mark.parametrize("script", [SYNC, ASYNC], ids=["sync", "asyncio"])
def test_a_bot_says_how_it_is_and_works_as_before(script, run, whatsapp_session, whatsapp_contact, whatsapp_server):
    with run(script, "0") as bot:
        health = Health(bot)
        bot.wait_for("ready")
        assert health.ask() == HEALTHY
        whatsapp_contact.send_text(whatsapp_session.account, "good morning")
        assert eventually(lambda: whatsapp_contact.texts == ("GOOD MORNING",))
        assert health.ask("?fresh=1&mode=strict") == HEALTHY

        assert health.get(token="another-token-of-tests").status_code == 401
        assert health.get("/whatsapp/health/other").status_code == 404
        assert [each["session"] for each in health.get("/whatsapp/sessions").json()["sessions"]] == ["testing"]
        assert health.get("/whatsapp/qr-image/testing").status_code == 404
        assert health.get("/livez").status_code == 200

        whatsapp_server.apply(whatsapp_session.account, [Fault(Event.TIME, StreamError(401, "device_removed"))])
        assert eventually(lambda: health.ask()[0] == 503)
        said = health.get("/whatsapp/health/testing?lang=id").json()
        assert said["findings"][0]["cause"] == "device-removed"
        assert said["message"].startswith("Session 'testing' tidak dalam kondisi sehat: ")
        assert (said["phase"], said["reconnecting"]["action"]) == ("stopped", "never")
        assert (said["last_disconnect"]["code"], said["last_disconnect"]["reason"]) == (401, "device_removed")
        assert whatsapp_session.account.phone not in str(said)

        bot.process.send_signal(signal.SIGINT)
        bot.process.wait(PROMPTLY)
    assert len(whatsapp_session.account.messages) == 1  # nothing else was sent


def test_a_connection_that_answers_nothing_is_detected_and_delays_nothing(run, whatsapp_session, whatsapp_server):
    with run(ASYNC, "0") as bot:
        health = Health(bot)
        bot.wait_for("ready")
        assert health.ask() == HEALTHY
        whatsapp_server.apply(whatsapp_session.account, [Fault(Event.QUESTION, Silence())])
        assert eventually(lambda: health.ask("?fresh=1") == (503, "unhealthy", ["zombie"]))
        assert health.ask() == (503, "unhealthy", ["zombie"])
        bot.process.send_signal(signal.SIGINT)  # while the library still waits for the answer
        bot.process.wait(PROMPTLY)


def test_a_login_that_is_not_answered_makes_the_bot_unhealthy(run, whatsapp_session, whatsapp_server):
    whatsapp_server.apply(whatsapp_session.account, [Fault(Event.LOGIN, Silence())])
    with run(BOTS / "impatient.py") as bot:
        health = Health(bot)
        assert eventually(lambda: health.ask() == (503, "unhealthy", ["whatsapp-unreachable"]))


def test_a_bots_troubles_are_reported_and_faults_of_the_health_routes_do_not_reach_it(run, tmp_path):
    told = tmp_path / "told"
    os.mkfifo(told)
    with run(BOTS / "troubled.py", str(told)) as bot:
        health = Health(bot)
        for wrong in ("twice", "port", "name", "token"):
            bot.wait_for(f"{wrong} refused: ")
        said = health.get()
        assert (said.status_code, said.json()["socket"]["state"]) == (503, "absent")

        told.write_text("connect through a proxy that is not there\n")
        bot.wait_for("failed")
        assert health.ask()[2][0] == "whatsapp-unreachable"

        told.write_text("connect\n")
        bot.wait_for("ready")
        assert eventually(lambda: health.ask() == HEALTHY)

        bot.process.send_signal(signal.SIGINT)
        bot.wait_for("connect returned")
        status, verdict, causes = health.ask()
        assert (status, verdict, causes[0]) == (503, "unhealthy", "socket-closed")

        told.write_text("connect while what hears the events is broken\n")
        bot.wait_for("ready")
        assert eventually(lambda: health.ask() == HEALTHY)  # by what can be asked


def test_a_bot_that_serves_http_itself_mounts_its_health(run, tmp_path):
    with run(BOTS / "mounted.py", store=tmp_path / "new.sqlite3") as bot:
        health = Health(bot)
        bot.wait_for("a code is shown")
        said = health.get()
        assert (said.status_code, said.json()["findings"][0]["cause"]) == (503, "not-paired")
        assert said.json()["phase"] == "pairing"
        assert health.get(token="another-token-of-tests").status_code == 401


def test_the_checks_diagnose_an_attached_bot(run, tmp_path):
    with run(SYNC, "0") as bot:
        health = Health(bot)
        bot.wait_for("ready")
        asked = ("--session", "testing", "--target", "gateway", "--url", health.address)
        ran = runner_here(tmp_path)(*asked, WADIAG_TOKEN=TOKEN)
    assert ran.code == OK
    assert "✔ testing  HEALTHY" in ran.out


def test_anything_but_a_client_is_refused_before_anything_listens_for_it(monkeypatch):
    monkeypatch.delenv("WADIAG_TOKEN", raising=False)
    for what, more in (("cannot attach to a object", {"token": TOKEN}), ("need a token", {})):
        with pytest.raises(UsageProblem, match=what):
            attach(object(), session="testing", port=0, **more)


async def test_a_question_that_hangs_is_asked_once_and_nobody_waits_beyond_the_deadline():
    asked: list[str] = []
    answer = threading.Event()

    async def hang() -> dict[str, str]:
        asked.append(threading.current_thread().name)
        assert threading.current_thread().daemon
        await asyncio.to_thread(answer.wait)  # as NewAClient calls Go: blocking, and on the loop's executor
        return {"it": "answered"}

    question = SharedCall(hang, "test")
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await question.ask(0.01)
    answer.set()
    assert await question.ask(PROMPTLY + time.monotonic()) == {"it": "answered"}
    assert asked == ["wadiag test"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncio")]


async def test_a_question_that_fails_tells_whoever_asked_and_is_asked_again_by_the_next():
    answers = iter([ValueError("no"), {"it": "answered"}])

    async def answer() -> dict[str, str]:
        match next(answers):
            case ValueError() as error:
                raise error
            case good:
                return good

    question = SharedCall(answer, "test")
    with pytest.raises(ValueError, match="no"):
        await question.ask(PROMPTLY)
    assert await question.ask(PROMPTLY) == {"it": "answered"}
