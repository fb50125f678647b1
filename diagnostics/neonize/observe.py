"""One session, looked at: its store, and through the real client where that is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from diagnostics.evidence.recorder import Clock, Recorder, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence
from diagnostics.neonize import interpret, observations, protocol
from diagnostics.neonize.client_steps import ClientSteps, DeadlineShares, Hung
from diagnostics.neonize.process import CallFailed, Worker, WorkerCrashed, WorkerTimeout, WorkerUnavailable
from diagnostics.neonize.store import Content, StoreReading, read_content

STORE_SHARE = 0.2  # of the session's deadline for reading the store
STOP = 3.0  # s for a client to close its connection in good order

# AUTHENTICATED is in the store as well, but only a connection shows a refusal.
NEEDS_CLIENT = frozenset(Aspect) - {Aspect.EXISTS, Aspect.STORE}


@dataclass(frozen=True, slots=True)
class Looked:
    """Evidence, and what became of the look.

    Attributes:
        crashed: the worker died under it, which says nothing about this session in particular.
        sending: a message was on its way, so the look must not be repeated.
    """

    evidence: Evidence
    crashed: bool = False
    sending: bool = False


async def observe(
    worker: Worker,
    request: Request,
    store: Path,
    *,
    target: str = "neonize",
    jid: str | None = None,
    proxy: str | None = None,
    fast_store: bool = False,
    state_attribute: str = "is_connected",
    clock: Clock = utc_now,
    shares: DeadlineShares | None = None,
    unlinked: bool = False,
    content: Content | None = None,
    noise_root: bytes | None = None,
) -> Looked:
    """Look at one session through a client of `worker`. Ends within the request's deadline and a little.

    Never raises for what is wrong with the session, the store or the worker. The client is stopped at the end; the
    worker remains the caller's.

    Args:
        store: the session's SQLite store; it must exist, and is never created.
        target: what the evidence says it was looked at through.
        jid: the device in the store, where the session's name does not tell.
        proxy: URL for everything the client dials.
        fast_store: for stores that are thrown away.
        state_attribute: name of the client's attribute that holds the socket's state.
        clock: the time of observations.
        shares: how the deadline is divided.
        unlinked: connect even if the store is not linked to a phone. That can only show a QR code, and lets the client
            write its tables into the store.
        content: the store, where it was read already.
        noise_root: in a rehearsal, the simulator's root key, to trust instead of WhatsApp's.
    """
    recorder = Recorder(request, clock)
    until = time.monotonic() + request.deadline
    found = await _read_store(recorder, store, jid, content)
    if not found.usable or not recorder.asks(*NEEDS_CLIENT):
        return Looked(recorder.evidence(target))
    if not found.paired and not unlinked:
        recorder.rest_absent(Absence.BLOCKED, "the session is not linked to a phone")
        return Looked(recorder.evidence(target))
    steps = ClientSteps(worker, recorder, shares or DeadlineShares(), until, state_attribute, paired=bool(found.paired))
    unsubscribe = worker.subscribe(request.session, steps.heard)
    crashed = answering = False
    try:
        versions = await worker.hello(max(0.0, until - time.monotonic()), noise_root)
        recorder.source = f"neonize {versions['neonize']}"
        answering = True
        await steps.run(
            protocol.Connect(
                request.session,
                str(store.absolute()),  # noqa: ASYNC240 - asks for the current directory, nothing else
                jid=found.jid,
                proxy=proxy or "",
                fast_store=fast_store,
            ),
        )
    except WorkerCrashed as problem:
        crashed, answering = True, False
        recorder.rest_absent(Absence.CRASHED, str(problem))
    except (WorkerUnavailable, CallFailed) as problem:
        recorder.rest_absent(Absence.CRASHED, str(problem))
    except (WorkerTimeout, Hung) as problem:
        answering = False
        hangs = f"the worker hangs: {problem}"
        if not recorder.has(Aspect.ROUND_TRIP):
            recorder.absent(Aspect.ROUND_TRIP, Absence.CRASHED, hangs)  # a timeout there would be the server's silence
        recorder.rest_absent(Absence.TIMEOUT, hangs)
    finally:
        unsubscribe()
    looked = Looked(recorder.evidence(target, interpret.events(steps.events)), crashed, steps.sending)
    if answering:
        with contextlib.suppress(WorkerCrashed, WorkerUnavailable, WorkerTimeout, CallFailed):
            await worker.call(protocol.Stop(request.session), STOP)
    return looked


async def observe_store(
    request: Request,
    store: Path,
    *,
    target: str = "neonize",
    jid: str | None = None,
    clock: Clock = utc_now,
    why: str = "passive: nothing was connected (--connect opens the real client)",
    absence: Absence = Absence.NOT_ASKED,
    source: str = "store",
    content: Content | None = None,
) -> Evidence:
    """Look at one session's store and nothing else.

    Args:
        store, jid, clock, content: as in `observe`.
        why, absence, source: for what needs a client.
    """
    recorder = Recorder(request, clock)
    await _read_store(recorder, store, jid, content)
    recorder.source = source
    recorder.rest_absent(absence, why)
    return recorder.evidence(target)


async def _read_store(recorder: Recorder, path: Path, jid: str | None, content: Content | None) -> StoreReading:
    """EXISTS, STORE and AUTHENTICATED as the store has them; a bad store blocks everything else."""
    recorder.source = "store"
    since = time.monotonic()
    if content is None:
        content = await asyncio.to_thread(read_content, path, STORE_SHARE * recorder.request.deadline)
    else:
        since -= content.took
    found = content.of(recorder.request.session, jid)
    observations.store(recorder, found, since)
    return found
