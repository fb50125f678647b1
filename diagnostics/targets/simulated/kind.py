"""The kind `simulator`: what a run needs to know of it. The rehearsal itself is in `rehearsal`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.targets import values
from diagnostics.targets.base import (
    DEFAULT_TARGET,
    Looker,
    Place,
    SessionOption,
    Started,
    TargetKind,
)
from diagnostics.targets.simulated.rehearsal_settings import DEFAULT_SESSION, Rehearsed, SimulatorSettings

# ruff: noqa: PLC0415 - only who rehearses pays for the simulator


class SimulatorKind(TargetKind[SimulatorSettings, Rehearsed]):
    """The embedded WhatsApp server, rehearsed against with the real client. Nothing leaves this machine."""

    name = DEFAULT_TARGET
    summary = "the embedded WhatsApp server"
    owner = "the simulator"
    settings = SimulatorSettings
    session = Rehearsed
    session_options = (
        SessionOption(
            name="scenario",
            help="what the simulator plays for every session that names none itself",
            valid="the name of a scenario",
            only="only the simulator plays scenarios",
        ),
    )
    session_value = "scenario"
    simulated = True

    def check(self, key: str, value: Any, place: Place) -> Any:
        from diagnostics.simulator.faults.scenarios import SCENARIOS

        if value not in SCENARIOS:
            raise UsageProblem(
                f"{place.name}: there is no scenario {values.shown(value)}.{did_you_mean(value, SCENARIOS)}"
            )
        return value

    def describe(self, settings: SimulatorSettings) -> str:
        return f"{self.name} (embedded, nothing leaves this machine)"

    def unpairable(self, settings: SimulatorSettings) -> str:
        return "links by itself"

    async def sessions(self, settings: SimulatorSettings) -> tuple[str, ...]:
        return (DEFAULT_SESSION,)

    def start(self, settings: SimulatorSettings) -> Started:
        from diagnostics.targets.simulated.rehearsal import StartedRehearsal

        return StartedRehearsal()

    @asynccontextmanager
    async def open(self, settings: SimulatorSettings, sessions: Mapping[str, Rehearsed]) -> AsyncIterator[Looker]:
        async with self.start(settings).open(sessions) as looker:
            yield looker


KIND = SimulatorKind()
