"""The lease of one session's store, held while the gateway uses the session: it keeps a diagnosis from connecting."""

from __future__ import annotations

import asyncio

from diagnostics.gateway.fleet.client_stores import Stores
from diagnostics.gateway.fleet.worker_isolation import Workers
from diagnostics.neonize.lease import Lease


class SessionLease:
    def __init__(self, session: str, stores: Stores, workers: Workers) -> None:
        self._session = session
        self._stores = stores
        self._workers = workers
        self._lease: Lease | None = None

    async def take(self) -> None:
        """Hold the lease from now on.

        Raises:
            TargetProblem: another process has it.
        """
        if self._lease is not None:
            return
        taking = asyncio.create_task(asyncio.to_thread(self._stores.lease, self._session, self._workers.pids))
        try:
            self._lease = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_give_back)
            raise

    def release(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()


def _give_back(taking: asyncio.Task[Lease | None]) -> None:
    """Release a lease that was taken after its session was stopped."""
    if not taking.cancelled() and taking.exception() is None and (taken := taking.result()) is not None:
        taken.release()
