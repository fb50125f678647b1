"""Dialects against recordings of real products: no socket, no clock, since a dialect only yields and is sent.

`recordings/PRODUCT/STATE.json` has whole exchanges with a product that was put into that state on purpose, and
`recordings/PRODUCT/expected.toml` says what a diagnosis has to find there:

    session = "default"              # whose state it is

    [STATE]
    cause = "socket-closed"          # the root cause; "" for none
    verdict = "unhealthy"
    send_to = "15550009999"          # where a message was sent, too
    with = ["connected"]             # further recordings, for requests that this one does not have
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence
from diagnostics.targets.http.dialect import Answer, Ask, Dialect, NoAnswer, Pause, Steps
from diagnostics.targets.http.look import HttpLooker

T = TypeVar("T")

RECORDINGS = Path(__file__).parent / "recordings"
NOW = datetime(2026, 11, 25, 4, 0, 0, tzinfo=UTC)
DEADLINE = 30.0  # s, of which nothing is waited for


def recorded() -> list[tuple[str, str, dict[str, Any]]]:
    """Every product and state with what is expected there."""
    found = []
    for folder in sorted(path for path in RECORDINGS.glob("*") if path.is_dir()):
        expected = tomllib.loads((folder / "expected.toml").read_text(encoding="utf-8"))
        session = expected.pop("session")
        found += [(folder.name, state, {"session": session, **what}) for state, what in expected.items()]
    return found


class Recording:
    """What a product answered, by request; the last answer to a request is given again and again.

    Attributes:
        asked: the requests that were made.
    """

    def __init__(self, product: str, states: Iterable[str]) -> None:
        self.asked: list[Ask] = []
        self._answers: dict[object, list[dict[str, Any]]] = {}
        for state in states:
            recording = json.loads((RECORDINGS / product / f"{state}.json").read_text(encoding="utf-8"))
            for exchange in recording["exchanges"]:
                self._answers.setdefault(_request(exchange), []).append(exchange)

    async def carry_out(self, steps: Steps[T]) -> T:
        """Answer what a dialect asks, as `transport.Transport.carry_out` does."""
        try:
            wanted = next(steps)
            while True:
                if isinstance(wanted, Pause):
                    wanted = next(steps)
                    continue
                try:
                    answer = self._answer(wanted)
                except NoAnswer as problem:
                    wanted = steps.throw(problem)
                else:
                    wanted = steps.send(answer)
        except StopIteration as end:
            return end.value

    def _answer(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        key = ask.method, ask.path, tuple(sorted(ask.params.items())), _content(ask.json)
        answers = self._answers.get(key)
        assert answers, f"not recorded: {key}"
        exchange = answers.pop(0) if len(answers) > 1 else answers[0]
        asked = f"{ask.method} http://127.0.0.1:3000{ask.path}"
        if exchange["status"] in (401, 403):
            raise NoAnswer(f"{asked}: refused", Absence.REFUSED, "WADIAG_TOKEN")
        if not isinstance(exchange["body"], dict) and not (ask.array and isinstance(exchange["body"], list)):
            raise NoAnswer(f"{asked} was answered with something else")
        return Answer(asked, exchange["status"], exchange["body"], NOW, exchange["seconds"])


def _request(exchange: dict[str, Any]) -> object:
    parts = urlsplit(exchange["path"])
    return exchange["method"], parts.path, tuple(sorted(parse_qsl(parts.query))), _content(exchange["request_body"])


def _content(body: object) -> object:
    """What tells two requests to one path apart: everything but the text itself, which has the time in it."""
    if not isinstance(body, dict):
        return None
    return tuple(sorted((key, str(value)) for key, value in body.items() if key not in ("text", "message", "caption")))


async def look(dialect: Dialect, recording: Recording, session: str, send_to: str | None = None) -> Evidence:
    """The evidence of a whole look, and of a text where there is a recipient."""
    request = Request(session, frozenset(Aspect), DEADLINE, send_to)
    [evidence] = [found async for found in HttpLooker(dialect, recording, lambda: NOW).look([request])]
    return evidence
