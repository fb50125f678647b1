"""Single values that no kind of target owns: what is valid, and the sentence for what is not.

`where` is the place to name in that sentence. The settings of targets are in `targets.values`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import Language, Mode
from diagnostics.targets import values
from diagnostics.targets.values import shown

Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
Seconds = Annotated[float, Meta(ge=5, le=600)]

VALID = {
    "mode": "permissive or strict",
    "lang": "en or id",
    "deadline": "a number of seconds from 5 to 600",
    "reports": "a directory",
    "target": "the name of a target",
    "targets": "a table",
    "sessions": "a table",
    "proxy": values.PROXY,
    "send_to": "a phone number of 8 to 15 digits with its country code",
    "gateway": "a table",
    "host": "an address to listen on, such as 127.0.0.1",
    "port": "a port from 0 (a free one) to 65535",
    "state": "a directory",
    "dsn_env": "the name of an environment variable",
    "country": "two capital letters such as ID",
    "language": "en or id",
    "body_limit": "a number of bytes from 1024 to 268435456",
    "tokens": "a table",
    "env": "the name of an environment variable",
    "scopes": "a list of read, send, admin",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
NAME_RULE = "a letter or digit, then up to 63 letters, digits or any of . _ + -"


def mode(where: str, value: str | None) -> Mode | None:
    try:
        return None if value is None else Mode(value)
    except ValueError:
        raise UsageProblem(f"{where} is {shown(value)}.{did_you_mean(str(value), Mode)}") from None


def language(where: str, value: str | None) -> Language | None:
    try:
        return None if value is None else Language(value)
    except ValueError:
        raise UsageProblem(f"{where} is {shown(value)}.{did_you_mean(str(value), Language)}") from None


def seconds(where: str, value: str | float) -> float:
    try:
        return msgspec.convert(float(value), Seconds)
    except (ValueError, OverflowError):  # a ValidationError is a ValueError
        raise UsageProblem(refusal(where, "deadline", value)) from None


def digits(where: str, number: str | None) -> str | None:
    """A recipient as digits only. The usual separators and a leading + are fine, anything else is refused."""
    if number is None:
        return None
    digits = re.sub(r"[\s().-]", "", number).removeprefix("+")
    if not re.fullmatch(r"[0-9]{8,15}", digits):
        # somebody's mistyped number is not one that `redact` would know
        raise UsageProblem(refusal(where, "send_to", number if len(number) < 8 else f"{number[:3]}…{number[-2:]}"))
    return digits


def refusal(where: str, key: str, value: Any) -> str:
    return values.refusal(where, value, VALID[key])


def key(key: str) -> str:
    """A key as TOML would write it, fit to print."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) else shown(key)
