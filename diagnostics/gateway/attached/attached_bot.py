"""How the session of an attached bot is. Implements `contract.HealthSource`.

The client is listened to from below (`neonize.attached`): its events are folded into a `ClientState`, exactly as the
gateway's are, and `look` turns that state, a reading of the socket's state and one question to the server into
evidence. What is recorded, and in which words, is decided in `neonize.observations`, so the judge comes to the same
causes as for a session of the gateway. Nothing is connected, sent or written here.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any

from diagnostics.catalogue import reconnect_for
from diagnostics.catalogue.reconnect import FIRST_CONNECT_FAILED, By
from diagnostics.evidence.recorder import Clock, Recorder, utc_now
from diagnostics.evidence.request import Request
from diagnostics.gateway.client_state import MANY, ClientState, apply_event, with_new_client
from diagnostics.gateway.contract import NoSuchSession, Phase, Reconnecting, SessionView
from diagnostics.model import Absence, Aspect, Disconnect, Evidence, Observation, SocketState
from diagnostics.neonize import attached, interpret, observations
from diagnostics.neonize.protocol import Push

TARGET = "attached bot"
QUICK = 1.0  # s for what needs no network
ROUND_TRIP = 2.5  # s for the server to answer
LOGIN = 30.0  # s for it to answer a login
BELIEVED = 30.0  # s for which its answer, or its silence, is believed


class _ClientPhase(Enum):
    """Whether calls into the library are safe."""

    IDLE = auto()  # the bot has not opened it: no calls
    OPENING = auto()  # Go does not know it for sure: no calls
    OPEN = auto()
    ENDED = auto()  # no calls any more


class AttachedBot:
    """Observes one client of neonize in this process.

    Raises:
        UsageProblem: the client cannot be attached to.
    """

    def __init__(self, client: Any, session: str, clock: Clock = utc_now) -> None:
        self._session = session
        self._clock = clock
        self._turn = threading.Lock()  # events arrive on threads of the client
        self._client_state = ClientState()
        self._client_phase = _ClientPhase.IDLE
        self._jid = ""
        self._opened = 0.0  # time.monotonic() of the last call of connect
        self._heard = 0  # events so far: an answer counts for the connection on which it was asked
        self._trip: Observation | None = None
        self._asked = 0.0
        self._client = attached.AttachedClient(client, session, self._hear)

    def names(self) -> Sequence[str]:
        return (self._session,)

    def ready(self) -> str:
        return ""

    async def look(self, session: str, *, fresh: bool = False) -> SessionView:
        if session != self._session:
            raise NoSuchSession(f"this is a bot with one session, and {session!r} is not its name")
        recorder = self._recorder(*Aspect)
        since = time.monotonic()
        recorder.record(Aspect.EXISTS, value=True, raw="its client is held by this bot", since=since)
        recorder.absent(Aspect.STORE, Absence.NOT_ASKED, "the store of a running bot is left alone")
        for aspect in (Aspect.TEXT, Aspect.IMAGE):
            recorder.absent(aspect, Absence.NOT_ASKED, "an attached bot sends nothing that it does not send by itself")
        match self._client_phase:
            case _ClientPhase.IDLE:
                state = SocketState.ABSENT, "the bot has not called connect yet"
            case _ClientPhase.OPENING:
                state = SocketState.CONNECTING, "the bot called connect, and the client has not said anything yet"
            case _ClientPhase.OPEN:
                await self._look_at_client(recorder, since, fresh=fresh)
                return self._view(recorder)
            case _ClientPhase.ENDED:
                state = SocketState.CLOSED, "the bot's client has ended"
        observations.connection(recorder, self._client_state.facts, state, since)
        self._note_unanswered(recorder, since)
        recorder.rest_absent(Absence.BLOCKED, state[1])
        return self._view(recorder)

    async def _look_at_client(self, recorder: Recorder, since: float, *, fresh: bool) -> None:
        if self._jid:
            recorder.record(
                Aspect.AUTHENTICATED, value=True, raw="a paired device is in the client's store", since=since
            )
        try:
            state = await observations.settled(self._read_state, lambda: self._client_state.facts, _pause)
        except TimeoutError:
            hangs = f"is_connected did not answer within {QUICK:.1f} s"
            observations.connection(recorder, self._client_state.facts, (SocketState.UNKNOWN, hangs), since)
            recorder.absent(Aspect.SOCKET, Absence.TIMEOUT, hangs, since)
            recorder.rest_absent(Absence.BLOCKED, hangs)
            return
        self._note_connection(recorder, state, since)
        self._note_unanswered(recorder, since)
        paired = bool(self._jid) or interpret.connected(self._client_state.facts)
        if blocked := observations.unusable(self._client_state.facts, state[0], paired=paired):
            if not recorder.has(Aspect.AUTHENTICATED):
                recorder.absent(
                    Aspect.AUTHENTICATED, Absence.UNTOLD, "the client has not said yet whether it is linked"
                )
            recorder.rest_absent(Absence.BLOCKED, blocked)
            return
        trip = self._trip
        if fresh or trip is None or time.monotonic() - self._asked > BELIEVED:
            trip = await self._ask()
        if self._client_state.refused:
            observations.connection(
                recorder, self._client_state.facts, (SocketState.CLOSED, "refused meanwhile"), since
            )
            recorder.rest_absent(Absence.BLOCKED, "the connection was refused meanwhile")
            return
        if not trip.known:  # what the client said meanwhile may tell why
            self._note_connection(recorder, state, since, least=2)
        recorder.put(trip)
        observations.offered(recorder, self._client.offers(), time.monotonic())

    def _note_connection(self, recorder: Recorder, state: observations.State, since: float, least: int = MANY) -> None:
        known = self._client_state
        observations.connection(recorder, known.facts, state, since, known.unstable(self._clock(), least))

    def _note_unanswered(self, recorder: Recorder, since: float) -> None:
        """If nothing was heard for LOGIN seconds after connect(), report the login as unanswered."""
        opening = self._client_phase in (_ClientPhase.OPENING, _ClientPhase.OPEN) and not self._client_state.facts
        if opening and time.monotonic() - self._opened > LOGIN:
            said = f"the login was not answered within {LOGIN:g} s"
            lost = Disconnect(None, said, self._clock(), raw=said, permanent=True)
            recorder.record(Aspect.DISCONNECT, lost, raw=said, since=since)

    async def _read_state(self) -> observations.State:
        return interpret.socket(await self._client.state.ask(QUICK), self._client_state.facts)

    async def _ask(self) -> Observation:
        recorder, since, heard = self._recorder(Aspect.ROUND_TRIP), time.monotonic(), self._heard
        answers = await self._client.round_trip(ROUND_TRIP)
        if observations.lost_meanwhile(answers):
            await _pause()  # a client that connects again by itself does so in milliseconds
            answers = await self._client.round_trip(ROUND_TRIP)
        if observations.answered(recorder, answers, ROUND_TRIP, since) and answers:
            await _pause()  # for the event that follows an error
        (trip,) = recorder.seen
        with self._turn:
            if heard == self._heard:
                self._trip, self._asked = trip, since
        return trip

    def _recorder(self, *aspects: Aspect) -> Recorder:
        recorder = Recorder(Request(self._session, frozenset(aspects), 0.0), self._clock)
        recorder.source = self._client.version
        return recorder

    def _hear(self, push: Push) -> None:
        with self._turn:
            self._heard += 1
            self._trip = None
            match push.event:
                case attached.CONNECTING:
                    self._client_state, self._client_phase, self._jid = (
                        with_new_client(self._client_state),
                        _ClientPhase.OPENING,
                        "",
                    )
                    self._opened = time.monotonic()
                case attached.IDENTIFIED:
                    self._client_phase, self._jid = _ClientPhase.OPEN, "{user}:{device}@{server}".format_map(push.data)
                case attached.STOPPED:
                    self._client_phase = _ClientPhase.ENDED
                case _:
                    self._client_phase = _ClientPhase.ENDED if push.event == "connect-task-ended" else _ClientPhase.OPEN
                    self._client_state = apply_event(self._client_state, push, self._clock())

    def _view(self, recorder: Recorder) -> SessionView:
        known = self._client_state
        evidence = recorder.evidence(TARGET, known.log)
        return SessionView(
            evidence=evidence,
            phase=self._phase(),
            observed_at=_oldest(evidence, self._clock()),
            last_connected=known.last_connected,
            last_disconnect=known.last_disconnect,
            reconnecting=self._reconnecting(),
            jid="" if known.logged_out else self._jid or known.jid,
        )

    def _phase(self) -> Phase:
        known = self._client_state
        if self._client_phase in (_ClientPhase.IDLE, _ClientPhase.ENDED) or known.refused:
            return Phase.STOPPED
        if known.online:
            return Phase.ONLINE
        return Phase.PAIRING if known.codes and not interpret.connected(known.facts) else Phase.CONNECTING

    def _reconnecting(self) -> Reconnecting:
        lost = self._client_state.disconnect
        if lost is None:
            return Reconnecting()
        rule = reconnect_for(lost.code, FIRST_CONNECT_FAILED if lost.code is None and lost.permanent else lost.reason)
        by = By.BOT if lost.permanent else By.CLIENT
        return Reconnecting(self._client_state.losses, None, str(rule.action), rule.code, rule.name, by)


def _oldest(evidence: Evidence, now: datetime) -> datetime:
    live = (evidence.get(Aspect.SOCKET), evidence.get(Aspect.ROUND_TRIP))
    return min((seen.at for seen in live if seen is not None and seen.known), default=now)


async def _pause() -> None:
    await asyncio.sleep(observations.SAMPLE)
