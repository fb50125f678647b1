"""Single values: what is valid, and the sentence for what is not. `where` is the place to name in it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from diagnostics.errors import UsageProblem, did_you_mean
from diagnostics.model import Language, Mode
from diagnostics.redact import printable, redact

Text = Annotated[str, Meta(min_length=1)]
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
    "kind": "gateway, neonize or simulator",
    "store": "the path of a session store",
    "connect": "true or false",
    "proxy": "a URL such as http://127.0.0.1:3128",
    "url": "the address of a gateway such as http://127.0.0.1:3000, without a user name or password",
    "token_env": "the name of an environment variable",
    "scenario": "the name of a scenario",
    "jid": "an account such as 628123456789@s.whatsapp.net",
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
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_GATEWAY = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?")
_PROXY = re.compile(r"(?:https?|socks5)://(?:[^\s/]*@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")


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
        # somebody's number with a slip in it is no number that `redact` would know
        raise UsageProblem(refusal(where, "send_to", number if len(number) < 8 else f"{number[:3]}…{number[-2:]}"))
    return digits


def check_proxy(where: str, url: str) -> None:
    if not _PROXY.fullmatch(url):
        raise UsageProblem(f"{where} is not {VALID['proxy']}.")  # never shown: it may hold a password


def address(where: str, url: str) -> str:
    """A gateway's address without the slash at its end. Never shown where it is refused: it may hold a password."""
    parts = _GATEWAY.fullmatch(url)
    if parts is None or int(parts[1] or 0) > 65535:
        raise UsageProblem(f"{where} is not {VALID['url']}.")
    return url.rstrip("/")


def variable(where: str, name: str) -> str:
    """An environment variable's name. Never shown where it is refused: it may be the secret itself."""
    if not _VARIABLE.fullmatch(name):
        raise UsageProblem(f"{where} is not {VALID['token_env']}; name the variable that holds the token.")
    return name


def has_credentials(url: str | None) -> bool:
    return url is not None and "@" in url.partition("://")[2]


def absolute(path: str, directory: Path) -> str:
    """A path from a file or an option, seen from the directory it was written in. URLs stay as they are."""
    return path if "://" in path else os.path.normpath(directory / Path(path).expanduser())


def refusal(where: str, key: str, value: Any) -> str:
    quotes = ", in quotes" if key == "send_to" and not isinstance(value, str) else ""
    return f"{where} is {shown(value)}; valid: {VALID[key]}{quotes}."


def key(key: str) -> str:
    """A key as TOML would write it, fit to print."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) else shown(key)


def shown(value: Any) -> str:
    """What was there, as a person wrote it, without secrets and not longer than a glance."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = printable(redact(str(value)), 60)
    return f'"{text}"' if isinstance(value, str) else text
