"""Scenarios: named combinations of a store, faults for its account, and hints for the test that drives the client.

The faults of a scenario act on the login *after* the pairing: pair, call `server.apply(account, scenario.faults)`, then
log in again. How a client sees each scenario is documented, and tested with the real neonize, in
`tests/simulator/faults/test_played_scenarios.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from diagnostics.simulator.faults.actions import (
    CutShort,
    Drop,
    Event,
    Failure,
    HalfOpen,
    HttpStatus,
    Refusal,
    Silence,
    Skew,
    Slow,
    StreamError,
)
from diagnostics.simulator.faults.fault_plan import Fault

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Scenario:
    """One state or course of a session.

    Attributes:
        name: the value of `--scenario`.
        summary: what is wrong, half a sentence.
        store: "paired" (log in with it), "empty" (connect and show a QR code that nobody scans), "none" (no store).
        faults: of the account, applied after it was paired.
        client: what the driver of the client does differently: "state_attribute" names the attribute from which it
            reads the socket state.
    """

    name: str
    summary: str
    store: Literal["none", "empty", "paired"] = "paired"
    faults: tuple[Fault, ...] = ()
    client: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_ALL = (
    Scenario("healthy", "everything works"),
    Scenario("missing", "there is no session of this name", store="none"),
    Scenario("unpaired", "a QR code waits, and nobody scans it", store="empty"),
    Scenario(
        "logged-out",
        "the phone unlinked the device",
        faults=(Fault(Event.READY, StreamError(401, "device_removed")),),
    ),
    Scenario(
        "replaced",
        "another client took the session over",
        faults=(Fault(Event.READY, StreamError(conflict="replaced")),),
    ),
    Scenario("connecting", "the login is never answered", faults=(Fault(Event.LOGIN, Silence()),)),
    Scenario(
        "closed",
        "the server dropped the connection and takes no new one",
        faults=(Fault(Event.READY, Drop(), times=1), Fault(Event.LOGIN, Drop(), nth=2)),
    ),
    Scenario(
        "zombie",
        "connected and logged in by its own word, and nothing is answered",
        faults=(Fault(Event.READY, Drop(), times=1), Fault(Event.LOGIN, Silence(), nth=2)),
    ),
    Scenario(
        "unknown-state",
        "the client gives no readable socket state",
        client=MappingProxyType({"state_attribute": "readyState"}),
    ),
    Scenario("outdated", "the client's version is no longer accepted", faults=(Fault(Event.LOGIN, Failure(405)),)),
    Scenario(
        "banned",
        "the account is banned for a day",
        faults=(Fault(Event.LOGIN, Failure(402, code=101, expire=_DAY)),),
    ),
    Scenario("ack-refused", "the server refuses every message", faults=(Fault(Event.MESSAGE, Refusal(463)),)),
    Scenario("ack-lost", "no message is ever acknowledged", faults=(Fault(Event.MESSAGE, Silence()),)),
    Scenario("media-down", "no media can be uploaded", faults=(Fault(Event.UPLOAD, HttpStatus(500)),)),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in _ALL})

# Courses over time, for bots. A diagnosis would see only the moment at which it looks at the session.
_COURSES = (
    Scenario(
        "replaced-later",
        "healthy for 5 s, then another client takes the session over",
        faults=(Fault(Event.TIME, StreamError(conflict="replaced"), after=5),),
    ),
    Scenario(
        "logged-out-later",
        "healthy for 5 s, then the phone unlinks the device",
        faults=(
            Fault(Event.TIME, StreamError(401, "device_removed"), after=5),
            Fault(Event.LOGIN, Failure(401), after=5),
        ),
    ),
    Scenario(
        "restarting", "the server restarts once, after 5 s", faults=(Fault(Event.TIME, StreamError(503), after=5),)
    ),
    Scenario("flapping", "ten drops a minute", faults=(Fault(Event.TIME, Drop("reset"), after=6, every=6),)),
    Scenario("deaf", "after 5 s the client is sent nothing any more", faults=(Fault(Event.SEND, Silence(), after=5),)),
    Scenario("half-open", "after 5 s nobody is at the other end", faults=(Fault(Event.TIME, HalfOpen(), after=5),)),
    Scenario(
        "slow", "a bad line: 0.8 s of latency, 2 kB/s", faults=(Fault(Event.SEND, Slow(latency=0.8, bandwidth=2000)),)
    ),
    Scenario(
        "cut-short",
        "every tenth acknowledgement breaks off, and the connection with it",
        faults=tuple(Fault(Event.SEND, CutShort(), nth=n, times=1, only="ack") for n in range(10, 1_000, 10)),
    ),
    Scenario(
        "rate-limited",
        "after five messages the server takes no more for a minute",
        faults=(Fault(Event.MESSAGE, Refusal(429), nth=6, lasts=60),),
    ),
    Scenario(
        "banned-for-a-minute",
        "the account is banned, and after a minute it is not",
        faults=(Fault(Event.LOGIN, Failure(402, code=104, expire=60), lasts=60),),
    ),
    Scenario("clock-ahead", "the server's clock is a day ahead", faults=(Fault(Event.LOGIN, Skew(_DAY)),)),
)

# All scenarios and courses.
REHEARSALS: Mapping[str, Scenario] = MappingProxyType({**SCENARIOS, **{course.name: course for course in _COURSES}})
