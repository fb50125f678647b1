"""Observe one session: read its store, then, if a requested aspect needs it, connect with the real client.

The store is read first. If it is missing, damaged or not linked, nothing is connected and the other aspects are absent
as BLOCKED. Otherwise `ClientSteps` runs on a client of the worker. Whatever goes wrong there is recorded as the absence
of the aspects that are still missing, so a caller always gets evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from diagnostics.evidence.recorder import Clock, Recorder, utc_now
from diagnostics.evidence.request import Request
from diagnostics.model import Absence, Aspect, Evidence, SocketState
from diagnostics.neonize import interpret, observations, protocol
from diagnostics.neonize.client_steps import ClientSteps, DeadlineShares, WorkerHung
from diagnostics.neonize.process import CallFailed, Worker, WorkerCrashed, WorkerTimeout, WorkerUnavailable
from diagnostics.neonize.store import Content, StoreReading, read_content

_UPLOADING = "Upload("  # in Go's trace of a client that crashed while it uploaded a file
STORE_SHARE = 0.2  # of the session's deadline for reading the store
STOP = 3.0  # s for a client to shut down its connection

# AUTHENTICATED is in the store as well, but only a connection shows a refusal.
NEEDS_CLIENT = frozenset(Aspect) - {Aspect.EXISTS, Aspect.STORE}


class Suspicion(IntEnum):
    """How likely it is that a session caused the crash of the worker that it shared."""

    NONE = 0  # nothing of it was under way but a question
    BUSY = 1  # it was connecting, or preparing or sending a message
    LIKELY = 2  # what WhatsApp told it last had no effect yet, or what it did is in the trace of the crash


@dataclass(frozen=True, slots=True)
class ObserveResult:
    """Evidence, and whether observing may be repeated.

    Attributes:
        crashed: the worker crashed meanwhile, which need not be this session's fault.
        suspicion: how likely it is that it was.
    """

    evidence: Evidence
    crashed: bool = False
    suspicion: Suspicion = Suspicion.BUSY


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
) -> ObserveResult:
    """Observe one session through a client of `worker`, within the request's deadline (plus a little).

    Problems of the session, the store or the worker are never raised; the evidence says them. The client is stopped at
    the end; the worker stays open.

    Args:
        store: the session's SQLite store; it must exist, and is never created.
        target: name of the target, for the evidence.
        jid: the device in the store, if the session's name does not identify it.
        proxy: URL for everything the client dials.
        fast_store: for stores that are thrown away.
        state_attribute: name of the client's attribute that holds the socket's state.
        clock: the time of observations.
        shares: how the deadline is divided.
        unlinked: connect even if the store is not linked to a phone. That can only show a QR code, and lets the client
            write its tables into the store.
        content: the store, if it was read already.
        noise_root: in a rehearsal, the simulator's root key, to trust instead of WhatsApp's.

    Returns:
        Evidence for every aspect that the request asks for.
    """
    recorder = Recorder(request, clock)
    until = time.monotonic() + request.deadline
    found = await _read_store(recorder, store, jid, content)
    if not found.usable or not recorder.asks(*NEEDS_CLIENT):
        return ObserveResult(recorder.evidence(target))
    if not found.paired and not unlinked:
        recorder.rest_absent(Absence.BLOCKED, "the session is not linked to a phone")
        return ObserveResult(recorder.evidence(target))
    steps = ClientSteps(worker, recorder, shares or DeadlineShares(), until, state_attribute, paired=bool(found.paired))
    unsubscribe = worker.subscribe(request.session, steps.heard)
    crashed, answering, trace = False, False, ""
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
        answering, trace = False, problem.trace
        # What WhatsApp refused is over, and its client may have deleted the store: that is not looked at again.
        crashed = not steps.refused
        if steps.refused:
            steps.record_connection((SocketState.CLOSED, str(problem)), time.monotonic())
            recorder.rest_absent(Absence.BLOCKED, "the connection was refused")
        elif (refused := interpret.disconnect(steps.events)) is not None and refused.code is not None:
            # What WhatsApp said before the client crashed by it.
            recorder.record(Aspect.DISCONNECT, refused, raw=refused.raw, since=time.monotonic())
        recorder.rest_absent(Absence.CRASHED, str(problem))
    except (WorkerUnavailable, CallFailed) as problem:
        recorder.rest_absent(Absence.CRASHED, str(problem))
    except (WorkerTimeout, WorkerHung) as problem:
        answering = False
        hangs = f"the worker hangs: {problem}"
        if not recorder.has(Aspect.ROUND_TRIP):
            # TIMEOUT would mean that the server did not answer.
            recorder.absent(Aspect.ROUND_TRIP, Absence.CRASHED, hangs)
        recorder.rest_absent(Absence.TIMEOUT, hangs)
    finally:
        unsubscribe()
    result = ObserveResult(recorder.evidence(target, interpret.events(steps.events)), crashed, _suspicion(steps, trace))
    if answering:
        with contextlib.suppress(WorkerCrashed, WorkerUnavailable, WorkerTimeout, CallFailed):
            await worker.call(protocol.Stop(request.session), STOP)
    return result


def _suspicion(steps: ClientSteps, trace: str) -> Suspicion:
    """How likely it is that the session caused the crash that left this trace; "" if there was none."""
    if _UPLOADING in trace:
        return Suspicion.LIKELY if steps.uploading else Suspicion.NONE
    if trace and steps.told_last:
        return Suspicion.LIKELY
    return Suspicion.BUSY if steps.sending or not interpret.connected(steps.events) else Suspicion.NONE


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
    """Read one session's store and connect nothing.

    Args:
        store, jid, clock, content: as in `observe`.
        why, absence, source: detail, kind and source of the aspects that only a client can observe.
    """
    recorder = Recorder(request, clock)
    await _read_store(recorder, store, jid, content)
    recorder.source = source
    recorder.rest_absent(absence, why)
    return recorder.evidence(target)


async def _read_store(recorder: Recorder, path: Path, jid: str | None, content: Content | None) -> StoreReading:
    """Record EXISTS, STORE and AUTHENTICATED from the store; a store that cannot be used blocks everything else."""
    recorder.source = "store"
    since = time.monotonic()
    if content is None:
        content = await asyncio.to_thread(read_content, path, STORE_SHARE * recorder.request.deadline)
    else:
        since -= content.took
    found = content.of(recorder.request.session, jid)
    observations.store(recorder, found, since)
    return found
