"""Targets as a configuration makes them, and as `running.collect` opens them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from diagnostics.targets import registry
from diagnostics.targets.base import ConfiguredTarget, Looker, SessionSettings


def configured(kind: str, name: str = "", **settings: Any) -> ConfiguredTarget:
    """A target of this kind; called like the kind unless `name` says otherwise, as in a file."""
    found = registry.kind("tests", kind)
    return ConfiguredTarget(name or kind, found, found.settings(**settings))


@dataclass(frozen=True)
class Opening:
    """Some sessions of a target. Implements `targets.base.Target`."""

    target: ConfiguredTarget
    sessions: Mapping[str, SessionSettings]

    def describe(self) -> str:
        return self.target.describe()

    def open(self) -> AbstractAsyncContextManager[Looker]:
        return self.target.open(self.sessions)


def opening(kind: str, sessions: Mapping[str, Mapping[str, Any]] | None = None, **settings: Any) -> Opening:
    """
    Args:
        sessions: what the kind wants to know of each: {"shop": {"jid": "…"}}.
    """
    target = configured(kind, **settings)
    return Opening(target, {name: target.kind.session(**own) for name, own in (sessions or {}).items()})
