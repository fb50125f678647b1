"""What a dialect can ask for, as it goes over the wire, and how a look carries on where a request fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import httpx  # respx speaks its responses, whichever library asks
import pytest

from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence
from diagnostics.targets.http import transport
from diagnostics.targets.http.dialect import (
    BASIC,
    BEARER,
    Ask,
    Auth,
    Dialect,
    File,
    Found,
    NoAnswer,
    Pause,
    Steps,
)
from diagnostics.targets.http.look import HttpLooker
from diagnostics.targets.http.transport import Transport
from tests.evidence_samples import NOW

URL = "http://127.0.0.1:3000"
TOKEN = "t0ken/with a slash".replace(" ", "-")


@asynccontextmanager
async def opened(auth: Auth = BEARER, token: str | None = TOKEN) -> AsyncIterator[Transport]:
    async with transport.opened(URL, token, "SHOP_TOKEN", auth, lambda: NOW) as product:
        yield product


@pytest.mark.parametrize(
    ("auth", "token", "header", "value"),
    [
        (BEARER, "abc", "authorization", "Bearer abc"),
        (Auth("X-Api-Key", ""), "abc", "x-api-key", "abc"),
        (Auth("apikey", ""), "abc", "apikey", "abc"),
        (BASIC, "me:pass word", "authorization", "Basic bWU6cGFzcyB3b3Jk"),
    ],
)
async def test_the_dialect_says_how_a_request_has_the_token(httpx2_mock, auth, token, header, value):
    route = httpx2_mock.get(f"{URL}/status").respond(json={})
    async with opened(auth, token) as product:
        await product.ask(Ask("GET", "/status"))
    assert route.calls[0].request.headers[header] == value


async def test_a_token_in_a_path_is_sent_and_never_shown(httpx2_mock):
    route = httpx2_mock.get(url__regex=r".*/show-all").respond(json={})
    async with opened() as product:
        answer = await product.ask(Ask("GET", "/api/{token}/show-all"))
    assert route.calls[0].request.url.raw_path == b"/api/t0ken%2Fwith-a-slash/show-all"
    assert answer.asked == f"GET {URL}/api/{{token}}/show-all"


async def test_a_token_that_an_answer_gave_is_used_for_one_request_and_never_shown(httpx2_mock):
    route = httpx2_mock.get(f"{URL}/status").respond(json={})
    ask = Ask("GET", "/status", token="of-the-session")
    async with opened() as product:
        await product.ask(ask)
        await product.ask(Ask("GET", "/status"))
    values = [call.request.headers["authorization"] for call in route.calls]
    assert values == ["Bearer of-the-session", f"Bearer {TOKEN}"]
    assert "of-the-session" not in repr(ask)


async def test_a_body_is_json_or_a_form_with_files(httpx2_mock):
    route = httpx2_mock.post(f"{URL}/send").respond(json={})
    async with opened() as product:
        await product.ask(Ask("POST", "/send", {"wait": "ack"}, json={"to": "1"}))
        await product.ask(
            Ask("POST", "/send", form={"to": "1"}, files={"image": File("a.png", b"\x89PNG", "image/png")})
        )
    first, second = (call.request for call in route.calls)
    assert (json.loads(first.content), first.url.params["wait"]) == ({"to": "1"}, "ack")
    assert second.headers["content-type"].startswith("multipart/form-data")
    assert b'name="image"; filename="a.png"' in second.content
    assert b"\x89PNG" in second.content


async def test_an_array_is_an_answer_only_where_one_is_expected(httpx2_mock):
    httpx2_mock.get(f"{URL}/sessions").respond(json=[{"name": "a"}])
    async with opened() as product:
        assert (await product.ask(Ask("GET", "/sessions", array=True))).content == [{"name": "a"}]
        with pytest.raises(NoAnswer, match="not with a gateway's JSON object"):
            await product.ask(Ask("GET", "/sessions"))


class Scripted(Dialect):
    """Does what the session's name says."""

    name = "scripted"
    summary = owner = "a test"

    def look(self, session: str, aspects: frozenset[Aspect], found: Found) -> Steps[None]:
        if session == "broken":
            raise KeyError("no such key")
        try:
            yield Ask("GET", "/hangs", deadline=0.01)
        except NoAnswer as problem:
            found.events = ()
            silent = str(problem), problem.absence
        answer = yield Ask("GET", "/status")
        yield Pause(0.0)
        again = yield Ask("GET", "/status")
        found.see(answer, Aspect.EXISTS, value=answer.content != again.content, raw=str(silent))
        if session == "refused":
            yield Ask("GET", "/refused")


async def look(*sessions: str) -> dict[str, Evidence]:
    requests = [Request(session, frozenset({Aspect.EXISTS, Aspect.SOCKET}), 5.0) for session in sessions]
    async with opened() as product:
        return {found.session: found async for found in HttpLooker(Scripted(), product, lambda: NOW).look(requests)}


@pytest.fixture
def product(httpx2_mock):
    async def never(_: object) -> None:
        await asyncio.Event().wait()

    states = count()
    httpx2_mock.get(f"{URL}/hangs").mock(side_effect=never)
    httpx2_mock.get(f"{URL}/status").mock(side_effect=lambda _: httpx.Response(200, json={"state": next(states)}))
    httpx2_mock.get(f"{URL}/refused").respond(401)


@pytest.mark.usefixtures("product")
async def test_a_dialect_goes_on_after_a_request_that_hangs_and_samples_a_state_twice():
    exists = (await look("a"))["a"].observations[Aspect.EXISTS]
    assert exists.value is True  # two samples, two states
    assert "was not answered within 0.0 s" in exists.raw
    assert "timeout" in exists.raw


@pytest.mark.usefixtures("product")
async def test_what_was_found_before_the_token_was_refused_counts_and_the_rest_says_why():
    seen = (await look("refused"))["refused"].observations
    assert seen[Aspect.EXISTS].value is True
    assert (seen[Aspect.SOCKET].absence, seen[Aspect.SOCKET].variable) == (Absence.REFUSED, "SHOP_TOKEN")


@pytest.mark.usefixtures("product")
async def test_a_dialect_that_breaks_takes_no_other_sessions_evidence():
    found = await look("broken", "a")
    broken = found["broken"].observations[Aspect.SOCKET]
    assert (broken.absence, broken.detail) == (Absence.CRASHED, "the dialect scripted failed: KeyError: 'no such key'")
    assert found["a"].observations[Aspect.EXISTS].known
