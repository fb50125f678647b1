"""What became of the gateway's own last messages, as evidence about each session. Pure: time is an argument.

Only the last `LAST` messages of a kind within `RECENT` count:

- the last one was acknowledged: that kind of message goes out, whatever failed before it;
- all of them failed, two at least, or the last three in a row did: the last failure says why (463, 429, 500, no
  acknowledgement …);
- otherwise it is a mixture (stage "some"): one failure may be the recipient's, so it is a warning;
- a message with which the client crashed in a worker of its own (stage "crash") counts by itself.

A message that has waited `PATIENT` seconds for its acknowledgement counts as failed until it comes; the client itself
gives up after 75. What it waits for is known from the client's events: a client sends one message at a time, so each
event is taken to be about the message that has waited longest for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diagnostics.evidence.message_stages import unfinished
from diagnostics.model import Sent
from diagnostics.neonize import client_log

LAST = 10  # messages of a session and kind
RECENT = timedelta(minutes=8)  # less than what the judge believes
ALONE, IN_A_ROW = 2, 3  # failures that are not an accident: without any success, and after one
PATIENT = {"text": timedelta(seconds=15), "image": timedelta(seconds=60)}  # an image is uploaded first


# What a message goes through before its acknowledgement, and the event that ends each.
_ENDED_BY = {"upload": "uploaded", "download": "fetched", "question": client_log.HANDED}
PROGRESS = frozenset(_ENDED_BY.values())


@dataclass(slots=True)
class _Waiting:
    since: datetime
    left: list[str]

    @property
    def stage(self) -> str:
        return self.left[0] if self.left else "ack"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message, and when that was known."""

    sent: Sent
    at: datetime


class RecentSends:
    """The last messages of all sessions, by session and kind ("text", "image")."""

    def __init__(self) -> None:
        self._ended: dict[tuple[str, str], deque[Outcome]] = {}
        self._waiting: dict[tuple[str, str], dict[str, _Waiting]] = {}

    def begin(self, session: str, kind: str, ticket: str, now: datetime, *, verified: bool = False) -> None:
        """A message was handed to the client; `verified`: an image that is downloaded again before it is sent."""
        stages = ["upload", *(["download"] if verified else []), "question"] if kind == "image" else ["question"]
        self._waiting.setdefault((session, kind), {})[ticket] = _Waiting(now, stages)

    def heard(self, session: str, event: str) -> None:
        """One of `PROGRESS`: a message came one stage further."""
        waiting = [each for (whose, _), those in self._waiting.items() if whose == session for each in those.values()]
        ended = [each for each in waiting if _ENDED_BY.get(each.stage) == event]
        if ended:
            min(ended, key=lambda each: each.since).left.pop(0)

    def stage(self, session: str, kind: str, ticket: str) -> str:
        """What a message waits for, as `model.Sent.stage`."""
        waiting = self._waiting.get((session, kind), {}).get(ticket)
        return waiting.stage if waiting else "ack"

    def end(self, session: str, kind: str, ticket: str) -> None:
        """It waits no longer, whatever became of it."""
        self._waiting.get((session, kind), {}).pop(ticket, None)

    def note(self, session: str, kind: str, sent: Sent, now: datetime) -> None:
        """What became of a message."""
        self._ended.setdefault((session, kind), deque(maxlen=LAST)).append(Outcome(sent, now))

    def forget(self, session: str) -> None:
        for known in (self._ended, self._waiting):
            for key in [key for key in known if key[0] == session]:
                del known[key]

    def outcome(self, session: str, kind: str, now: datetime) -> Outcome | None:
        """What the last messages say of this kind; None if they say nothing."""
        recent = [each for each in self._ended.get((session, kind), ()) if now - each.at <= RECENT]
        recent += [
            Outcome(Sent(False, stage=each.stage, error=unfinished(each.stage, (now - each.since).seconds)), now)
            for each in self._waiting.get((session, kind), {}).values()
            if now - each.since >= PATIENT[kind]
        ]
        if not recent:
            return None
        last = recent[-1]
        if last.sent.acknowledged or last.sent.stage == "crash":
            return last
        since = next((n for n, each in enumerate(reversed(recent)) if each.sent.acknowledged), len(recent))
        failed = sum(not each.sent.acknowledged for each in recent)
        error = f"{failed} of the gateway's last {len(recent)} failed, the last with: {last.sent.error}"
        if since >= (ALONE if since == len(recent) else IN_A_ROW):
            return replace(last, sent=replace(last.sent, error=error))
        return replace(last, sent=replace(last.sent, error=error, stage="some"))
