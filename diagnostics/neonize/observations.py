"""Turn the result of each step into observations, for a diagnosis with its own client and for a gateway.

Every function here writes observations into a `Recorder`. A function that returns text returns the reason why later
steps are pointless, or "" if they are not.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from diagnostics.evidence.recorder import Recorder
from diagnostics.model import Absence, Aspect, Disconnect, SocketState, StoreFile
from diagnostics.neonize import interpret, questions
from diagnostics.neonize.protocol import Push
from diagnostics.neonize.snapshot import shown
from diagnostics.neonize.store import StoreReading

SETTLE = 0.5  # s until state and events must agree: a reconnect takes 8 ms, a refused socket closes within 0.2 s
SAMPLE = 0.05  # s between two readings of a state that does not agree

State = tuple[SocketState, str]


def store(recorder: Recorder, found: StoreReading, since: float) -> None:
    """Record EXISTS, STORE and AUTHENTICATED from the store; a store that cannot be used blocks everything else."""
    if found.exists is None:
        recorder.absent(Aspect.EXISTS, found.absence, found.detail)
    else:
        recorder.record(
            Aspect.EXISTS, found.exists, raw=shown(found.path) if found.exists else found.detail, since=since
        )
    if found.facts is not None:
        recorder.record(Aspect.STORE, found.facts, raw=found.detail, since=since)
    elif found.exists:
        recorder.absent(Aspect.STORE, Absence.TIMEOUT, found.detail)
    if found.paired is not None and found.exists:
        raw = "a paired device is in the store" if found.paired else found.detail
        recorder.record(Aspect.AUTHENTICATED, found.paired, raw=raw, since=since)
    if not found.usable:
        missing = found.exists is False and (found.facts is None or found.facts.file is StoreFile.STORE)
        blocked = "the session does not exist" if missing else "the store cannot be used"
        recorder.rest_absent(Absence.BLOCKED, blocked)


def connection(
    recorder: Recorder, events: Sequence[Push], state: State, since: float, stalled: Disconnect | None = None
) -> None:
    """Record AUTHENTICATED, DISCONNECT and SOCKET from the last state and all events.

    Args:
        stalled: why connecting does not get on, where the events do not tell.
    """
    socket, raw = state
    refused = interpret.disconnect(events) or stalled
    authenticated, why = interpret.authenticated(events)
    if authenticated is not None:
        recorder.record(Aspect.AUTHENTICATED, authenticated, raw=why, since=since)
    recorder.record(Aspect.DISCONNECT, refused, raw=refused.raw if refused else "none", since=since)
    recorder.record(Aspect.SOCKET, socket, raw=raw, since=since)


def unusable(events: Sequence[Push], socket: SocketState, *, paired: bool) -> str:
    """Why nothing can be asked or sent on the connection; "" if it can be used."""
    refused = interpret.disconnect(events)
    if refused is not None and refused.permanent:
        return f"the connection was refused ({refused.code or refused.reason})"
    if not paired:
        return "the session is not linked to a phone"
    if socket in (SocketState.CONNECTING, SocketState.CLOSED):
        return f"the socket is {socket}"
    return ""


def answered(recorder: Recorder, answers: Mapping[str, Mapping[str, Any]], limit: float, since: float) -> str:
    """Record ROUND_TRIP from the answers to `questions.ask`.

    An error of the server shows that the connection is alive, and not that the session works. If the question that a
    client asks before each message is refused, or not answered, the others do not make up for it.

    Args:
        limit: seconds that there were for an answer.

    Returns:
        Why sending is pointless; "" if anything came back at all.
    """
    took = {kind: answer["took"] for kind, answer in answers.items() if "took" in answer}
    errors = {kind: str(answer["error"]) for kind, answer in answers.items() if "error" in answer}
    refused = {kind: error for kind, error in errors.items() if interpret.answered_by_server(error)}
    silent = f"no answer from the server within {limit:.1f} s"
    said = {kind: took.get(kind) or errors.get(kind) or silent for kind in (*questions.FIRST, *answers)}
    told = "; ".join(f"{kind}: {'answered' if isinstance(what, float) else what}" for kind, what in said.items())
    if questions.PEOPLE in took and len(took) >= len(refused):
        recorder.record(Aspect.ROUND_TRIP, min(took.values()), raw=told, since=since)
        return ""
    gone = next((error for error in errors.values() if interpret.offline(error)), "")
    if (took or refused) and not gone:
        codes = {interpret.question_code(error) for error in refused.values()}
        code = codes.pop() if len(codes) == 1 else None
        recorder.absent(Aspect.ROUND_TRIP, Absence.ERROR, told, since, code=code)
        return ""
    if not errors:
        recorder.absent(Aspect.ROUND_TRIP, Absence.TIMEOUT, silent, since)
        return silent
    error = gone or next(iter(errors.values()))
    absence = Absence.TIMEOUT if "timed out" in error else Absence.UNREACHABLE
    recorder.absent(Aspect.ROUND_TRIP, absence, error, since)
    return f"the server could not be asked: {error}"


def lost_meanwhile(answers: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a question failed because the connection was lost: ask again once it is back."""
    return any(interpret.offline(str(answer["error"])) for answer in answers.values() if "error" in answer)


def offered(recorder: Recorder, answer: Mapping[str, Any], since: float) -> None:
    """Record SEND_AVAILABLE from the answer to `protocol.SendAvailable`."""
    raw = " ".join(f"send_{what}={'offered' if there else 'missing'}" for what, there in answer.items())
    recorder.record(Aspect.SEND_AVAILABLE, all(answer.values()), raw=raw, since=since)


async def settled(
    read: Callable[[], Awaitable[State]],
    events: Callable[[], Sequence[Push]],
    pause: Callable[[], Awaitable[object]],
) -> State:
    """The socket's state, as soon as it agrees with the events, or after `SETTLE` seconds.

    While the client tries to reconnect, its state changes for milliseconds at a time. If state and events never agree,
    the most frequent of the samples counts.

    Args:
        read: reads the state.
        events: returns the events so far.
        pause: waits for `SAMPLE` seconds or the next event.
    """
    until = time.monotonic() + SETTLE
    samples: list[State] = []
    while True:
        samples.append(await read())
        if _agrees(samples[-1][0], events()):
            return samples[-1]
        if time.monotonic() >= until:
            states = [state for state, _ in samples]
            commonest = max(states, key=states.count)
            return next(sample for sample in reversed(samples) if sample[0] is commonest)
        await pause()


def _agrees(state: SocketState, events: Sequence[Push]) -> bool:
    """Whether the events lead to this state."""
    if state in (SocketState.UNKNOWN, SocketState.ABSENT):
        return True
    if interpret.refusal(events) is not None:
        return state is SocketState.CLOSED
    if interpret.lost(events) is not None:
        return False
    return state is SocketState.OPEN or not interpret.connected(events)
