"""The target `gateway` against answers of every kind: whatever comes, it is said plainly and never called healthy."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.config import SessionPlan
from diagnostics.evidence.documents import of_evidence
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Aspect, Diagnosis, Evidence, Mode, Sent, SocketState, Verdict
from diagnostics.running import run
from diagnostics.running.collect import aspects_for
from diagnostics.targets.base import SessionSettings
from diagnostics.targets.http import transport
from diagnostics.targets.http.dialect import NoAnswer
from diagnostics.targets.http.dialects.gateway import Gateway
from diagnostics.targets.http.look import HttpLooker
from diagnostics.targets.http.transport import BODY_LIMIT
from tests.configured import configured
from tests.configured import look as looked_through
from tests.evidence_samples import NOW, evidence

URL = "http://127.0.0.1:3000"
TOKEN = "a-token-that-nobody-may-see"
HEALTH = f"{URL}/whatsapp/health/testing"
VARIABLE = "SHOP_TOKEN"
NO_SENDS = {"text": Absence.NOT_ASKED, "image": Absence.NOT_ASKED}


@dataclass(frozen=True)
class Target:
    """The gateway at an address, asked with a token."""

    url: str
    token: str | None

    def describe(self) -> str:
        return f"gateway {self.url}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[HttpLooker]:
        dialect = Gateway()
        async with transport.opened(self.url, self.token, VARIABLE, dialect.auth, lambda: NOW) as opened:
            yield HttpLooker(dialect, opened, lambda: NOW)


async def look(
    url: str = URL,
    token: str | None = TOKEN,
    deadline: float = 5.0,
    send_to: str | None = None,
    session: str = "testing",
) -> Evidence:
    request = Request(session, aspects_for(CHECK_BY_ID), deadline, send_to)
    return (await looked_through(Target(url, token), [request], clock=lambda: NOW))[session]


async def diagnosed(**how: Any) -> Diagnosis:
    diagnosis = judge(await look(**how), mode=Mode.PERMISSIVE, now=NOW)
    assert TOKEN not in repr(diagnosis)
    return diagnosis


def answers(httpx2_mock: Any, status: int = 200, url: str = HEALTH, method: str = "GET", **content: Any) -> Any:
    return httpx2_mock.route(method=method, url__startswith=url).respond(status, **content)


def document(**values: Any) -> dict[str, Any]:
    """A health answer of this project's gateway, as far as the target reads it."""
    return {"session": "testing", "evidence": of_evidence(evidence(**NO_SENDS, **values))}


# --- this project's gateway ---


async def test_a_session_is_asked_for_once_and_anew_with_the_token(httpx2_mock):
    route = answers(httpx2_mock, json=document())
    diagnosis = await diagnosed()
    assert diagnosis.verdict is Verdict.HEALTHY
    (call,) = route.calls
    assert str(call.request.url) == f"{HEALTH}?fresh=1"
    assert call.request.headers["authorization"] == f"Bearer {TOKEN}"


async def test_the_evidence_is_the_gateways_and_says_who_said_it(httpx2_mock):
    answers(httpx2_mock, 503, json=document(socket=SocketState.CLOSED))
    seen = (await look()).observations[Aspect.SOCKET]
    assert (seen.value, seen.raw, seen.at) == (SocketState.CLOSED, "raw socket", NOW)
    assert seen.source == f"GET {HEALTH}: test"


async def test_what_became_of_the_gateways_own_messages_counts_where_nothing_is_sent_now(httpx2_mock):
    answers(httpx2_mock, json={"evidence": of_evidence(evidence(text=Sent(False, code=463)))})
    assert (await look()).observations[Aspect.TEXT].value.code == 463


async def test_a_gateway_that_has_sent_nothing_lately_is_not_asked_for_a_message(httpx2_mock):
    answers(httpx2_mock, json={"evidence": of_evidence(evidence(text=Absence.NOT_ASKED, image=Absence.NOT_ASKED))})
    seen = (await look()).observations[Aspect.TEXT]
    assert (seen.absence, seen.detail) == (Absence.NOT_ASKED, "nothing is sent without --send-to")


async def test_a_session_that_the_gateway_does_not_know_does_not_exist(httpx2_mock):
    problem = {"code": "no-such-session", "title": "No such session", "detail": "There is no session 'testing'."}
    answers(httpx2_mock, 404, json=problem)
    diagnosis = await diagnosed()
    assert (diagnosis.root.cause, len(diagnosis.findings)) == ("session-missing", 1)


async def test_without_a_token_none_is_sent(httpx2_mock):
    route = answers(httpx2_mock, json=document())
    await diagnosed(token=None)
    assert "authorization" not in route.calls[0].request.headers


@pytest.mark.parametrize("name", ["shop", "a.b-c_d", "a+b", "628123456789"])
async def test_any_session_name_becomes_one_step_of_the_path(httpx2_mock, name):
    route = answers(
        httpx2_mock, url=f"{URL}/whatsapp/health/", json={"evidence": of_evidence(evidence(name, **NO_SENDS))}
    )
    assert (await look(session=name)).observations[Aspect.EXISTS].value is True
    assert route.calls[0].request.url.raw_path.decode().count("/") == 3


async def test_all_sessions_of_a_gateway_are_listed(httpx2_mock):
    answers(httpx2_mock, url=f"{URL}/whatsapp/sessions", json={"sessions": [{"session": "a"}, {"session": "b"}]})
    assert await configured("gateway").sessions() == ("a", "b")


@pytest.mark.parametrize("listed", [{}, {"sessions": {"a": 1}}, {"sessions": [{"session": 1}]}, {"sessions": ["a"]}])
async def test_a_list_that_cannot_be_understood_is_refused(httpx2_mock, listed):
    answers(httpx2_mock, url=f"{URL}/whatsapp/sessions", json=listed)
    with pytest.raises(NoAnswer, match="not with a list of sessions"):
        await configured("gateway").sessions()


# --- answers that are none ---


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (401, {"json": {"code": "unauthorized"}}, "does not know the token in the variable SHOP_TOKEN (401)"),
        (403, {"json": {"code": "forbidden"}}, "does not allow this to the token in the variable SHOP_TOKEN (403)"),
        (404, {"json": {"detail": "Not Found"}}, "no session of this name, or no gateway at this address"),
        (404, {"html": "<h1>Not Found</h1>"}, "404 with text/html, not with a gateway's JSON object"),
        (429, {"json": {"title": "Slow down"}}, "was answered 429 (Slow down)"),
        (500, {"json": {"code": "internal-error", "detail": "It broke."}}, "was answered 500 (It broke.)"),
        (502, {"html": "<html>Bad Gateway</html>"}, "502 with text/html"),
        (503, {"json": {"code": "interrupted", "detail": "Wait."}}, "was answered 503 (Wait.)"),
        (200, {"html": "<html>Welcome to nginx</html>"}, "200 with text/html, not with a gateway's JSON object"),
        (200, {"text": ""}, "not with a gateway's JSON object"),
        (200, {"text": '{"evidence": {', "headers": {"content-type": "application/json"}}, "that cannot be read"),
        (200, {"text": "[" * 100_000, "headers": {"content-type": "application/json"}}, "that cannot be read"),
        (200, {"json": ["healthy"]}, "not with a gateway's JSON object"),
        (200, {"json": {"status": "ok"}}, "nothing that tells how a session is"),
        (200, {"json": {"evidence": None}}, "cannot be understood: expected an object with evidence, got nothing"),
        (200, {"json": {"evidence": of_evidence(evidence("other"))}}, "was answered about another session"),
        (200, {"content": b"\x1f\x8b", "headers": {"content-encoding": "gzip"}}, "compressed"),
        (200, {"content": b" " * (BODY_LIMIT + 1)}, "more than 1,000,000 bytes"),
        (302, {"headers": {"location": "https://a.example/login?next=x"}}, "to https://a.example (302)"),
        (307, {"headers": {"location": "/other"}}, "is redirected (307)"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_makes_the_session_unknown_in_one_sentence(httpx2_mock, status, content, said):
    answers(httpx2_mock, status, **content)
    diagnosis = await diagnosed()
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert diagnosis.root.cause == ("token-refused" if status in (401, 403) else "answer-unusable")
    assert said in diagnosis.root.claim
    assert HEALTH in diagnosis.root.claim or "cannot be understood" in diagnosis.root.claim
    assert len(diagnosis.findings) == 1


async def test_a_missing_token_is_told_from_a_wrong_one(httpx2_mock):
    answers(httpx2_mock, 401, json={})
    root = (await diagnosed(token=None)).root
    assert (root.check, root.cause) == ("probe.completed", "token-refused")
    assert "needs a token (401): set the variable SHOP_TOKEN" in root.claim
    assert "SHOP_TOKEN" in str(root.remedy[0])


@pytest.mark.parametrize("token", ["a\nb", "a b", "schlüssel"])
async def test_a_token_that_no_header_can_carry_is_not_sent(httpx2_mock, token):
    route = answers(httpx2_mock, json=document())
    diagnosis = judge(await look(token=token), mode=Mode.PERMISSIVE, now=NOW)
    assert diagnosis.root.cause == "token-refused"
    assert "the variable SHOP_TOKEN holds characters that no token has" in diagnosis.root.claim
    assert token not in repr(diagnosis)
    assert not route.called


async def test_a_gateways_own_words_are_masked_and_cannot_move_the_cursor(httpx2_mock):
    answers(httpx2_mock, 500, json={"detail": "\x1b[2J +628123456789 " + "x" * 1000})
    claim = (await diagnosed()).root.claim
    assert "628123456789" not in claim
    assert claim.isprintable()
    assert len(claim) < 600


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A server that answers as no HTTP library would."""

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(65536)  # one question
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve_and_close, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("sent", "cause", "said"),
    [
        (b"", "target-unreachable", "was not answered: "),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "target-unreachable", "was not answered: "),
        (b"220 mail.example ESMTP\r\n\r\n", "answer-unusable", "was answered, but not as HTTP wants it: "),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"evidence":', "answer-unusable", "was answered, but not as"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", "answer-unusable", "was answered, but not as"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
            "answer-unusable",
            "is redirected (301)",
        ),
    ],
)
async def test_a_server_that_answers_is_told_from_one_that_does_not(sent, cause, said):
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    async with listening(serve) as url:
        diagnosis = await diagnosed(url=url)
    assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, cause)
    assert said in diagnosis.root.claim


async def test_a_server_that_never_ends_its_answer_costs_the_sessions_deadline_and_no_more():
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n ")
        await reader.read()  # until the other side has given up
        ended.set()

    async with listening(drip) as url:
        diagnosis = await diagnosed(url=url, deadline=0.2)
        await ended.wait()
    assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, "probe-timeout")


async def test_nobody_listening_is_unreachable():
    async with listening(lambda *_: asyncio.sleep(0)) as url:
        pass
    diagnosis = await diagnosed(url=url)
    assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, "target-unreachable")
    assert f"{url}/whatsapp/health/testing was not answered: nothing listens there" in diagnosis.root.claim


async def test_https_to_what_speaks_no_tls_is_unreachable():
    async with listening(lambda *_: asyncio.sleep(0)) as url:
        diagnosis = await diagnosed(url=url.replace("http:", "https:"))
    assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, "target-unreachable")


async def test_many_sessions_share_a_few_connections():
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        body = json.dumps({"exists": True}).encode()
        while True:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            if not await reader.read(65536):
                return

    async with listening(serve) as url:
        requests = [Request(f"s{i}", frozenset({Aspect.EXISTS}), 5.0) for i in range(60)]
        found = await looked_through(Target(url, None), requests)
    assert all(each.observations[Aspect.EXISTS].value is True for each in found.values())
    assert connections <= 10


# --- other gateways that keep the guide's routes ---


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({"exists": False}, "session-missing"),
        ({"exists": True, "authenticated": False, "socket": 1, "sendMessage": True}, "not-paired"),
        ({"exists": True, "authenticated": True, "socket": {"state": "CLOSED", "value": 3}}, "socket-closed"),
        ({"exists": True, "authenticated": True, "socket": "connecting"}, "socket-connecting"),
        ({"exists": True, "authenticated": True, "socket": 7, "sendMessage": True}, "socket-unknown-unusable"),
        ({"exists": True, "authenticated": True, "socket": {"state": "OPEN", "value": 3}}, "socket-unknown-unusable"),
        ({"data": {"exists": True, "authenticated": True, "socket": 1, "sendMessage": False}}, "send-missing"),
        ({"exists": True, "authenticated": True, "sendMessage": True}, "not-observed"),
        ({"exists": True, "authenticated": "yes", "socket": 1, "sendMessage": True}, "not-observed"),
    ],
)
async def test_of_other_gateways_what_is_there_is_used(httpx2_mock, answer, cause):
    answers(httpx2_mock, json=answer)
    assert (await diagnosed()).root.cause == cause


async def test_another_gateways_word_alone_makes_no_healthy_session(httpx2_mock):
    well = {"exists": True, "authenticated": True, "socket": 1, "sendMessage": True, "status": "connected"}
    answers(httpx2_mock, json=well)
    diagnosis = await diagnosed()
    assert (diagnosis.verdict, diagnosis.root.cause) == (Verdict.UNKNOWN, "not-proven")
    assert "status=connected" in diagnosis.evidence.observations[Aspect.SOCKET].raw


# --- sending ---


def takes(httpx2_mock: Any, what: str, status: int, **content: Any) -> Any:
    return answers(httpx2_mock, status, f"{URL}/whatsapp/send-{what}", "POST", **content)


ACKNOWLEDGED = {"messageId": "3EB0AA", "status": "acknowledged", "whatsappCode": None, "error": ""}


async def test_nothing_is_sent_unless_a_recipient_is_named(httpx2_mock):
    answers(httpx2_mock, json=document())
    sends = [takes(httpx2_mock, what, 200, json=ACKNOWLEDGED) for what in ("message", "image")]
    assert (await diagnosed()).result("send.text").note == "nothing is sent without --send-to"
    assert not any(route.called for route in sends)


async def test_a_text_and_an_image_are_sent_and_their_acknowledgement_is_waited_for(httpx2_mock):
    answers(httpx2_mock, json=document())
    text, image = (takes(httpx2_mock, what, 200, json=ACKNOWLEDGED) for what in ("message", "image"))
    diagnosis = await diagnosed(send_to="628123456789")
    assert diagnosis.headline == "can send (text and image acknowledged by the server)"
    body = json.loads(text.calls[0].request.content)
    assert (body["sessionId"], body["phone"]) == ("testing", "+628123456789")
    assert body["message"].startswith("whatsapp-diagnostics: test message, 2026-11-22 10:41:07 UTC.")
    assert image.calls[0].request.url.params["wait"] == "ack"


async def test_another_gateway_that_sends_but_says_no_more_is_not_believed(httpx2_mock):
    answers(httpx2_mock, json=document())
    takes(httpx2_mock, "message", 201, json={"success": True})
    diagnosis = await diagnosed(send_to="628123456789")
    assert (diagnosis.verdict, diagnosis.root.check) == (Verdict.UNKNOWN, "send.text")
    assert "does not say whether WhatsApp acknowledged it" in diagnosis.root.measured


def refused(code: int | None, error: str, status: int = 422) -> tuple[int, dict[str, Any]]:
    known = {"messageId": "3EB0AA", "whatsappCode": code}
    return status, {"code": "send-refused", "status": status, "detail": f"The message was not sent: {error}.", **known}


@pytest.mark.parametrize(
    ("text", "image", "cause"),
    [
        ((202, {"messageId": "3EB0AA", "status": "accepted"}), None, "ack-missing"),
        (refused(463, "server returned error 463"), None, "reachout-timelock"),
        (refused(479, "server returned error 479"), None, "send-refused"),
        (refused(None, "no session with the recipient"), None, "send-failed"),
        ((200, ACKNOWLEDGED), refused(500, "upload failed with status code 500"), "media-upload-failed"),
        (refused(429, "server returned error 429"), None, "rate-limited"),
        ((429, {"code": "too-many-messages", "detail": "Too many.", "whatsappCode": 429}), None, "rate-limited"),
        ((409, {"code": "session-unhealthy", "detail": "Not in a healthy condition."}), None, "not-observed"),
        ((422, {"code": "not-on-whatsapp", "detail": "Nobody uses this number."}), None, "recipient-invalid"),
        ((422, {"code": "invalid-phone", "detail": "That is not a number."}), None, "recipient-invalid"),
        ((403, {"code": "forbidden"}), None, "token-refused"),
        ((503, {"code": "interrupted", "detail": "Wait."}), None, "not-observed"),
    ],
)
async def test_what_became_of_a_message_is_told_apart(httpx2_mock, text, image, cause):
    answers(httpx2_mock, json=document())
    takes(httpx2_mock, "message", text[0], json=text[1])
    second = takes(httpx2_mock, "image", *(image or (200,))[:1], json=image[1] if image else ACKNOWLEDGED)
    diagnosis = await diagnosed(send_to="628123456789")
    assert diagnosis.root.cause == cause
    assert second.called is (image is not None)


@pytest.mark.parametrize(
    "sick",
    [
        {"authenticated": False},
        {"socket": SocketState.CONNECTING},
        {"socket": SocketState.CLOSED},
        {"round_trip": Absence.TIMEOUT},
    ],
)
async def test_nothing_is_sent_through_a_session_that_cannot(httpx2_mock, sick):
    answers(httpx2_mock, 503, json=document(**sick))
    route = takes(httpx2_mock, "message", 200, json=ACKNOWLEDGED)
    assert (await look(send_to="628123456789")).observations[Aspect.TEXT].absence is Absence.BLOCKED
    assert not route.called


def test_the_remedies_say_how_to_ask_again_and_how_to_link():
    def commands(target_name: str, **settings: str) -> tuple[str, str]:
        target = configured("gateway", target_name, **settings)
        session = SessionPlan(name="shop", target=target, own=SessionSettings(), mode=Mode.PERMISSIVE)
        return run.rerun_command(session, Mode.PERMISSIVE), run.pair_command(session)

    assert commands("gateway") == (
        f"wadiag check shop --target gateway --url {URL}",
        f"wadiag pair shop --target gateway --url {URL}",
    )
    assert commands("gateway", token_env=VARIABLE)[0].endswith(f"--url {URL} --token-env SHOP_TOKEN")
    assert commands("shops") == ("wadiag check shop --target shops", "wadiag pair shop --target shops")
