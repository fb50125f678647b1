"""Link a session into a store on this machine, through the real client."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from diagnostics.errors import TargetProblem
from diagnostics.neonize import lease, link_store, process, worker_environment
from diagnostics.neonize.store import StoreReading, read_store
from diagnostics.rehearse import noise_root
from diagnostics.targets.base import Pairing

_START = 20.0  # s for the worker to load neonize
_LOOK = 5.0  # s for reading a store


async def link(store: Path, session: str, pairing: Pairing, *, jid: str | None, proxy: str | None) -> str | None:
    """The JID that the session was linked as; None where it was linked before.

    Args:
        store: is made where there is none, and removed again unless the session is linked.
        jid: the account in the store, where the session's name does not tell.
        proxy: URL for everything the client dials.

    Raises:
        TargetProblem: it could not be linked.
    """
    found = await asyncio.to_thread(read_store, store, session, jid, _LOOK)
    if found.paired:
        return None
    _refuse_what_cannot_be_linked(session, found)
    with lease.acquire(store), _new_store_or_none(store):
        proxy = proxy or worker_environment.proxy_with_password(os.environ)
        worker = process.Worker(worker_environment.environment(proxy=proxy))
        try:
            await worker.hello(_START, noise_root(os.environ))
            return await link_store.pair(
                worker,
                session,
                store,
                show=pairing.show,
                deadline=pairing.deadline,
                proxy=proxy,
                phone=pairing.phone,
            )
        finally:
            await worker.close()


def _refuse_what_cannot_be_linked(session: str, found: StoreReading) -> None:
    if not found.path.parent.is_dir():
        raise TargetProblem(f"there is no directory {found.path.parent} for the store of {session}: make it first")
    if found.path.exists() and not found.usable:
        raise TargetProblem(f"{session} cannot be linked in this store: {found.detail}")


@contextlib.contextmanager
def _new_store_or_none(store: Path) -> Iterator[None]:
    """A new store is readable by its owner only, since it holds credentials; unless it is linked, it goes again."""
    is_new = not store.exists()
    if is_new:
        store.touch(mode=0o600)
    try:
        yield
    except BaseException:
        if is_new:
            for suffix in ("", "-wal", "-shm", "-journal", lease.SUFFIX):
                store.with_name(store.name + suffix).unlink(missing_ok=True)
        raise
