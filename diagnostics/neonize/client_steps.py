"""The steps on a live client: connect, read its state, query the server, send, and query it once more.

Every step may use a share of the session's deadline, and a step that is skipped records the reason. The client can
report a logout while a later step runs, so authentication, disconnect and socket are recorded again at the end; and
since a connection can end right after an acknowledgement, the last step is a round trip.

A connection that is lost and comes back by itself is no defect of the session: the step that it interrupted is taken
again, unless a message had been handed to the server. But an answer may have come in the moment between two outages,
or before the new connection went dead. So after an outage the server is asked once more, a little later.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from diagnostics.evidence import probe_messages
from diagnostics.evidence.message_stages import unfinished
from diagnostics.evidence.recorder import Recorder
from diagnostics.model import Absence, Aspect, Disconnect, Sent, SocketState
from diagnostics.neonize import client_log, interpret, line_probe, observations, protocol
from diagnostics.neonize.process import CallFailed, Worker, WorkerTimeout

OFFLINE_CALL_TIMEOUT = 1.0  # s for a call that needs no network; a worker that does not answer one hangs
_LEAST_LINE_PROBE = 0.3  # s
_CONFIRMATIONS = 3  # questions after an outage, of which one must be answered without another outage
_LEAST_SILENCE = 3.0  # s without an answer that say something, if there is so much
_ANSWERS_FOR_A_MESSAGE = 6  # times as long as one answer a message may take: its questions come one after the other
_STEP_NAMES = {
    "dial": "the websocket to WhatsApp was not opened",
    "handshake": "WhatsApp's server did not complete the Noise handshake",
    "login": "WhatsApp did not answer the login",
}


_STEPS = ("connect", "round_trip", "text", "image", "last_round_trip")


@dataclass(frozen=True, slots=True)
class DeadlineShares:
    """How a session's deadline is divided: each step may use its share of what is left; the caps are in seconds.

    A share is a part of the sum of those that are still to come, so that a quick step leaves more to the later ones.
    """

    connect: float = 4.0
    round_trip: float = 2.0
    text: float = 2.0
    image: float = 3.0
    last_round_trip: float = 2.0
    connect_cap: float = 15.0
    step_cap: float = 8.0


class WorkerHung(Exception):
    """The worker did not answer a call that needs no network."""


class _ConnectionRefused(Exception):
    """The connection was refused for good while a step was running."""


class ClientSteps:
    """One client, from connect to the last send. Observations go into the recorder.

    Attributes:
        events: all events of the client.
        sending: a message is being prepared or sent.
    """

    def __init__(
        self,
        worker: Worker,
        recorder: Recorder,
        shares: DeadlineShares,
        until: float,
        state_attribute: str,
        *,
        paired: bool,
    ) -> None:
        self.events: list[protocol.Push] = []
        self.sending = self._sent_something = self._stuck = self._image_begun = self._answered = False
        self._one_answer = 0.0  # s that the quickest took
        self._outages = 0  # when the server was last asked
        self._worker = worker
        self._recorder = recorder
        self._session = recorder.request.session
        self._shares = shares
        self._until = until
        self._attribute = state_attribute
        self._paired = paired
        self._stalled: Disconnect | None = None
        self._recorder_state: tuple[SocketState, str] = (SocketState.UNKNOWN, "")
        self._event_arrived = asyncio.Event()
        self._refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def refused(self) -> bool:
        """WhatsApp refused the connection for good."""
        refused = interpret.disconnect(self.events)
        return refused is not None and refused.permanent

    @property
    def told_last(self) -> bool:
        """WhatsApp refused the login or ended the stream, and the client has not reacted to that."""
        return bool(self.events) and self.events[-1].event in (client_log.FAILURE, client_log.STREAM_ERROR)

    @property
    def uploading(self) -> bool:
        """An image is being uploaded."""
        return self._image_begun and all(push.event != "uploaded" for push in self.events)

    def heard(self, push: protocol.Push) -> None:
        """Take an event of the session; a listener for `Worker.subscribe`."""
        if push.event != "worker-ended":  # `_wait` checks for that itself
            self.events.append(push)
        if push.event in interpret.REFUSALS and not self._refused.done():
            self._refused.set_result(None)
        self._event_arrived.set()

    async def run(self, connect: protocol.Connect) -> None:
        """Take all steps that the recorder's request asks for.

        Raises:
            WorkerHung, WorkerTimeout, WorkerCrashed, WorkerUnavailable: problems of the worker; observations stay.
        """
        since = time.monotonic()
        await self._connect(connect)
        self.record_connection(await self._settled_state(), since)  # now, because a later step may crash
        state = self._recorder_state
        if blocked := observations.unusable(self.events, state[0], paired=self._paired):
            self._recorder.rest_absent(Absence.BLOCKED, blocked)
            return
        try:
            await self._ask_and_send()
            await self._confirm()
        except _ConnectionRefused:
            self._recorder.rest_absent(Absence.BLOCKED, "the connection was refused meanwhile")
        self.record_connection(await self._settled_state(), since)

    def record_connection(self, state: tuple[SocketState, str], since: float) -> None:
        """Record what the events and the state tell of the connection."""
        self._recorder_state = state
        observations.connection(self._recorder, self.events, state, since, self._stalled)

    async def _connect(self, connect: protocol.Connect) -> None:
        since = time.monotonic()
        limit = self._limit("connect", self._shares.connect_cap)
        until = since + limit
        try:
            await self._worker.call(connect, limit)
        except CallFailed as error:
            self.heard(protocol.Push(self._session, "connect-task-ended", time.time(), {"error": str(error)}))
        half = since + limit / 2
        if await self._wait(self._decided, half):
            return
        line = ""
        if interpret.connecting(self.events) == "dial" and limit / 2 >= _LEAST_LINE_PROBE:
            line = await line_probe.where_it_ends(connect.proxy or self._worker.proxy, limit / 2)
        lost = not await self._wait(self._decided, until) and interpret.lost(self.events) is not None
        if lost and interpret.said(self.events) is None:
            # Nobody says why; the client dials again by itself, after longer and longer pauses.
            until = time.monotonic() + self._limit("connect", self._shares.connect_cap)
            await self._wait(self._decided, until)
        if not self._decided() and not interpret.endings(self.events):
            self._stalled = self._stalled_at(limit, line)

    def _decided(self) -> bool:
        return any(push.event in interpret.DECISIVE for push in self.events)

    def _stalled_at(self, limit: float, line: str) -> Disconnect | None:
        """Why there is no connection, nor an error of the client's, after `limit` seconds."""
        step = interpret.connecting(self.events)
        if not step:
            return None
        found = line if step == "dial" else interpret.broken(self.events)
        why = f"{_STEP_NAMES[step]} within {limit:.1f} s{f' ({found})' if found else ''}"
        return Disconnect(None, why, datetime.now(UTC), raw=why, step=step)

    async def _ask_and_send(self) -> None:
        """Round trip and sends, on a usable connection."""
        blocked = await self._round_trip("round_trip") if self._recorder.asks(Aspect.ROUND_TRIP) else ""
        if self._recorder.asks(Aspect.SEND_AVAILABLE):
            await self._send_available()
        to = self._recorder.request.send_to
        if to is None:
            self._recorder.absent(Aspect.TEXT, Absence.NOT_ASKED, "nothing is sent without --send-to")
            self._recorder.absent(Aspect.IMAGE, Absence.NOT_ASKED, "nothing is sent without --send-to")
            return
        now = datetime.now(UTC)
        text = protocol.SendText(self._session, to, probe_messages.text(now))
        image = protocol.SendImage(self._session, to, probe_messages.image(), probe_messages.caption(now), fetch=True)
        blocked = await self._send(Aspect.TEXT, text, blocked)
        blocked = await self._send(Aspect.IMAGE, image, blocked)
        # A connection can end right after an acknowledgement; and where there was none, is there any other answer?
        if self._sent_something and (not blocked or self._stuck) and self._recorder.asks(Aspect.ROUND_TRIP):
            await self._round_trip("last_round_trip")

    async def _confirm(self) -> None:
        """After an outage, ask the server again until an answer comes without another outage, a few times at most."""
        since, left = len(interpret.endings(self.events)), _CONFIRMATIONS
        while self._answered and since and left:
            self._outages, left = since, left - 1
            await self._wait(self._lost_again, time.monotonic() + observations.SETTLE)
            await self._round_trip("last_round_trip")
            if not self._lost_again():
                return
            since = len(interpret.endings(self.events))
        if self._answered and since:
            lost = "the connection was lost each time that the server was asked"
            self._recorder.absent(Aspect.ROUND_TRIP, Absence.UNREACHABLE, lost)

    def _lost_again(self) -> bool:
        return len(interpret.endings(self.events)) > self._outages

    async def _round_trip(self, step: str) -> str:
        """Query the server; returns why sending is pointless, or ""."""
        since = time.monotonic()
        limit = max(self._limit(step, self._shares.step_cap), self._least())
        answers = await self._questions(limit)
        if not answers and limit < _LEAST_SILENCE and step != "last_round_trip":  # a line may be slow
            left = self._limit("last_round_trip", self._shares.step_cap) - 2 * observations.SETTLE
            more = max(0.0, min(_LEAST_SILENCE - limit, left))
            answers, limit = await self._questions(more), limit + more
        if observations.lost_meanwhile(answers) and await self._back(since + limit):
            answers = await self._questions(max(0.0, since + limit - time.monotonic()))
        blocked = observations.answered(self._recorder, answers, limit, since)
        self._answered = not blocked
        took = [answer["took"] for answer in answers.values() if "took" in answer]
        self._one_answer = min([*took, self._one_answer]) if self._one_answer else min(took, default=0.0)
        if blocked and answers:
            # The refusal that caused the error may be reported a moment later.
            await self._wait(self._refused.done, time.monotonic() + observations.SAMPLE)
            if self._refused.done():
                raise _ConnectionRefused
        return blocked

    async def _questions(self, limit: float) -> dict[str, Any]:
        try:
            asked = protocol.RoundTrip(self._session, limit)
            answers: dict[str, Any] = (await self._call_unless_refused(asked, limit + OFFLINE_CALL_TIMEOUT))["answers"]
        except WorkerTimeout as error:
            raise WorkerHung(str(error)) from error  # it answers within the limit, whatever the server does
        except CallFailed as error:
            return {"client": {"error": str(error)}}
        return answers

    async def _back(self, until: float) -> bool:
        """Wait for the client to connect again by itself; returns False if it does not, or not in time."""

        def settled() -> bool:
            return interpret.lost(self.events) is None and interpret.connecting(self.events) == ""

        # A drop is reported a moment after the call that failed by it.
        await self._wait(lambda: not settled(), min(until, time.monotonic() + observations.SAMPLE))
        return await self._wait(lambda: settled() or self._refused.done(), until) and not self._refused.done()

    async def _send_available(self) -> None:
        since = time.monotonic()
        observations.offered(self._recorder, await self._call_offline(protocol.SendAvailable(self._session)), since)

    async def _send(self, aspect: Aspect, call: protocol.SendText | protocol.SendImage, blocked: str) -> str:
        """Send, if it is asked for and not `blocked`; returns why the next send is pointless, or ""."""
        if not self._recorder.asks(aspect):
            return blocked
        if blocked:
            self._recorder.absent(aspect, Absence.BLOCKED, blocked)
            return blocked
        since = time.monotonic()
        needed = _ANSWERS_FOR_A_MESSAGE * self._one_answer
        limit = max(self._limit(aspect.value, self._shares.step_cap), min(needed, self._until - since - self._least()))
        sent = await self._sent(call, since, limit)
        if not sent.acknowledged and sent.stage == "send" and interpret.offline(sent.error):
            heard = self._handed_since(0)
            if await self._back(since + limit) and self._handed_since(0) == heard:
                sent = await self._sent(call, since, max(0.0, since + limit - time.monotonic()))
            self._stuck = self._stuck or not sent.acknowledged
        if self._stuck and sent.took >= limit and limit < needed:
            slow = f"{sent.error}, on a line on which one answer takes {self._one_answer:.1f} s"
            self._recorder.absent(aspect, Absence.TIMEOUT, slow, since)
            return slow
        self._recorder.record(aspect, sent, raw=sent.error or "acknowledged by the server", since=since)
        return "" if sent.acknowledged else f"the {aspect} before it was not acknowledged"

    async def _sent(self, call: protocol.SendText | protocol.SendImage, since: float, limit: float) -> Sent:
        """Hand over a message; what became of it within `limit` seconds."""
        heard = len(self.events)
        self.sending = self._sent_something = True
        self._image_begun = isinstance(call, protocol.SendImage)
        try:
            answer = await self._call_unless_refused(call, limit)
            self.sending = False
        except CallFailed as error:
            return interpret.send_error(error.kind, str(error), time.monotonic() - since)
        except WorkerTimeout:
            await self._check_worker_answers()
            stage = self._stuck_at(call, heard)
            self._stuck = True
            return Sent(acknowledged=False, stage=stage, error=unfinished(stage, limit), took=limit)
        return Sent(
            acknowledged=True,
            message_id=answer["message_id"],
            took=time.monotonic() - since,
            devices=answer.get("devices"),
            code=answer.get("keys_refused"),
        )

    def _stuck_at(self, call: protocol.SendText | protocol.SendImage, heard: int) -> str:
        """The stage of a message that got no answer."""
        done = {push.event for push in self.events[heard:]}
        if client_log.HANDED in done:
            return "ack"
        if isinstance(call, protocol.SendImage) and "uploaded" not in done:
            return "upload"
        if isinstance(call, protocol.SendImage) and call.fetch and "fetched" not in done:
            return "download"
        return "question"

    def _handed_since(self, heard: int) -> int:
        return sum(push.event == client_log.HANDED for push in self.events[heard:])

    async def _settled_state(self) -> tuple[SocketState, str]:
        async def read() -> tuple[SocketState, str]:
            step = interpret.connecting(self.events)
            if step in ("dial", "handshake"):  # the client holds the lock that its state needs
                lost = interpret.lost(self.events) is not None
                return SocketState.CLOSED if lost else SocketState.CONNECTING, _STEP_NAMES[step]
            answers = await self._call_offline(protocol.State(self._session, (self._attribute, "is_logged_in")))
            return interpret.socket(answers, self.events, self._attribute)

        async def pause() -> None:
            heard = len(self.events)
            await self._wait(lambda: len(self.events) > heard, time.monotonic() + observations.SAMPLE)

        return await observations.settled(read, lambda: self.events, pause)

    async def _wait(self, happened: Callable[[], bool], until: float) -> bool:
        """Wait until `happened()` is true or `until` has passed; returns whether it is.

        Raises:
            WorkerCrashed: the worker exited.
        """
        while not happened():
            if self._worker.crash is not None:
                raise self._worker.crash
            self._event_arrived.clear()
            try:
                await asyncio.wait_for(self._event_arrived.wait(), until - time.monotonic())
            except TimeoutError:
                return happened()
        return True

    async def _call_unless_refused(self, call: protocol.Call, limit: float) -> dict[str, Any]:
        """Make a call, and cancel it when the connection is refused.

        Raises:
            _ConnectionRefused: the connection was refused before the answer came.
        """
        calling = asyncio.create_task(self._worker.call(call, limit))
        either: set[asyncio.Future[Any]] = {calling, self._refused}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if calling.done():
            return calling.result()
        calling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        raise _ConnectionRefused

    async def _call_offline(self, call: protocol.Call) -> dict[str, Any]:
        """Make a call that needs no network.

        Raises:
            WorkerHung: the worker does not answer it.
        """
        try:
            return await self._worker.call(call, OFFLINE_CALL_TIMEOUT)
        except WorkerTimeout as error:
            raise WorkerHung(str(error)) from error

    async def _check_worker_answers(self) -> None:
        """Called after a timeout, to tell a server that does not answer from a worker that hangs; raises WorkerHung."""
        await self._call_offline(protocol.State(self._session, ()))

    def _least(self) -> float:
        """Seconds below which a question says nothing on this line, even if that passes the deadline a little."""
        return min(2 * self._one_answer, 2.0)

    def _limit(self, step: str, cap: float) -> float:
        """Seconds for a step: its share of what is left of the deadline, and of the shares still to come."""
        shares: dict[str, float] = {name: getattr(self._shares, name) for name in _STEPS[_STEPS.index(step) :]}
        if not self._recorder.asks(Aspect.TEXT, Aspect.IMAGE) or self._recorder.request.send_to is None:
            shares = {name: share for name, share in shares.items() if name in (step, "round_trip")}
        left = self._until - time.monotonic()
        return max(0.0, min(left * shares[step] / sum(shares.values()), cap))
