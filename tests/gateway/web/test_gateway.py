"""The gateway over HTTP, with real clients in a fleet, against the simulator."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import zxingcpp
from fastapi import FastAPI
from PIL import Image

from diagnostics.gateway.access_tokens import Scope, Token, Tokens
from diagnostics.gateway.contract import Phase
from diagnostics.gateway.fleet.fleet import Fleet
from diagnostics.gateway.gateway_settings import GatewaySettings
from diagnostics.gateway.web import app_context
from diagnostics.gateway.web.app import create_app
from diagnostics.simulator import Event, Fault, Refusal, Silence, SimulatedAccount, Slow, WhatsAppServer
from diagnostics.testing.sessions import Template
from tests.gateway.fleets import PATIENCE, new_fleet, place, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN, SENDER, READER = "admin-0123456789", "sender-0123456789", "reader-0123456789"
LIMIT = 200_000
SETTINGS = GatewaySettings(
    tokens=Tokens(
        (
            Token.of("ops", ADMIN, Scope.ADMIN),
            Token.of("shop", SENDER, Scope.SEND),
            Token.of("monitor", READER, Scope.READ),
        )
    ),
    body_limit=LIMIT,
)
NUMBER = "628123456789"  # as the name of a session
BY_ACK = ("acknowledged", "delivered")  # a receipt may be as fast as the acknowledgement


@dataclass(frozen=True)
class Gateway:
    """A gateway, and whoever is at the phones."""

    fleet: Fleet
    http: httpx2.AsyncClient
    server: WhatsAppServer
    friend: SimulatedAccount
    owners: dict[str, SimulatedAccount]

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.http.get(path, **more)

    async def send(self, session: str = "shop", *, phone: str = "", key: str = "", **body: Any) -> httpx2.Response:
        """A text through the session, for the friend unless another number is given."""
        content = {"sessionId": session, "phone": phone or f"+{self.friend.phone}", "message": "hello", **body}
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post("/whatsapp/send-message", json=content, headers=headers)


@asynccontextmanager
async def gateway_with(
    state: Path, whatsapp_server: WhatsAppServer, template: Template, *names: str
) -> AsyncIterator[Gateway]:
    """A gateway whose sessions of these names are online."""
    placed = await place(state, whatsapp_server, template, *names)
    async with new_fleet(state, whatsapp_server) as fleet:
        app = create_app(fleet, settings=SETTINGS, sessions=fleet, answers=fleet.records)
        async with app.router.lifespan_context(app), client(app) as http:
            for name in placed:
                await until(fleet, name, Phase.ONLINE)
            friend = whatsapp_server.add_account(name="friend")
            yield Gateway(fleet, http, whatsapp_server, friend, {name: each.account for name, each in placed.items()})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(whatsapp_server, whatsapp_template, tmp_path_factory) -> AsyncIterator[Gateway]:
    async with gateway_with(
        tmp_path_factory.mktemp("gateway"), whatsapp_server, whatsapp_template, "shop", NUMBER
    ) as gateway:
        yield gateway


def client(app: FastAPI, **headers: str) -> httpx2.AsyncClient:
    """Whoever may do everything."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {ADMIN}", **headers}
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document that was answered."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["type"] == f"urn:wadiag:problem:{code}"
    assert document["title"]
    assert document["detail"]
    assert document["remedy"]
    return document


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((90, 60), 70).convert("RGB").save(out, kind)
    return out.getvalue()


async def test_a_session_is_linked_by_its_qr_image_sends_and_says_that_it_was_unlinked(gateway):
    problem(await gateway.get("/whatsapp/health/testing"), 404, "no-such-session")

    answer = await gateway.get("/whatsapp/qr-image/testing")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "no-store"
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content)))
    texts = {}
    for form in ("text/plain", "application/json", "image/svg+xml"):
        answer = await gateway.get("/whatsapp/qr-image/testing", headers={"Accept": form})
        assert answer.headers["content-type"].partition(";")[0] == form
        texts[form] = answer.text
    assert code.text == texts["text/plain"] == json.loads(texts["application/json"])["qr"]
    assert "<svg" in texts["image/svg+xml"]
    problem(await gateway.get("/whatsapp/qr-image/testing", headers={"Accept": "text/html"}), 406, "not-acceptable")

    account = gateway.server.add_account()
    online = asyncio.create_task(until(gateway.fleet, "testing", Phase.ONLINE))
    gateway.server.scan(code.text, account)
    await online
    healthy = await gateway.get("/whatsapp/health/testing")
    assert healthy.status_code == 200
    assert healthy.json()["verdict"] in ("healthy", "degraded")  # its first prekeys may be on their way still
    problem(await gateway.get("/whatsapp/qr-image/testing"), 409, "already-paired")

    sent = await gateway.send("testing", message="the first one")
    assert (sent.status_code, sent.json()["status"] in BY_ACK) == (200, True)
    assert gateway.friend.texts[-1] == "the first one"

    gateway.server.unlink(account, account.devices[0])
    await until(gateway.fleet, "testing", Phase.STOPPED)
    sick = await gateway.get("/whatsapp/health/testing?lang=id")
    assert (sick.status_code, sick.json()["findings"][0]["cause"]) == (503, "device-removed")
    assert sick.json()["message"].startswith("Session 'testing' tidak dalam kondisi sehat: ")
    before = gateway.friend.texts
    blocked = problem(await gateway.send("testing"), 409, "session-unhealthy")
    assert blocked["findings"][0]["cause"] == "device-removed"
    assert blocked["remedy"] == [step["text"] for step in blocked["findings"][0]["remedy"]]
    assert gateway.friend.texts == before

    again = await gateway.get("/whatsapp/qr-image/testing")
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(again.content)))[0].text != code.text
    assert (await gateway.http.delete("/whatsapp/sessions/testing")).status_code == 204
    problem(await gateway.get("/whatsapp/health/testing"), 404, "no-such-session")


async def test_a_session_is_linked_by_a_code_that_is_typed_on_the_phone(gateway):
    account = gateway.server.add_account()
    answer = await gateway.http.post("/whatsapp/pair-code/typed", json={"phone": f"+{account.phone}"})
    assert re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{4}", answer.json()["code"])
    online = asyncio.create_task(until(gateway.fleet, "typed", Phase.ONLINE))
    gateway.server.type_code(answer.json()["code"], account)
    await online
    assert (await gateway.get("/whatsapp/health/typed")).status_code == 200
    answer = await gateway.http.post("/whatsapp/pair-code/nobodys", json={"phone": "+62 812-3456-7899"})
    problem(answer, 422, "number-refused")
    problem(
        await gateway.http.post("/whatsapp/pair-code/typed", json={"phone": "+6281234567890"}), 409, "already-paired"
    )
    assert (await gateway.http.delete("/whatsapp/sessions/typed")).status_code == 204


async def test_what_is_answered_is_what_is_known_when_it_was_waited_for(gateway):
    answer = await gateway.http.post(
        "/whatsapp/send-message?wait=delivered&deadline=20",
        json={"sessionId": "shop", "phone": f"+{gateway.friend.phone}", "message": "until it is there"},
    )
    known = answer.json()
    assert (answer.status_code, known["status"], known["warnings"]) == (200, "delivered", [])
    assert list(known["times"]) == ["accepted", "acknowledged", "delivered"]
    later = await gateway.get(f"/whatsapp/messages/shop/{known['messageId']}")
    assert (later.json()["messageId"], later.json()["kind"]) == (known["messageId"], "text")
    problem(await gateway.get("/whatsapp/messages/shop/3EB0NOTSENT"), 404, "no-such-message")


async def test_a_message_that_is_not_acknowledged_in_time_can_be_followed(gateway):
    owner = gateway.owners["shop"]
    gateway.server.apply(owner, [Fault(Event.SEND, Slow(latency=1.2), only="ack")])
    try:
        body = {"sessionId": "shop", "phone": f"+{gateway.friend.phone}", "message": "in a while"}
        answer = await gateway.http.post("/whatsapp/send-message?deadline=1", json=body)
    finally:
        gateway.server.apply(owner, ())
    assert (answer.status_code, answer.json()["status"], answer.json()["messageId"]) == (202, "accepted", None)
    async with asyncio.timeout(PATIENCE):
        while (known := (await gateway.get(answer.headers["location"])).json())["status"] == "accepted":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert known["ticket"] == answer.json()["ticket"]
    assert (await gateway.get(f"/whatsapp/messages/shop/{known['messageId']}")).json() == known


async def test_images_go_out_as_json_and_as_a_form(gateway, tmp_path):
    common = {"sessionId": "shop", "phone": f"+{gateway.friend.phone}", "caption": "look"}
    image = picture()
    for request in (
        {"json": {**common, "image": base64.b64encode(image).decode()}},
        {"json": {**common, "image": f"data:image/png;base64,{base64.b64encode(image).decode()}"}},
        {"data": common, "files": {"image": ("picture.png", image)}},
    ):
        answer = await gateway.http.post("/whatsapp/send-image", **request)
        assert (answer.status_code, answer.json()["kind"]) == (200, "image")
        got = gateway.friend.inbox[-1]
        assert (got.kind, got.text) == ("image", "look")
        gateway.friend.save(got, tmp_path / "got.png")
        assert (tmp_path / "got.png").read_bytes() == image


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"image": "bm8gaW1hZ2U="}, "invalid-image"),
        ({"image": "not base64!"}, "invalid-image"),
        ({"image": base64.b64encode(picture("GIF")).decode()}, "invalid-image"),
        ({"url": "http://127.0.0.1:9/a.png"}, "image-address-refused"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "image-address-refused"),
        ({"url": "file:///etc/passwd"}, "image-address-refused"),
        ({}, "invalid-request"),
        ({"image": "YQ==", "url": "http://img.example/a.png"}, "invalid-request"),
    ],
)
async def test_what_is_not_an_image_or_not_from_a_public_address_is_refused(gateway, more, code):
    before = len(gateway.friend.inbox)
    request = {"sessionId": "shop", "phone": f"+{gateway.friend.phone}", **more}
    problem(await gateway.http.post("/whatsapp/send-image", json=request), 422, code)
    assert len(gateway.friend.inbox) == before


async def test_a_repeated_request_is_answered_again_and_sent_once(gateway):
    first = await gateway.send(key="order-1", message="once")
    again = await gateway.send(key="order-1", message="once")
    assert again.json() == first.json()
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert gateway.friend.texts.count("once") == 1
    problem(await gateway.send(key="order-1", message="something else"), 422, "key-reused")


async def test_a_number_that_is_not_on_whatsapp_is_refused_before_sending(gateway):
    problem(await gateway.send(phone="+62 812-3456-7899"), 422, "not-on-whatsapp")
    problem(await gateway.send(phone="my friend"), 422, "invalid-phone")


async def test_what_the_server_refuses_is_answered_with_its_code_and_kept_for_the_key(gateway):
    owner = gateway.owners["shop"]
    gateway.server.apply(owner, [Fault(Event.MESSAGE, Refusal(463))])
    try:
        refused = problem(await gateway.send(key="cold"), 422, "send-refused")
        assert refused["whatsappCode"] == 463
    finally:
        gateway.server.apply(owner, ())
    assert problem(await gateway.send(key="cold"), 422, "send-refused") == refused
    gateway.server.apply(owner, [Fault(Event.MESSAGE, Refusal(429))])
    try:
        assert problem(await gateway.send(), 429, "too-many-messages")
    finally:
        gateway.server.apply(owner, ())


async def test_a_session_that_does_not_exist_sends_nothing(gateway):
    problem(await gateway.send("nobody"), 404, "no-such-session")
    problem(await gateway.http.delete("/whatsapp/sessions/nobody"), 404, "no-such-session")
    problem(await gateway.http.post("/whatsapp/sessions/nobody/reconnect"), 404, "no-such-session")


async def test_a_session_connects_again_where_somebody_says_so(gateway):
    changes = gateway.fleet.changes()
    assert (await gateway.http.post("/whatsapp/sessions/shop/reconnect")).status_code == 204
    phases = []
    async for change in changes:
        if (change.session, change.name) == ("shop", "phase"):
            phases.append(change.detail)
        if phases[-1:] == [Phase.ONLINE]:
            break
    assert phases == [Phase.CONNECTING, Phase.ONLINE]
    assert 'wadiag_session_reconnects_total{session="shop"} 1.0' in (await gateway.get("/metrics")).text
    assert (await gateway.send(message="again")).status_code == 200


_PATHS = [
    ("GET", "/whatsapp/health/shop"), ("GET", "/whatsapp/health/nobody"), ("GET", "/whatsapp/nothing"),
    ("POST", "/whatsapp/health/shop"), ("GET", "/whatsapp/sessions"), ("GET", "/whatsapp/events"),
    ("POST", "/whatsapp/send-message"), ("DELETE", "/whatsapp/sessions/shop"), ("GET", "/whatsapp/qr-image/shop"),
    ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/livez/"), ("GET", "/page"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), _PATHS)
async def test_without_a_right_token_every_path_gives_the_same_answer(gateway, method, path):
    answers = []
    for header in (
        {},
        {"Authorization": f"Bearer {ADMIN[:-1]}"},
        {"Authorization": "Bearer"},
        {"Authorization": ADMIN},
    ):
        request = gateway.http.build_request(method, path, content=b"{", headers={"Content-Type": "application/json"})
        del request.headers["Authorization"]
        request.headers.update(header)
        answer = await gateway.http.send(request)
        problem(answer, 401, "unauthorized")
        answers.append((answer.content, sorted(answer.headers.items())))
    assert answers.count(answers[0]) == len(answers)
    assert answers[0][1].count(("www-authenticate", 'Bearer realm="wadiag"')) == 1
    reference = await gateway.get("/whatsapp", headers={"Authorization": "Bearer wrong"})
    assert answers[0][0] == reference.content


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        (READER, "GET", "/whatsapp/sessions", 200),
        (READER, "GET", "/metrics", 200),
        (READER, "POST", "/whatsapp/send-message", 403),
        (READER, "POST", "/whatsapp/send-image", 403),
        (READER, "GET", "/whatsapp/qr-image/new", 403),
        (SENDER, "GET", "/whatsapp/qr-image/new", 403),
        (SENDER, "POST", "/whatsapp/pair-code/new", 403),
        (SENDER, "DELETE", "/whatsapp/sessions/shop", 403),
        (SENDER, "POST", "/whatsapp/sessions/shop/reconnect", 403),
        (SENDER, "GET", "/whatsapp/health/shop", 200),
        (SENDER, "POST", "/whatsapp/send-message", 415),
    ],
)
async def test_a_token_may_do_what_its_scope_includes(gateway, token, method, path, status):
    answer = await gateway.http.request(method, path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
    assert "new" not in gateway.fleet.names()


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(LIMIT // 10_000 + 2):
        yield b" " * 10_000


@pytest.mark.parametrize("path", ["/whatsapp/send-message", "/whatsapp/send-image", "/whatsapp/pair-code/x"])
async def test_a_body_over_the_limit_is_refused_whether_its_length_is_declared_or_not(gateway, path):
    kind = {"Content-Type": "application/json"}
    problem(await gateway.http.post(path, content=b" " * (LIMIT + 1), headers=kind), 413, "body-too-large")
    problem(await gateway.http.post(path, content=_endless(), headers=kind), 413, "body-too-large")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid-request"),
        (b"{", 400, "malformed-body"),
        (b"\xff\xfe", 400, "malformed-body"),
        (b"[" * 100_000, 400, "malformed-body"),
        (b'{"a":' * 30_000, 400, "malformed-body"),
        (b"1" * 10_000, 400, "malformed-body"),
        (b"[]", 422, "invalid-request"),
        (b"{}", 422, "invalid-request"),
        (b'{"sessionId": "../x", "phone": "+6281234567890", "message": "a"}', 422, "invalid-request"),
        (b'{"sessionId": "shop", "phone": "+6281234567890", "message": ""}', 422, "invalid-request"),
        (b'{"sessionId": "shop", "phone": "+6281234567890", "mesage": "a"}', 422, "invalid-request"),
        (b'{"sessionId": "shop", "phone": "+6281234567890", "message": "\\ud800"}', 422, "invalid-request"),
        (b'{"sessionId": "shop", "phone": ' + b"1" * 9000 + b"}", 400, "malformed-body"),
    ],
)
async def test_a_body_that_cannot_be_used_is_refused_and_not_repeated(gateway, body, status, code):
    answer = await gateway.http.post(
        "/whatsapp/send-message", content=body, headers={"Content-Type": "application/json"}
    )
    document = problem(answer, status, code)
    assert "81234567890" not in answer.text
    if code == "invalid-request":
        assert all(set(each) == {"where", "what"} for each in document["errors"])


async def test_an_invalid_name_and_an_unknown_path_or_method_are_problems_too(gateway):
    problem(await gateway.get("/whatsapp/health/a%20b"), 422, "invalid-request")
    problem(await gateway.get("/whatsapp/health/" + "a" * 65), 422, "invalid-request")
    problem(await gateway.get("/whatsapp/health/shop?mode=lenient"), 422, "invalid-request")
    problem(await gateway.get("/whatsapp/nothing"), 404, "not-found")
    answer = await gateway.http.put("/whatsapp/sessions")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"
    problem(await gateway.http.request("PROPFIND62812", "/whatsapp/sessions"), 405, "method-not-allowed")
    assert "PROPFIND" not in (await gateway.get("/metrics")).text


@pytest.mark.parametrize(("asked", "title"), [("id", "Sesi tidak ada"), ("en", "No such session")])
async def test_problems_are_said_in_the_callers_language(gateway, asked, title):
    for answer in (
        await gateway.get(f"/whatsapp/health/nobody?lang={asked}"),
        await gateway.get("/whatsapp/health/nobody", headers={"Accept-Language": f"{asked};q=0.9, de"}),
    ):
        assert problem(answer, 404, "no-such-session")["title"] == title
        assert answer.headers["content-language"] == asked


async def test_the_probes_need_no_token_and_say_nothing_of_sessions(gateway):
    for path in ("/livez", "/readyz"):
        answer = await gateway.get(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_sessions_are_listed_with_their_accounts_masked(gateway):
    answer = await gateway.get("/whatsapp/sessions")
    found = {each["session"]: each for each in answer.json()["sessions"]}
    assert found["shop"]["verdict"] == "healthy"
    assert found["shop"]["phase"] == "online"
    owner = gateway.owners["shop"].phone
    assert found["shop"]["account"].startswith(owner[:3])
    assert owner not in answer.text


async def test_the_figures_have_no_number_in_any_label(gateway):
    await gateway.send(message="counted")
    text = (await gateway.get("/metrics")).text
    assert 'wadiag_session_phase{phase="online",session="shop"} 1.0' in text
    assert 'wadiag_session_verdict{session="shop",verdict="healthy"} 1.0' in text
    assert re.search(r'wadiag_sends_total\{kind="text",outcome="(acknowledged|delivered)"\} [1-9]', text)
    assert re.search(r"wadiag_ack_seconds_count [1-9]", text)
    assert 'session="628•••••••89"' in text
    labels = re.findall(r'="([^"]*)"', text)
    assert not [label for label in labels if re.search(r"\d{6}", label)]


async def test_neither_log_nor_answers_show_numbers_texts_or_tokens(gateway, caplog):
    with caplog.at_level(logging.INFO):
        await gateway.send(message="a secret text")
        await gateway.get(f"/whatsapp/health/{NUMBER}?phone={NUMBER}")
        await gateway.get(f"/whatsapp/{NUMBER}")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("wadiag")]
    assert any(re.fullmatch(r"method=POST route=/whatsapp/send-message status=200 ms=[\d.]+ by=ops", x) for x in lines)
    said = "\n".join(lines)
    for private in (gateway.friend.phone, NUMBER, "a secret text", ADMIN):
        assert private not in said


async def test_the_description_names_every_route_and_what_it_can_answer(gateway):
    description = (await gateway.get("/openapi.json")).json()
    assert set(description["paths"]) == {
        "/livez", "/readyz", "/metrics", "/whatsapp/sessions", "/whatsapp/health/{sessionId}",
        "/whatsapp/qr-image/{sessionId}", "/whatsapp/pair-code/{sessionId}", "/whatsapp/send-message",
        "/whatsapp/send-image", "/whatsapp/messages/{sessionId}/{messageId}", "/whatsapp/sessions/{sessionId}",
        "/whatsapp/sessions/{sessionId}/reconnect", "/whatsapp/events",
    }  # fmt: skip
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description)))
    assert references <= set(description["components"]["schemas"])
    for path, item in description["paths"].items():
        for operation in item.values():
            assert ("401" in operation["responses"]) == (path.startswith("/whatsapp") or path == "/metrics")
            assert operation["security"] == ([] if path in ("/livez", "/readyz") else [{"token": []}])


async def test_a_read_only_app_offers_nothing_that_changes_a_session(gateway):
    app = create_app(gateway.fleet, settings=SETTINGS)
    async with client(app) as http:
        assert (await http.get("/whatsapp/health/shop")).status_code == 200
        problem(await http.post("/whatsapp/send-message", json={}), 404, "not-found")
        methods = {method for item in (await http.get("/openapi.json")).json()["paths"].values() for method in item}
        assert methods == {"get"}


async def test_while_the_process_ends_it_is_not_ready_and_nothing_new_is_sent(gateway):
    app = create_app(gateway.fleet, settings=SETTINGS, sessions=gateway.fleet, answers=gateway.fleet.records)
    app.state.context.draining.set()
    async with client(app) as http:
        answer = await http.get("/readyz")
        problem(answer, 503, "shutting-down")
        assert int(answer.headers["retry-after"]) > 0
        body = {"sessionId": "shop", "phone": f"+{gateway.friend.phone}", "message": "too late"}
        problem(await http.post("/whatsapp/send-message", json=body), 503, "shutting-down")
        problem(await http.get("/whatsapp/qr-image/new"), 503, "shutting-down")
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/whatsapp/health/shop")).status_code == 200
    assert "too late" not in gateway.friend.texts


async def test_a_message_on_its_way_when_the_process_ends_is_answered_soon(gateway, monkeypatch):
    monkeypatch.setattr(app_context, "ENDING", 0.05)
    app = create_app(gateway.fleet, settings=SETTINGS, sessions=gateway.fleet, answers=gateway.fleet.records)
    body = {"sessionId": "shop", "phone": f"+{gateway.friend.phone}", "message": "the last one"}
    owner = gateway.owners["shop"]
    gateway.server.apply(owner, [Fault(Event.MESSAGE, Silence())])
    try:
        async with client(app, **{"Idempotency-Key": "last"}) as http:
            on_its_way = asyncio.create_task(http.post("/whatsapp/send-message?deadline=60", json=body))
            while not gateway.fleet._sender.under_way:  # noqa: ASYNC110 - nothing is told of a message before its acknowledgement
                await asyncio.sleep(0.01)
            app.state.context.draining.set()
            problem(await on_its_way, 503, "interrupted")
    finally:
        gateway.server.apply(owner, ())
    again = await gateway.send(key="last", message="the last one")
    problem(again, 409, "outcome-unknown")


async def test_the_worker_dying_is_answered_with_when_to_ask_again(gateway):
    owner, under_way = gateway.owners["shop"], gateway.fleet._sender.under_way
    before = len(under_way)
    gateway.server.apply(owner, [Fault(Event.MESSAGE, Silence())])
    try:
        sending = asyncio.create_task(gateway.send(key="meanwhile"))
        while len(under_way) == before:  # noqa: ASYNC110 - nothing is told of a message before its acknowledgement
            await asyncio.sleep(0.01)
        for pid in gateway.fleet._workers.pids:  # after the tests before, the session may have one of its own
            os.kill(pid, signal.SIGKILL)
        answer = await sending
    finally:
        gateway.server.apply(owner, ())
    problem(answer, 503, "interrupted")
    assert int(answer.headers["retry-after"]) > 0
    assert (await gateway.get("/livez")).status_code == 200
    await until(gateway.fleet, "shop", Phase.ONLINE)
    assert (await gateway.send(key="meanwhile", message="hello")).status_code in (200, 409)
