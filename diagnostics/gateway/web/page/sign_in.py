"""Who is signed in with a browser. A token is typed once; after that a cookie stands for it, and never holds it.

Sign-ins live in memory: a restart of the gateway ends them all.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from diagnostics.gateway.access_tokens import Token

COOKIE = "wadiag"
LASTS = timedelta(hours=12)
AT_MOST = 1_000  # sign-ins with one token that are kept; the oldest goes first


class SignIns:
    """Cookies and who they stand for."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Token, datetime]] = {}

    def begin(self, who: Token, now: datetime) -> str:
        """A new cookie's value for `who`."""
        value = secrets.token_urlsafe(32)
        self._known[_digest(value)] = (who, now + LASTS)
        # Of this token only: its holder must not be able to sign out those who have another.
        same = [key for key, (token, _) in self._known.items() if token.name == who.name]
        for oldest in same[:-AT_MOST]:
            del self._known[oldest]
        return value

    def who(self, request: Request, now: datetime) -> Token | None:
        """Whom the request's cookie stands for; None without a cookie that is valid."""
        # Looked up by digest, so that the time a lookup takes tells nothing about valid values.
        found = self._known.get(_digest(request.cookies.get(COOKIE, "")))
        return found[0] if found is not None and now < found[1] else None

    def end(self, request: Request) -> None:
        self._known.pop(_digest(request.cookies.get(COOKIE, "")), None)


def set_cookie(response: Response, value: str, request: Request) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(LASTS.total_seconds()),
        path="/",
        secure=_over_tls(request),
        httponly=True,
        samesite="strict",
    )


def _over_tls(request: Request) -> bool:
    """Whether the browser came by https, perhaps to a proxy that speaks http with us: it says so with every form."""
    return "https" in (request.url.scheme, urlsplit(request.headers.get("origin", "")).scheme)


def same_origin(request: Request) -> bool:
    """Whether the page of this gateway itself has sent the request, not one of somebody else's."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
