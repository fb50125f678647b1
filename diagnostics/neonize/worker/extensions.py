"""Further calls and events of a worker, from modules that are named on its command line.

    python -m diagnostics.neonize.worker PID MODULE…

The worker of a diagnosis or a gateway has none. The project's tests ask clients much more (groups, pictures, presence),
and bring what they need themselves (tests/simulator/worker_extension.py).
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Protocol, cast

import msgspec

from diagnostics.neonize import protocol


class Extension(Protocol):
    """What such a module has.

    Attributes:
        CALLS: classes of further calls, tagged structs with a `session` as those in `protocol`.
    """

    CALLS: Sequence[type[msgspec.Struct]]

    async def answer(self, call: Any, client: Any) -> dict[str, Any]:
        """Make one of these calls on the session's neonize client; the result is plain data."""

    def listen(self, session: str, client: Any, push: Callable[[protocol.Push], None], kinds: Sequence[str]) -> None:
        """Push those of these kinds of events that the module knows."""


def load(names: Sequence[str]) -> list[Extension]:
    """The named modules. Imports them, and so perhaps neonize."""
    return [cast(Extension, importlib.import_module(name)) for name in names]


def decoder(extensions: Sequence[Extension]) -> msgspec.json.Decoder[Any]:
    """A decoder of `protocol.Asked` lines whose calls may be those of the extensions, too."""
    if not extensions:
        return msgspec.json.Decoder(protocol.Asked)
    further = [call for extension in extensions for call in extension.CALLS]
    calls = reduce(operator.or_, further, cast(Any, protocol.Call))
    return msgspec.json.Decoder(msgspec.defstruct("Asked", [("id", int), ("call", calls)], frozen=True))
