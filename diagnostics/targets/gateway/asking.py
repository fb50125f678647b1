"""Questions over HTTP to an address that may be anything: answers are bounded, and every failure is one sentence.

Redirects are not followed, since a token must not wander; proxies and `.netrc` of the environment are not used;
nothing is asked twice.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from diagnostics.errors import TargetProblem
from diagnostics.model import Absence
from diagnostics.redact import printable, redact

BODY_LIMIT = 1_000_000  # bytes; a health answer with two hundred events has some 50,000
AT_ONCE = 10  # connections
_SHOWN = 300  # characters of a gateway's own words


class NoAnswer(TargetProblem):
    """Nothing came that says anything about the session. `absence` says which kind of nothing."""

    def __init__(self, text: str, absence: Absence = Absence.UNREACHABLE) -> None:
        super().__init__(text)
        self.absence = absence


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in JSON, whatever its status.

    Attributes:
        asked: the question for a person: "GET http://127.0.0.1:3000/whatsapp/health/testing".
    """

    asked: str
    status: int
    document: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The stable code of a problem document (RFC 9457), "" where there is none."""
        return self.text("code")

    @property
    def words(self) -> str:
        """What the gateway says in its own words, in one line: a problem's detail or title, or some message."""
        said = next(filter(None, map(self.text, ("detail", "message", "error", "title"))), "")
        return printable(redact(said), _SHOWN)

    def text(self, key: str) -> str:
        value = self.document.get(key)
        return value if isinstance(value, str) else ""


class Gateway:
    """One address, one pool of connections."""

    def __init__(self, client: httpx2.AsyncClient, url: str, token_env: str, *, has_token: bool) -> None:
        self._client = client
        self._url = url
        self._token_env = token_env
        self._has_token = has_token

    async def ask(self, method: str, path: str, **content: Any) -> Answer:
        """One request, and its answer if it is an object in JSON.

        Args:
            content: what httpx2 takes: params, json, files, data.

        Raises:
            NoAnswer: there is none, or none that a gateway would give.
        """
        asked = f"{method} {self._url}{path}"
        try:
            async with self._client.stream(method, self._url + path, **content) as response:
                self._refuse_strangers(asked, response)
                body = await _body(asked, response)
        except httpx2.TimeoutException:
            raise NoAnswer(f"{asked} was not answered in time", Absence.TIMEOUT) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            reason = printable(redact(str(problem)), _SHOWN) or type(problem).__name__
            raise NoAnswer(f"{asked} was not answered: {reason}") from None
        return Answer(asked, response.status_code, _document(asked, response, body))

    def _refuse_strangers(self, asked: str, response: httpx2.Response) -> None:
        """Answers that are about the address or the token, not about the session."""
        status = response.status_code
        if 300 <= status < 400:
            raise NoAnswer(
                f"{asked} is redirected{_whereto(response)} ({status}), which is not followed so that the token stays "
                "here: give the final address as the gateway's URL"
            )
        if status in (401, 403):
            if not self._has_token:
                raise NoAnswer(f"{asked} needs a token ({status}): set the variable {self._token_env} to one")
            what = "does not know the token" if status == 401 else "does not allow this to the token"
            raise NoAnswer(f"{asked}: the gateway {what} in the variable {self._token_env} ({status})")


@asynccontextmanager
async def opened(url: str, token: str | None, token_env: str) -> AsyncIterator[Gateway]:
    """The gateway at an address; one client for all sessions.

    Raises:
        NoAnswer: the token cannot be one.
    """
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "whatsapp-diagnostics"}
    if token:
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise NoAnswer(f"the variable {token_env} holds characters that no token has (a line break?)")
        headers["Authorization"] = f"Bearer {token}"
    async with httpx2.AsyncClient(
        headers=headers,
        timeout=None,
        limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        verify=ssl.create_default_context(),  # the system's authorities, and those of SSL_CERT_FILE
        trust_env=False,
        follow_redirects=False,
    ) as client:
        yield Gateway(client, url, token_env, has_token=bool(token))


def _whereto(response: httpx2.Response) -> str:
    """Scheme and host only: the rest may be anything, a token included."""
    try:
        target = urlsplit(response.headers.get("location", ""))
        return f" to {printable(f'{target.scheme}://{target.hostname}', 100)}" if target.hostname else ""
    except ValueError:
        return ""


async def _body(asked: str, response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer(f"{asked} was answered compressed, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise NoAnswer(f"{asked} was answered with more than {BODY_LIMIT:,} bytes: that is no gateway")
    return bytes(body)


def _document(asked: str, response: httpx2.Response, body: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    kind = printable(response.headers.get("content-type", "").partition(";")[0], 60) or "something without a type"
    is_json = "json" in kind
    what = f"{kind} that cannot be read" if is_json and document is None else kind
    raise NoAnswer(
        f"{asked} was answered {response.status_code} with {what}, not with a gateway's JSON object: "
        "is this the gateway's address, and does nothing in between answer for it?"
    )
