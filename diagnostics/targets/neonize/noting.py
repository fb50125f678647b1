"""What each step of a look notes, whoever takes the step: a diagnosis on its own client, or a gateway on a running one.

Every function here writes observations into `Notes`; where one returns text, it is why the steps behind it are
pointless, "" if they are not.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from diagnostics.model import Absence, Aspect, SocketState
from diagnostics.targets.neonize import reading
from diagnostics.targets.neonize.notes import Notes
from diagnostics.targets.neonize.protocol import Push
from diagnostics.targets.neonize.store import StoreReading

SETTLE = 0.5  # s for state and events to agree: a reconnect takes 8 ms, a refused socket closes within 0.2 s
SAMPLE = 0.05  # s between two readings of a state that does not agree

State = tuple[SocketState, str]


def store(notes: Notes, found: StoreReading, since: float) -> None:
    """EXISTS, STORE and AUTHENTICATED as the store has them; a bad store blocks everything else."""
    if found.exists is None:
        notes.absent(Aspect.EXISTS, Absence.UNREACHABLE, found.detail)
    else:
        notes.note(Aspect.EXISTS, found.exists, raw=str(found.path) if found.exists else found.detail, since=since)
    if found.facts is not None:
        notes.note(Aspect.STORE, found.facts, raw=found.detail, since=since)
    elif found.exists:
        notes.absent(Aspect.STORE, Absence.TIMEOUT, found.detail)
    if found.paired is not None and found.exists:
        raw = "a paired device is in the store" if found.paired else found.detail
        notes.note(Aspect.AUTHENTICATED, found.paired, raw=raw, since=since)
    if not found.usable:
        blocked = "the session does not exist" if found.exists is False else "the store cannot be used"
        notes.rest(Absence.BLOCKED, blocked)


def connection(notes: Notes, events: Sequence[Push], state: State, since: float) -> None:
    """AUTHENTICATED, DISCONNECT and SOCKET from the last state and all events."""
    socket, raw = state
    refused = reading.disconnect(events)
    authenticated, why = reading.authenticated(events)
    if authenticated is not None:
        notes.note(Aspect.AUTHENTICATED, authenticated, raw=why, since=since)
    notes.note(Aspect.DISCONNECT, refused, raw=refused.raw if refused else "none", since=since)
    notes.note(Aspect.SOCKET, socket, raw=raw, since=since)


def unusable(events: Sequence[Push], socket: SocketState, *, paired: bool) -> str:
    """Why using the connection is pointless; "" if it is not."""
    refused = reading.disconnect(events)
    if refused is not None and refused.permanent:
        return f"the connection was refused ({refused.code or refused.reason})"
    if not paired:
        return "the session is not linked to a phone"
    if socket in (SocketState.CONNECTING, SocketState.CLOSED):
        return f"the socket is {socket}"
    return ""


def answered(notes: Notes, answer: Mapping[str, Any], since: float) -> None:
    """The server answered the round trip."""
    notes.note(Aspect.ROUND_TRIP, time.monotonic() - since, raw=f"{answer['asked']} answered", since=since)


def silent(notes: Notes, limit: float, since: float) -> str:
    """The server did not answer within `limit` seconds."""
    detail = f"no answer from the server within {limit:.1f} s"
    notes.absent(Aspect.ROUND_TRIP, Absence.TIMEOUT, detail, since)
    return detail


def failed(notes: Notes, error: str, since: float) -> str:
    """The round trip ended with an error: of the server, which is an answer, or because it was not reached."""
    if reading.answered_by_server(error):
        raw = f"answered with an error: {error}"
        notes.note(Aspect.ROUND_TRIP, time.monotonic() - since, raw=raw, since=since)
        return ""
    absence = Absence.TIMEOUT if "timed out" in error else Absence.UNREACHABLE
    notes.absent(Aspect.ROUND_TRIP, absence, error, since)
    return f"the server could not be asked: {error}"


def offered(notes: Notes, answer: Mapping[str, Any], since: float) -> None:
    """SEND_AVAILABLE from the answer to `protocol.SendAvailable`."""
    raw = " ".join(f"send_{what}={'offered' if there else 'missing'}" for what, there in answer.items())
    notes.note(Aspect.SEND_AVAILABLE, all(answer.values()), raw=raw, since=since)


async def settled(
    read: Callable[[], Awaitable[State]],
    events: Callable[[], Sequence[Push]],
    pause: Callable[[], Awaitable[object]],
) -> State:
    """The socket's state, once state and events agree or `SETTLE` is up.

    While the client keeps trying to reconnect, its state flips for milliseconds: then the commonest of some samples
    counts. `pause` waits for `SAMPLE` or the next event.
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
    """Whether this is the state that the events lead to."""
    if state in (SocketState.UNKNOWN, SocketState.ABSENT):
        return True
    if reading.refusal(events) is not None:
        return state is SocketState.CLOSED
    if reading.lost(events) is not None:
        return False
    return state is SocketState.OPEN or not reading.connected(events)
