"""Faults as a line of words, for the console: `EVENT ACTION [NAME=VALUE …] [+ EVENT ACTION …]`.

    message refusal error=463 nth=3 times=1
    ready drop times=1 + login failure reason=402 code=101 expire=3600 nth=2

EVENT is a value of `Event`, ACTION the name of an action's class in lower case ("half-open"), NAME an attribute of the
action or of `Fault`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_type_hints

import msgspec

from diagnostics.simulator.faults.actions import Action, Event
from diagnostics.simulator.faults.fault_plan import Fault
from diagnostics.simulator.simulator_errors import SimulatorError

_ACTIONS: dict[str, type[Any]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower(): kind for kind in get_args(Action)
}
_HINTS = {name: hint for name, hint in get_type_hints(Fault).items() if name not in ("event", "action")}


def parse_faults(words: Iterable[str]) -> tuple[Fault, ...]:
    """Parse faults.

    Args:
        words: the line, split at spaces.

    Returns:
        The faults, in order.

    Raises:
        SimulatorError: a word is wrong. The text names it and what is possible instead.
    """
    return tuple(_fault(part) for part in _parts(words))


def _parts(words: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word == "+":
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _fault(words: list[str]) -> Fault:
    if len(words) < 2:
        raise SimulatorError("a fault is an event and an action, such as: message refusal error=463")
    event, action, *rest = words
    if event not in list(Event):
        raise SimulatorError(f"there is no event {event!r}; there are: {', '.join(Event)}")
    kind = _ACTIONS.get(action)
    if kind is None:
        raise SimulatorError(f"there is no action {action!r}; there are: {', '.join(_ACTIONS)}")
    values = dict(_value(word) for word in rest)
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = values.keys() - known - _HINTS.keys()
    if unknown:
        names = ", ".join(sorted(known) + sorted(_HINTS))
        raise SimulatorError(f"{action} knows no {', '.join(sorted(unknown))}; it knows: {names}")
    try:
        done = msgspec.convert({name: values[name] for name in known & values.keys()}, kind, strict=False)
        when = {
            name: msgspec.convert(values[name], _HINTS[name], strict=False) for name in _HINTS.keys() & values.keys()
        }
    except msgspec.ValidationError as problem:
        raise SimulatorError(f"{event} {action}: {problem}") from None
    return Fault(Event(event), done, **when)


def _value(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise SimulatorError(f"{word!r} is not NAME=VALUE; a + separates two faults")
    return name, value
