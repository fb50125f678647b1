"""Evidence that somebody else sent, from plain data. Pure; `documents` makes the data.

A gateway observes its sessions and sends the evidence to a judge in another process, so the conversion must lose
nothing. The judge must not trust it either, because anything may answer under the gateway's address. So texts are
shortened and cleaned, numbers are bounded, and an observation that cannot be understood becomes an absence.

    {"session": "testing", "target": "gateway", "took": 0.01, "events": [{"at": …, "name": …, "detail": …}],
     "observations": {"socket": {"at": "2026-11-22T10:41:07Z", "value": "open", "raw": …, "source": …, "took": 0.0,
                                 "absence": null, "detail": "", "variable": ""}, …}}

Every aspect's value has the shape that `model.Aspect` names: true or false, a state's name, seconds, or an object with
the fields of `Disconnect`, `StoreFacts` or `Sent`. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

import msgspec

from diagnostics.errors import TargetProblem
from diagnostics.model import Absence, Aspect, Disconnect, Event, Evidence, Observation, Sent, SocketState, StoreFacts
from diagnostics.redact import printable

T = TypeVar("T")

TEXT_LIMIT = 2000  # characters; the longest errors of clients have a few hundred
EVENTS_LIMIT = 200  # the last ones
_NUMBER_LIMIT = 2**31  # of codes and counts

_TYPES: Mapping[Aspect, Any] = {
    Aspect.EXISTS: bool,
    Aspect.STORE: StoreFacts,
    Aspect.AUTHENTICATED: bool,
    Aspect.DISCONNECT: Disconnect | None,
    Aspect.SOCKET: str,  # a state that is not known here becomes UNKNOWN
    Aspect.ROUND_TRIP: float,
    Aspect.SEND_AVAILABLE: bool,
    Aspect.TEXT: Sent,
    Aspect.IMAGE: Sent,
}
_STAGES = ("recipient", "upload", "download", "question", "send", "ack", "some", "crash")


class NotEvidence(TargetProblem):
    """The data is not evidence."""


class _PlainObservation(msgspec.Struct):
    """An observation in JSON."""

    at: datetime
    value: Any = msgspec.UNSET
    raw: str = ""
    source: str = ""
    took: float = 0.0
    absence: Absence | None = None
    detail: str = ""
    variable: str = ""
    code: int | None = None


def from_plain(plain: object, *, now: datetime) -> Evidence:
    """The evidence that another process sent.

    If an aspect cannot be understood, it is absent as CRASHED, which is never healthy. Aspects that are not known here
    are ignored. A socket state that is not known here is SocketState.UNKNOWN.

    Args:
        plain: any JSON value.
        now: the time of observations that could not be understood; timezone-aware.

    Raises:
        NotEvidence: it is not an object with a session and observations.
    """
    if not isinstance(plain, Mapping):
        raise NotEvidence(f"expected an object with evidence, got {_type_name(plain)}")
    observations = plain.get("observations")
    if not isinstance(observations, Mapping):
        raise NotEvidence(f"expected an object with observations in the evidence, got {_type_name(observations)}")
    try:
        return Evidence(
            session=_convert(plain.get("session"), str),
            target=_convert(plain.get("target", ""), str),
            observations={a: _observation(a, observations[a], now) for a in Aspect if a in observations},
            events=_events(plain.get("events")),
            took=_convert(plain.get("took", 0.0), float),
        )
    except msgspec.ValidationError as problem:
        raise NotEvidence(f"the evidence's session, target or duration cannot be understood: {problem}") from None


def _type_name(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _observation(aspect: Aspect, plain: object, now: datetime) -> Observation:
    try:
        seen = _convert(plain, _PlainObservation)
        value = None
        if seen.absence is None:
            value = _value(aspect, seen.value)
    except msgspec.ValidationError as problem:
        detail = printable(f"what was said of {aspect} cannot be understood: {problem}", TEXT_LIMIT)
        return Observation(aspect, now, absence=Absence.CRASHED, detail=detail)
    raw = seen.raw
    if value is SocketState.UNKNOWN and seen.value != SocketState.UNKNOWN:
        raw = printable(f"{seen.value}: {raw}" if raw else str(seen.value), TEXT_LIMIT)
    return Observation(
        aspect,
        seen.at,
        value,
        raw=raw,
        source=seen.source,
        took=seen.took,
        absence=seen.absence,
        detail=seen.detail,
        variable=seen.variable,
        code=seen.code,
    )


def _value(aspect: Aspect, plain: object) -> Any:
    value = _convert(plain, _TYPES[aspect])
    if aspect is Aspect.SOCKET:
        return SocketState(value) if value in set(SocketState) else SocketState.UNKNOWN
    if isinstance(value, Sent) and value.stage not in _STAGES:
        raise msgspec.ValidationError(f"its stage is not one of {', '.join(_STAGES)}")
    return value


def _events(plain: object) -> tuple[Event, ...]:
    """The events that can be understood; others are dropped, because events are not judged."""
    events = []
    for each in plain[-EVENTS_LIMIT:] if isinstance(plain, list) else []:
        try:
            events.append(_convert(each, Event))
        except msgspec.ValidationError:
            continue
    return tuple(events)


def _convert(plain: object, wanted: type[T]) -> T:
    """Convert `plain` to the wanted type, and clean it.

    Raises:
        msgspec.ValidationError: it has another type, or a value that is out of bounds.
    """
    try:
        value: T = _clean(msgspec.convert(plain, wanted))
    except (OverflowError, RecursionError) as problem:
        raise msgspec.ValidationError(str(problem)) from None
    return value


def _clean(value: Any) -> Any:
    """Make texts safe to print and check the bounds of numbers and times, in nested dataclasses and structs, too."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return printable(value, TEXT_LIMIT)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise msgspec.ValidationError("a time without its zone")
        return value.astimezone(UTC)
    if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
        raise msgspec.ValidationError("a duration that is none")
    if isinstance(value, int) and not -_NUMBER_LIMIT < value < _NUMBER_LIMIT:
        raise msgspec.ValidationError("a number out of all bounds")
    if isinstance(value, msgspec.Struct):
        foreign = {"value"}  # cleaned when it is converted to the type of its aspect
        return msgspec.structs.replace(
            value, **{n: _clean(getattr(value, n)) for n in value.__struct_fields__ if n not in foreign}
        )
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _clean(getattr(value, field.name)) for field in fields(value)})
    return value
