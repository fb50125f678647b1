"""Single settings of targets: what is valid, and the sentence for what is not.

`where` is the place to name in that sentence: an option, a variable, or a file and its key. No sentence shows a secret.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote

from msgspec import Meta

from diagnostics.errors import UsageProblem
from diagnostics.redact import printable, redact

Text = Annotated[str, Meta(min_length=1)]

PROXY = "a URL such as http://127.0.0.1:3128"
ADDRESS = "the address of a gateway such as http://127.0.0.1:3000, without a user name or password"
VARIABLE = "the name of an environment variable"

_SECRET_KEY = re.compile(r"pass|pwd|token|secret|key", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?")
_PROXY = re.compile(r"(?:https?|socks5)://(?:[^\s/]*@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")


def check_proxy(where: str, url: str) -> None:
    if not _PROXY.fullmatch(url):
        raise UsageProblem(f"{where} is not {PROXY}.")  # never shown: it may hold a password


def address(where: str, url: str) -> str:
    """A gateway's address without the slash at its end. Never shown where it is refused: it may hold a password."""
    parts = _ADDRESS.fullmatch(url)
    if parts is None or int(parts[1] or 0) > 65535:
        raise UsageProblem(f"{where} is not {ADDRESS}.")
    return url.rstrip("/")


def variable(where: str, name: str) -> str:
    """An environment variable's name. Never shown where it is refused: it may be the secret itself."""
    if not _VARIABLE.fullmatch(name):
        raise UsageProblem(f"{where} is not {VARIABLE}; name the variable that holds the token.")
    return name


def has_credentials(url: str | None) -> bool:
    return url is not None and "@" in url.partition("://")[2]


def credentials(url: str) -> list[str]:
    """The secrets in a URL: its password (its user, where there is none), and values of its query that are called so.

    The password is there as it stands in a header (Basic), too.

    >>> credentials("postgres://me:p%40ss@db/x?sslpassword=s3cret")
    ['p%40ss', 'p@ss', 'bWU6cEBzcw==', 's3cret']
    """
    if "://" not in url:
        return []
    authority = re.split(r"://", url, maxsplit=1)[1]
    found = []
    if "@" in authority:
        user, colon, password = authority.rpartition("@")[0].partition(":")
        raw = password if colon else user
        found += [raw, unquote(raw), b64encode(unquote(f"{user}:{raw if colon else ''}").encode()).decode()]
    found += [value for key, value in parse_qsl(url.partition("?")[2]) if _SECRET_KEY.search(key)]
    return list(dict.fromkeys(filter(None, found)))


def refuse_credentials(where: str, url: str, variable: str) -> None:
    """Refuse a URL in a file that holds a user name or password.

    Args:
        variable: where such a URL belongs instead.
    """
    if has_credentials(url):
        raise UsageProblem(
            f"{where} holds a user name or password; secrets belong into the environment: remove it and set {variable}."
        )


def absolute(path: str, directory: Path) -> str:
    """A path from a file or an option, seen from the directory it was written in. URLs stay as they are."""
    return path if "://" in path else os.path.normpath(directory / Path(path).expanduser())


def refusal(where: str, value: Any, valid: str) -> str:
    return f"{where} is {shown(value)}; valid: {valid}."


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
