"""What all sessions of a fleet use, and how long they wait for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostics.evidence.recorder import Clock
from diagnostics.gateway.fleet.changes import Changes
from diagnostics.gateway.fleet.client_stores import Stores
from diagnostics.gateway.fleet.message_tracker import MessageTracker
from diagnostics.gateway.fleet.recent_sends import RecentSends
from diagnostics.gateway.fleet.records import Records
from diagnostics.gateway.fleet.state_watch import StateWatch
from diagnostics.gateway.fleet.worker_isolation import Workers
from diagnostics.gateway.fleet.worker_supervisor import HANGING, WATCHING


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        probe: between two round trips of a session that nobody asks about.
        round_trip: for the server to answer one.
        login: for the server to answer a login, or to give the first QR code.
        watching: between two questions whether the worker still answers.
        hanging: without an answer after which it is replaced.
        stable: online after which a loss counts as the first again.
    """

    probe: float = 15.0
    round_trip: float = 3.0
    login: float = 30.0
    watching: float = WATCHING
    hanging: float = HANGING
    stable: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What every session of a fleet uses.

    Attributes:
        chance: a random number from 0 to 1.
        proxy: URL for everything the clients dial; "" for a direct connection.
        fast_stores: for stores that are thrown away.
        state_attributes: session → attribute of its client to read the socket's state from, where it is not the
            usual one (the simulator's scenario `unknown-state`).
    """

    workers: Workers
    stores: Stores
    records: Records
    messages: MessageTracker
    sends: RecentSends
    state: StateWatch
    changes: Changes
    clock: Clock
    chance: Callable[[], float]
    timing: Timing
    proxy: str = ""
    fast_stores: bool = False
    state_attributes: Mapping[str, str] = field(default_factory=dict)
