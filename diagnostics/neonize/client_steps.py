"""The steps on a live client: connect, read its state, query the server, send.

Every step may use a share of the session's deadline, and a step that is skipped records the reason. The client can
report a logout while a later step runs, so authentication, disconnect and socket are recorded again at the end.
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
from diagnostics.evidence.recorder import Recorder
from diagnostics.model import Absence, Aspect, Sent, SocketState
from diagnostics.neonize import interpret, observations, protocol
from diagnostics.neonize.process import CallFailed, Worker, WorkerTimeout

OFFLINE_CALL_TIMEOUT = 1.0  # s for a call that needs no network; a worker that does not answer one hangs


@dataclass(frozen=True, slots=True)
class DeadlineShares:
    """Which part of a session's deadline each step may use; the caps are in seconds."""

    connect: float = 0.4
    round_trip: float = 0.2
    send: float = 0.2
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
        sending: a message was handed to the client.
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
        self.sending = False
        self._worker = worker
        self._recorder = recorder
        self._session = recorder.request.session
        self._shares = shares
        self._until = until
        self._attribute = state_attribute
        self._paired = paired
        self._event_arrived = asyncio.Event()
        self._refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()

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
        state = await self._settled_state()
        observations.connection(
            self._recorder, self.events, state, since
        )  # recorded now, because a later step may crash
        if blocked := observations.unusable(self.events, state[0], paired=self._paired):
            self._recorder.rest_absent(Absence.BLOCKED, blocked)
            return
        try:
            await self._ask_and_send()
        except _ConnectionRefused:
            self._recorder.rest_absent(Absence.BLOCKED, "the connection was refused meanwhile")
        observations.connection(self._recorder, self.events, await self._settled_state(), since)

    async def _connect(self, connect: protocol.Connect) -> None:
        limit = self._limit(self._shares.connect, self._shares.connect_cap)
        until = time.monotonic() + limit
        try:
            await self._worker.call(connect, limit)
        except CallFailed as error:
            self.heard(protocol.Push(self._session, "connect-task-ended", time.time(), {"error": str(error)}))
        await self._wait(lambda: any(push.event in interpret.DECISIVE for push in self.events), until)

    async def _ask_and_send(self) -> None:
        """Round trip and sends, on a usable connection."""
        blocked = await self._round_trip() if self._recorder.asks(Aspect.ROUND_TRIP) else ""
        if self._recorder.asks(Aspect.SEND_AVAILABLE):
            await self._send_available()
        to = self._recorder.request.send_to
        if to is None:
            self._recorder.absent(Aspect.TEXT, Absence.NOT_ASKED, "nothing is sent without --send-to")
            self._recorder.absent(Aspect.IMAGE, Absence.NOT_ASKED, "nothing is sent without --send-to")
        else:
            now = datetime.now(UTC)
            text = protocol.SendText(self._session, to, probe_messages.text(now))
            image = protocol.SendImage(self._session, to, probe_messages.image(), probe_messages.caption(now))
            blocked = await self._send(Aspect.TEXT, text, blocked)
            await self._send(Aspect.IMAGE, image, blocked)

    async def _round_trip(self) -> str:
        """Query the server; returns why sending is pointless, or ""."""
        since = time.monotonic()
        limit = self._limit(self._shares.round_trip, self._shares.step_cap)
        try:
            observations.answered(
                self._recorder, await self._call_unless_refused(protocol.RoundTrip(self._session), limit), since
            )
        except WorkerTimeout:
            await self._check_worker_answers()
            return observations.silent(self._recorder, limit, since)
        except CallFailed as error:
            if not interpret.answered_by_server(str(error)):
                # The refusal that caused the error may be reported a moment later.
                await self._wait(self._refused.done, time.monotonic() + observations.SAMPLE)
                if self._refused.done():
                    raise _ConnectionRefused from error
            return observations.failed(self._recorder, str(error), since)
        return ""

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
        limit = self._limit(self._shares.send, self._shares.step_cap)
        heard = len(self.events)
        self.sending = True
        try:
            answer = await self._call_unless_refused(call, limit)
            sent = Sent(acknowledged=True, message_id=answer["message_id"], took=time.monotonic() - since)
        except CallFailed as error:
            sent = interpret.send_error(error.kind, str(error), time.monotonic() - since)
        except WorkerTimeout:
            await self._check_worker_answers()
            uploading = aspect is Aspect.IMAGE and all(push.event != "uploaded" for push in self.events[heard:])
            stage, what = ("upload", "the upload did not end") if uploading else ("ack", "no acknowledgement")
            sent = Sent(acknowledged=False, stage=stage, error=f"{what} within {limit:.1f} s", took=limit)
        self._recorder.record(aspect, sent, raw=sent.error or "acknowledged by the server", since=since)
        return "" if sent.acknowledged else f"the {aspect} before it was not acknowledged"

    async def _settled_state(self) -> tuple[SocketState, str]:
        async def read() -> tuple[SocketState, str]:
            answers = await self._call_offline(protocol.State(self._session, (self._attribute, "is_logged_in")))
            return interpret.socket(answers, self.events, self._attribute)

        async def pause() -> None:
            heard = len(self.events)
            await self._wait(lambda: len(self.events) > heard, time.monotonic() + observations.SAMPLE)

        return await observations.settled(read, lambda: self.events, pause)

    async def _wait(self, happened: Callable[[], bool], until: float) -> None:
        """Wait until `happened()` is true or `until` has passed.

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
                return

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

    def _limit(self, share: float, cap: float) -> float:
        return max(0.0, min(share * self._recorder.request.deadline, cap, self._until - time.monotonic()))
