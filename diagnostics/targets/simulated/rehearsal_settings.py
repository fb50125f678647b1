"""What the kind `simulator` can be told: nothing for all sessions, and a scenario for each."""

from __future__ import annotations

from diagnostics.targets import values
from diagnostics.targets.base import SessionSettings, TargetSettings

DEFAULT_SESSION = "testing"  # the one session that exists where no scenario says otherwise


class SimulatorSettings(TargetSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class Rehearsed(SessionSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Attributes:
        scenario: what is played; None for a session nobody described: the default session is healthy, and any other
            does not exist.
    """

    scenario: values.Text | None = None
