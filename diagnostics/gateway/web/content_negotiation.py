"""Which form and language of an answer the caller prefers (RFC 9110, section 12).

`Accept` and `Accept-Language` list ranges with q-values. `preferred` picks from what is offered, `accepts` says whether
a form is acceptable at all, and `request_language` decides the language of an answer to one request.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

from diagnostics.model import Language

_LONGEST = 1000  # characters of a header that are read; browsers send some 100


def preferred(header: str, offered: Sequence[str]) -> str:
    """The offered media type or language that the header wants most; the first offered one where it wants none.

    A media type is wanted by its name, `type/*` and `*/*`; a language ("id") by its tag, any of its variants ("id-ID")
    and `*`. The most specific range decides about each, q=0 excludes, and the earlier offered wins a tie.

    >>> preferred("text/html, application/*;q=0.8", ["application/json", "application/health+json"])
    'application/json'
    >>> preferred("en-GB;q=0.5, id-ID", ["en", "id"])
    'id'
    """
    wanted = _ranges(header)
    best = max(offered, key=lambda each: _quality(each, wanted))  # the first of equals
    return best if _quality(best, wanted) > 0 else offered[0]


def _quality(offered: str, wanted: Sequence[tuple[str, float]]) -> float:
    fitting = [(_specific(each, offered), quality) for each, quality in wanted]
    return max(((rank, quality) for rank, quality in fitting if rank), default=(0, 0.0))[1]


def _specific(wanted: str, offered: str) -> int:
    """How exactly a range names what is offered; 0 where it does not."""
    if wanted == offered:
        return 3
    if wanted.startswith(f"{offered}-") or (wanted.endswith("/*") and offered.startswith(wanted[:-1])):
        return 2
    return 1 if wanted in {"*", "*/*"} else 0


def _ranges(header: str) -> list[tuple[str, float]]:
    """Each range in lower case and its quality; one whose quality is not a number is ignored."""
    found = []
    for each in header[:_LONGEST].split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
        if name:
            found.append((name, _number(quality)))
    return found


def _number(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


def accepts(header: str, offered: str) -> bool:
    """Whether the header takes what is offered at all; no header takes everything.

    >>> accepts("text/html, application/json;q=0.1", "application/json"), accepts("text/html", "image/png")
    (True, False)
    """
    return not header or _quality(offered, _ranges(header)) > 0


def request_language(request: Request, default: Language) -> Language:
    """The language of an answer: `?lang=`, else Accept-Language, else the gateway's `default`."""
    asked = request.query_params.get("lang")
    if asked in list(Language):
        return Language(asked)
    offered = [default, *(each for each in Language if each is not default)]
    return Language(preferred(request.headers.get("accept-language", ""), offered))
