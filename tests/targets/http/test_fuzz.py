"""Answers that no product gives: a look ends with evidence, and is healthy only if each thing was said."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnostics.evidence.documents import of_evidence
from diagnostics.evidence.request import Request
from diagnostics.judging.judge import judge
from diagnostics.model import Absence, Aspect, Evidence, Mode, Verdict
from diagnostics.redact import redact
from diagnostics.targets import registry
from diagnostics.targets.http import transport
from diagnostics.targets.http.dialect import Answer, Ask, Dialect, NoAnswer, Pause, Steps
from diagnostics.targets.http.kind import HttpKind
from diagnostics.targets.http.look import HttpLooker
from tests.evidence_samples import NOW, evidence
from tests.targets.http.replay import RECORDINGS

T = TypeVar("T")

DIALECTS = {
    kind.name: kind.dialect
    for kind in (registry.kind("", name) for name in ("gateway", "waha"))
    if isinstance(kind, HttpKind)
}
RECIPIENT = "15550009999"
NO_SENDS = {"text": Absence.NOT_ASKED, "image": Absence.NOT_ASKED}
HARMLESS = (Absence.NOT_ASKED, Absence.UNTOLD)  # of the store, which an attached bot leaves alone
REACHED = ("acknowledged", "delivered", "read")
DEADLINE = 5.0  # s; nothing here waits for it


def recorded(product: str) -> list[Any]:
    """Every answer that was ever recorded of a product."""
    files = sorted((RECORDINGS / product).glob("*.json"))
    recordings = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return [exchange["body"] for recording in recordings for exchange in recording["exchanges"]]


GOOD: Mapping[str, list[Any]] = {
    "gateway": [
        {"session": "testing", "evidence": of_evidence(evidence(**NO_SENDS))},
        {"session": "testing", "evidence": of_evidence(evidence())},
        {"exists": True, "authenticated": True, "socket": {"state": "OPEN", "value": 1}, "sendMessage": True},
        {"data": {"exists": True, "authenticated": True, "socket": "OPEN", "send_available": True, "status": "up"}},
        {"messageId": "3EB0", "ticket": "t-1", "status": "acknowledged", "whatsappCode": None, "error": ""},
        {"code": "send-refused", "title": "WhatsApp refused the message", "whatsappCode": 463},
        {"code": "no-such-session", "detail": "There is no session 'testing'."},
        {"sessions": [{"session": "a"}, {"session": "b"}]},
        {"qr": "2@abc,def", "code": "ABCD-EFGH"},
    ],
    "waha": recorded("waha"),
}  # fmt: skip

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["OPEN", "open", "WORKING", "acknowledged", "testing", "not_asked", "\x1b[2J", "9" * 400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every member and element."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in members for found in ((*path, key), *places(inner, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, product: str) -> Any:
    """A good answer, of which something is missing, or something else."""
    answer = copy.deepcopy(draw(st.sampled_from(GOOD[product])))
    for _ in range(draw(st.integers(0, 3))):
        paths = places(answer)
        if not paths:
            break
        *above, last = draw(st.sampled_from(paths))
        holder = answer
        for key in above:
            holder = holder[key]
        if draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(anything)
    return answer


def unlooked() -> st.SearchStrategy[Any]:
    """An answer of this project's gateway in which some aspects are absent, or left out."""
    names = st.sampled_from([aspect.name.lower() for aspect in Aspect])
    absent = st.dictionaries(names, st.sampled_from([*Absence, ...]), max_size=3)
    return absent.map(lambda values: {"evidence": of_evidence(evidence(**{**NO_SENDS, **values}))})


def answers(product: str) -> st.SearchStrategy[tuple[int, Any] | Absence]:
    """Status and content; or why nothing came."""
    statuses = st.sampled_from([200, 201, 202, 204, 400, 404, 409, 422, 429, 500, 502, 503]) | st.integers(100, 599)
    contents = (
        mutated(product)
        | mutated(product)
        | (unlooked() if product == "gateway" else st.nothing())
        | st.dictionaries(st.text(max_size=9), anything, max_size=4)
    )
    return st.tuples(st.just(200) | statuses, contents) | st.sampled_from(
        [Absence.TIMEOUT, Absence.UNREACHABLE, Absence.REFUSED, Absence.UNEXPECTED]
    )


class Strange:
    """A product that answers each request with the next of these; when they run out, nothing comes any more."""

    def __init__(self, answers: list[tuple[int, Any] | Absence]) -> None:
        self._answers = iter(answers)
        self.given: list[tuple[Ask, int, Any]] = []

    async def carry_out(self, steps: Steps[T]) -> T:
        try:
            wanted = next(steps)
            while True:
                if isinstance(wanted, Pause):
                    wanted = next(steps)
                    continue
                came = next(self._answers, Absence.UNREACHABLE)
                if isinstance(came, Absence):
                    wanted = steps.throw(NoAnswer("nothing came", came))
                    continue
                status, content = came
                if not isinstance(content, dict) and not (wanted.array and isinstance(content, list)):
                    wanted = steps.throw(NoAnswer("it was no JSON object"))
                    continue
                self.given.append((wanted, status, content))
                wanted = steps.send(
                    Answer(f"{wanted.method} http://127.0.0.1{wanted.path}", status, content, NOW, 0.01)
                )
        except StopIteration as end:
            return end.value


async def look(dialect: Dialect, through: Any, send_to: str | None, session: str = "testing") -> Evidence:
    request = Request(session, frozenset(Aspect), DEADLINE, send_to)
    [found] = [each async for each in HttpLooker(dialect, through, lambda: NOW).look([request])]
    return found


def says_each_thing(given: list[tuple[Ask, int, Any]], send_to: str | None, session: str = "testing") -> bool:
    """Whether this project's gateway has said of everything that makes a session healthy that it is so."""
    looks = [(status, content) for ask, status, content in given if ask.method == "GET"]
    sends = [(status, content) for ask, status, content in given if ask.method == "POST"]
    if send_to is None:
        return len(looks) == 1 and says_healthy(*looks[0], session, sent=False)
    reached = [200 <= status < 300 and content.get("status") in REACHED for status, content in sends]
    return (
        reached == [True, True] and len(looks) == 2 and all(says_healthy(*look, session, sent=True) for look in looks)
    )


def says_healthy(status: int, content: Any, session: str, *, sent: bool) -> bool:
    said = content.get("evidence")
    if status not in (200, 503) or not isinstance(said, dict) or said.get("session") not in (session, redact(session)):
        return False
    seen = {aspect: said["observations"].get(aspect, {}) for aspect in Aspect}
    answered = sent and seen[Aspect.ROUND_TRIP].get("absence") == Absence.ERROR
    unlooked = {aspect for aspect in Aspect if seen[aspect].get("absence")} - {Aspect.TEXT, Aspect.IMAGE}
    unlooked -= {Aspect.ROUND_TRIP} if answered else set()
    if unlooked and (unlooked != {Aspect.STORE} or seen[Aspect.STORE]["absence"] not in HARMLESS):
        return False
    true = (Aspect.EXISTS, Aspect.AUTHENTICATED, Aspect.SEND_AVAILABLE)
    return (
        all(seen[aspect].get("value") is True for aspect in true)
        and seen[Aspect.SOCKET].get("value") == "open"
        and (answered or isinstance(seen[Aspect.ROUND_TRIP].get("value"), (int, float)))
        and (bool(unlooked) or seen[Aspect.STORE].get("value", {}).get("intact") is True)
        and seen[Aspect.DISCONNECT].get("value", "missing") is None
    )


LESS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("product", DIALECTS)
@given(st.data())
@LESS
def test_a_look_at_any_answers_ends_with_evidence_and_is_healthy_only_if_each_thing_was_said(product, data):
    strange = Strange(data.draw(st.lists(answers(product), max_size=6)))
    send_to = data.draw(st.sampled_from([None, RECIPIENT]))
    found = asyncio.run(look(DIALECTS[product], strange, send_to))
    failed = [each.detail for each in found.observations.values() if "the dialect" in each.detail]
    assert failed == []
    for mode in Mode:
        diagnosis = judge(found, mode=mode, now=NOW)
        if diagnosis.verdict in (Verdict.HEALTHY, Verdict.DEGRADED):
            assert product == "gateway"
        if diagnosis.verdict is Verdict.HEALTHY:
            assert says_each_thing(strange.given, send_to)


@pytest.mark.parametrize("aspect", Aspect)
@pytest.mark.parametrize("absence", [*Absence, ...])
def test_a_session_of_which_something_was_not_looked_at_is_not_healthy(aspect, absence):
    answer = {"evidence": of_evidence(evidence(**{**NO_SENDS, aspect.name.lower(): absence}))}
    found = asyncio.run(look(DIALECTS["gateway"], Strange([(200, answer)]), None))
    of_no_account = aspect in (Aspect.TEXT, Aspect.IMAGE) or (aspect is Aspect.STORE and absence in HARMLESS)
    assert (judge(found, mode=Mode.PERMISSIVE, now=NOW).verdict is Verdict.HEALTHY) is of_no_account


@pytest.mark.parametrize("aspect", [Aspect.AUTHENTICATED, Aspect.DISCONNECT, Aspect.SOCKET, Aspect.ROUND_TRIP])
@pytest.mark.parametrize("absence", [*Absence, ...])
def test_what_is_not_seen_again_after_the_sends_is_not_known_any_more(aspect, absence):
    sent, before, after = (200, GOOD["gateway"][4]), evidence(**NO_SENDS), {**NO_SENDS, aspect.name.lower(): absence}
    looks = [(200, {"evidence": of_evidence(each)}) for each in (before, evidence(**after))]
    strange = Strange([looks[0], sent, sent, looks[1]])
    found = asyncio.run(look(DIALECTS["gateway"], strange, RECIPIENT))
    # A server that answers with an error does answer, and the acknowledgements show that it takes messages.
    still = (aspect, absence) == (Aspect.ROUND_TRIP, Absence.ERROR)
    assert (judge(found, mode=Mode.PERMISSIVE, now=NOW).verdict is Verdict.HEALTHY) is still


def test_the_good_answers_are_healthy_so_that_the_test_above_can_fail():
    sent = (200, GOOD["gateway"][4])
    for send_to in (None, RECIPIENT):
        looked = (200, GOOD["gateway"][0])
        strange = Strange([looked, sent, sent, looked])
        found = asyncio.run(look(DIALECTS["gateway"], strange, send_to))
        assert judge(found, mode=Mode.STRICT, now=NOW).verdict is Verdict.HEALTHY
        assert says_each_thing(strange.given, send_to)


@pytest.mark.parametrize("product", DIALECTS)
@given(st.data())
@LESS
def test_lists_and_codes_are_taken_from_any_answers_or_refused(product, data):
    dialect = DIALECTS[product]

    def carried_out(steps: Steps[Any]) -> Any:
        try:
            return asyncio.run(Strange(data.draw(st.lists(answers(product), max_size=3))).carry_out(steps))
        except NoAnswer:
            return None

    names = carried_out(dialect.sessions())
    assert names is None or all(isinstance(name, str) for name in names)
    code = carried_out(dialect.code("testing", data.draw(st.sampled_from(["", RECIPIENT])), 1.0))
    assert code is None or code.isprintable()


@asynccontextmanager
async def saying(sent: bytes) -> AsyncIterator[str]:
    """A server that sends these bytes to whoever asks, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(sent)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(content: Any, status: int = 200) -> bytes:
    body = json.dumps(content).encode()
    return b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


@st.composite
def torn(draw: st.DrawFn, product: str) -> bytes:
    """A good answer over HTTP of which bytes are missing, or others."""
    whole = bytearray(http(draw(st.sampled_from(GOOD[product]))))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(whole)))
        whole[start : start + draw(st.sampled_from([0, 1, 10, len(whole)]))] = draw(st.binary(max_size=12))
    return bytes(whole)


async def look_at(dialect: Dialect, sent: bytes, now: datetime = NOW) -> Evidence:
    async with saying(sent) as url, transport.opened(url, None, "TOKEN", dialect.auth, lambda: now) as opened:
        return await look(dialect, opened, None)


@pytest.mark.parametrize("product", DIALECTS)
@given(st.data())
@settings(LESS, max_examples=25)
def test_any_bytes_on_the_wire_end_as_evidence_too(product, data):
    sent = data.draw(torn(product) | st.binary(max_size=200))
    found = asyncio.run(look_at(DIALECTS[product], sent))
    assert [each.detail for each in found.observations.values() if "the dialect" in each.detail] == []
    judge(found, mode=Mode.STRICT, now=NOW)
