"""Targets as a configuration makes them, opened and looked through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from diagnostics.evidence.request import Request
from diagnostics.model import Evidence
from diagnostics.running.collect import Job, collect
from diagnostics.targets import registry
from diagnostics.targets.base import ConfiguredTarget, Looker, SessionSettings


def configured(kind: str, name: str = "", **settings: Any) -> ConfiguredTarget:
    """A target of this kind; called like the kind unless `name` says otherwise, as in a file."""
    found = registry.kind("tests", kind)
    return ConfiguredTarget(name or kind, found, found.settings(**settings))


@dataclass(frozen=True)
class Opening:
    """Some sessions of a target."""

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


async def look(target: Any, requests: Sequence[Request], **options: Any) -> dict[str, Evidence]:
    """Evidence of the requested sessions, as a run collects it with these options."""
    job = Job(target.describe(), target.open, requests)
    return {evidence.session: evidence async for evidence in collect([job], **options)}
