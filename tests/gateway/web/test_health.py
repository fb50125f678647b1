"""The health answer: from a view of a session to status, words and form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from diagnostics.evidence.exchange import from_plain
from diagnostics.gateway.contract import NoSuchSession, Phase, Reconnecting, SessionView
from diagnostics.gateway.web.health_routes import HEALTH_JSON, health_router
from diagnostics.gateway.web.problem_responses import install_problem_handlers
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Evidence, Language, Mode, SocketState
from tests.evidence_samples import NOW, evidence, lost

HEALTHY = SessionView(evidence(text=Absence.NOT_ASKED, image=Absence.NOT_ASKED), Phase.ONLINE, NOW)
UNKNOWN_SOCKET = replace(
    HEALTHY, evidence=evidence(socket=SocketState.UNKNOWN, text=Absence.NOT_ASKED, image=Absence.NOT_ASKED)
)
REMOVED = replace(
    HEALTHY,
    evidence=evidence(
        authenticated=False,
        disconnect=lost(401, "device_removed", permanent=True),
        socket=SocketState.CLOSED,
        round_trip=Absence.BLOCKED,
        send_available=Absence.BLOCKED,
        text=Absence.NOT_ASKED,
        image=Absence.NOT_ASKED,
    ),
    phase=Phase.STOPPED,
    last_connected=NOW - timedelta(minutes=5),
    last_disconnect=lost(401, "device_removed", permanent=True),
    reconnecting=Reconnecting(0, None, "never", 401, "loggedOut"),
)
HUNG = replace(
    HEALTHY,
    evidence=evidence(
        socket=Absence.TIMEOUT, round_trip=Absence.BLOCKED, text=Absence.NOT_ASKED, image=Absence.NOT_ASKED
    ),
)


class Source:
    """Sessions whose views are given."""

    def __init__(self, **views: SessionView) -> None:
        self.views = views
        self.asked_fresh: list[str] = []

    def names(self) -> Sequence[str]:
        return tuple(self.views)

    def ready(self) -> str:
        return ""

    async def look(self, session: str, *, fresh: bool = False) -> SessionView:
        if session not in self.views:
            raise NoSuchSession(session)
        if fresh:
            self.asked_fresh.append(session)
        return self.views[session]


def client(source: Source, **settings) -> TestClient:
    app = FastAPI()
    app.include_router(health_router(source, clock=lambda: NOW, **settings))
    install_problem_handlers(app, Language.ENGLISH, body_limit=1000)
    return TestClient(app)


def ask(view: SessionView, query: str = "", **headers: str):
    return client(Source(testing=view)).get(f"/whatsapp/health/testing{query}", headers=headers)


@pytest.mark.parametrize(
    ("view", "status", "verdict"),
    [
        (HEALTHY, 200, "healthy"),
        (UNKNOWN_SOCKET, 200, "degraded"),
        (REMOVED, 503, "unhealthy"),
        (HUNG, 503, "unknown"),
    ],
)
def test_the_status_says_whether_it_can_send_and_unknown_is_not_healthy(view, status, verdict):
    answer = ask(view)
    assert (answer.status_code, answer.json()["verdict"]) == (status, verdict)
    assert answer.headers["cache-control"] == "no-store"


def test_a_session_that_does_not_exist_is_a_404_with_a_remedy():
    answer = client(Source()).get("/whatsapp/health/nobody")
    assert answer.status_code == 404
    assert answer.json()["code"] == "no-such-session"
    assert answer.json()["remedy"]


def test_the_document_says_what_is_known_what_is_wrong_and_what_to_do():
    said = ask(REMOVED).json()
    assert (said["session"], said["exists"], said["authenticated"]) == ("testing", True, False)
    assert said["socket"] == {"state": "closed", "value": 3, "raw": "raw socket"}
    assert said["send_available"] is None
    assert said["findings"][0] | {"why": "", "remedy": []} == {
        "check": "session.authenticated",
        "cause": "device-removed",
        "severity": "critical",
        "claim": "the phone unlinked this device (401 device_removed, 2026-11-22 10:41:07 UTC)",
        "measured": "",
        "why": "",
        "remedy": [],
    }
    again = "pytest checks --session testing --target gateway"
    assert again in [step["command"] for step in said["findings"][0]["remedy"]]
    assert said["last_disconnect"] == {
        "code": 401,
        "reason": "device_removed",
        "at": "2026-11-22T10:41:07Z",
        "expires": None,
    }
    assert said["reconnecting"]["action"] == "never"
    assert said["phase"] == "stopped"
    assert said["last_connected"] == "2026-11-22T10:36:07Z"
    assert {check["check"]: check["outcome"] for check in said["checks"]}["socket.state"] == "blocked"


def test_strict_mode_fails_on_a_socket_state_that_permissive_mode_lets_pass():
    assert ask(UNKNOWN_SOCKET).json()["findings"][0]["severity"] == "warning"
    strict = ask(UNKNOWN_SOCKET, "?mode=strict")
    assert (strict.status_code, strict.json()["mode"], strict.json()["verdict"]) == (503, "strict", "unhealthy")


@pytest.mark.parametrize(
    ("query", "header", "spoken"),
    [
        ("", "", "en"),
        ("", "id-ID, id;q=0.9, en;q=0.5", "id"),
        ("", "fr, en;q=0.4, id;q=0.2", "en"),
        ("", "id;q=0, *", "en"),
        ("?lang=id", "en", "id"),
    ],
)
def test_it_speaks_the_language_that_the_caller_asks_for(query, header, spoken):
    answer = ask(UNKNOWN_SOCKET, query, **{"Accept-Language": header})
    says = {
        "en": "Session 'testing' is not in a healthy condition: WebSocket state unknown",
        "id": "Session 'testing' tidak dalam kondisi sehat: WebSocket state unknown",
    }
    assert answer.json()["message"] == says[spoken]
    assert answer.headers["content-language"] == spoken
    assert answer.headers["vary"] == "Accept, Accept-Language"


def test_the_default_language_may_be_indonesian():
    answer = client(Source(testing=HEALTHY), language=Language.INDONESIAN).get("/whatsapp/health/testing")
    assert answer.headers["content-language"] == "id"


def test_fresh_asks_the_source_again():
    source = Source(testing=HEALTHY)
    client(source).get("/whatsapp/health/testing")
    assert source.asked_fresh == []
    client(source).get("/whatsapp/health/testing?fresh=1")
    assert source.asked_fresh == ["testing"]


@pytest.mark.parametrize("query", ["?mode=lenient", "?lang=fr", "?fresh=perhaps"])
def test_invalid_queries_are_refused(query):
    assert ask(HEALTHY, query).status_code == 422


def test_another_judge_comes_to_the_same_verdict_from_the_evidence_in_the_document():
    for view in (HEALTHY, UNKNOWN_SOCKET, REMOVED, HUNG):
        said = ask(view).json()
        judged = judge(from_plain(said["evidence"], now=NOW), mode=Mode.PERMISSIVE, now=NOW)
        assert [f.cause for f in judged.findings] == [f["cause"] for f in said["findings"]]
        assert judged.verdict == said["verdict"]


@pytest.mark.parametrize("accept", ["application/json", HEALTH_JSON])
def test_no_number_and_no_key_is_in_it(accept):
    raw = "628123456789:3@s.whatsapp.net said pushName: Budi, token=s3cretvalue"
    seen = {aspect: replace(o, raw=raw, detail=raw) for aspect, o in REMOVED.evidence.observations.items()}
    named = Evidence("628123456789", "gateway", seen, took=0.1)
    view = replace(
        REMOVED,
        evidence=named,
        jid="628123456789:3@s.whatsapp.net",
        last_disconnect=replace(lost(401, raw), raw=raw),
        reconnecting=Reconnecting(0, None, "once", 599, raw),
    )
    answer = client(Source(**{"628123456789": view})).get("/whatsapp/health/628123456789", headers={"Accept": accept})
    assert answer.status_code == 503
    for secret in ("628123456789", "Budi", "s3cretvalue"):
        assert secret not in answer.text


def test_monitors_get_health_json_when_they_ask_for_it():
    healthy = ask(HEALTHY, Accept=HEALTH_JSON)
    assert healthy.headers["content-type"] == HEALTH_JSON
    assert healthy.status_code == 200
    said = healthy.json()
    assert (said["status"], said["serviceId"]) == ("pass", "testing")
    assert "output" not in said
    assert said["checks"]["session:responds"] == [
        {
            "componentType": "component",
            "observedValue": 0.004,
            "observedUnit": "s",
            "status": "pass",
            "time": "2026-11-22T10:41:07Z",
        }
    ]
    assert "send:text" not in said["checks"]  # nobody asked for it


@pytest.mark.parametrize(("view", "status"), [(UNKNOWN_SOCKET, "warn"), (REMOVED, "fail"), (HUNG, "fail")])
def test_health_json_says_what_is_wrong(view, status):
    answer = ask(view, Accept=f"{HEALTH_JSON}, application/json;q=0.5")
    assert answer.json()["status"] == status
    assert answer.status_code == (503 if status == "fail" else 200)
    assert "ession 'testing'" in answer.json()["output"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/*", "text/html", "application/health+json;q=0.1, */*"])
def test_every_other_caller_gets_plain_json(accept):
    assert ask(HEALTHY, Accept=accept).headers["content-type"] == "application/json"


def test_the_answer_is_as_openapi_says():
    app = client(Source(testing=HEALTHY)).app
    answers = app.openapi()["paths"]["/whatsapp/health/{sessionId}"]["get"]["responses"]
    for status in ("200", "503"):
        assert set(answers[status]["content"]) == {"application/json", HEALTH_JSON}
        assert answers[status]["content"]["application/json"]["schema"]["$ref"].endswith("/HealthDocument")
    assert "$ref" not in json.dumps(answers["200"]["content"][HEALTH_JSON])
