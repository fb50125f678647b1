"""Requests to an address that may be anything: answers are bounded, and every failure is one sentence.

Redirects are not followed, since the token would go along; proxies and `.netrc` of the environment are not used;
nothing is asked twice.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from diagnostics.descriptors import shortage
from diagnostics.evidence.recorder import Clock, utc_now
from diagnostics.model import Absence
from diagnostics.redact import printable, redact
from diagnostics.targets.http.dialect import SHOWN, Answer, Ask, Auth, NoAnswer, Pause, Steps, step

T = TypeVar("T")

BODY_LIMIT = 1_000_000  # bytes; a health answer with two hundred events has some 50,000
AT_ONCE = 10  # connections
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "whatsapp-diagnostics"}


class Transport:
    """One address, one pool of connections."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        url: str,
        auth: Auth,
        token_env: str,
        token: str | None,
        clock: Clock = utc_now,
    ) -> None:
        """
        Args:
            url: without a slash at the end.
            auth: how a request has the token.
            token_env: the variable that the token comes from, to name it where the token is refused.
            token: None or "" for none.
            clock: the time of answers.
        """
        self._client = client
        self._url = url
        self._auth = auth
        self._token_env = token_env
        self._token = token or ""
        self._clock = clock

    async def carry_out(self, steps: Steps[T]) -> T:
        """Make the requests that a dialect yields, one after another; what it returns.

        Raises:
            NoAnswer: no usable answer came, and the dialect does not go on without it.
        """
        try:
            wanted = next(steps)
            while True:
                if isinstance(wanted, Pause):
                    await asyncio.sleep(wanted.seconds)
                    wanted = next(steps)
                    continue
                try:
                    answer = await self.ask(wanted)
                except NoAnswer as problem:
                    wanted = steps.throw(problem)
                else:
                    wanted = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    async def ask(self, ask: Ask) -> Answer:
        """One request, and its answer if it is JSON.

        Raises:
            NoAnswer: there is none, or none that the product would give.
        """
        asked = f"{ask.method} {self._url}{ask.path}"
        token = self._token if ask.token is None else ask.token
        url = self._url + ask.path.replace("{token}", step(token))
        started = time.monotonic()
        try:
            async with (
                asyncio.timeout(ask.deadline),
                self._client.stream(ask.method, url, headers=self._headers(token), **_content(ask)) as response,
            ):
                self._refuse_strangers(asked, response, has_token=bool(token))
                body = await _body(asked, response)
        except httpx2.TimeoutException:
            raise NoAnswer(f"{asked} was not answered in time", Absence.TIMEOUT) from None
        except TimeoutError:
            raise NoAnswer(f"{asked} was not answered within {ask.deadline:.1f} s", Absence.TIMEOUT) from None
        except httpx2.RemoteProtocolError as problem:
            if "without sending a response" in str(problem):
                raise NoAnswer(f"{asked} was not answered: {_reason(problem)}", Absence.UNREACHABLE) from None
            raise NoAnswer(f"{asked} was answered, but not as HTTP wants it: {_reason(problem)}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            if ours := shortage(problem):
                raise NoAnswer(f"{asked} was not asked: {ours}", Absence.CRASHED) from None
            raise NoAnswer(f"{asked} was not answered: {_reason(problem)}", Absence.UNREACHABLE) from None
        content = _json(asked, response, body, array=ask.array)
        return Answer(asked, response.status_code, content, self._clock(), time.monotonic() - started)

    def _headers(self, token: str) -> dict[str, str]:
        if not token:
            return {}
        if not (token.isascii() and token.isprintable() and (" " not in token or self._auth.basic)):
            raise NoAnswer(
                f"the variable {self._token_env} holds characters that no token has (a line break?)",
                Absence.REFUSED,
                self._token_env,
            )
        return {self._auth.header: self._auth.value(token)}

    def _refuse_strangers(self, asked: str, response: httpx2.Response, *, has_token: bool) -> None:
        """Answers that are about the address or the token, not about the session."""
        status = response.status_code
        if 300 <= status < 400:
            raise NoAnswer(
                f"{asked} is redirected{_whereto(response)} ({status}), which is not followed so that the token stays "
                "here: give the final address as the gateway's URL"
            )
        if status not in (401, 403):
            return
        if not has_token:
            what = f"{asked} needs a token ({status}): set the variable {self._token_env} to one"
        elif status == 401:
            what = f"{asked}: the gateway does not know the token in the variable {self._token_env} ({status})"
        else:
            what = f"{asked}: the gateway does not allow this to the token in the variable {self._token_env} ({status})"
        raise NoAnswer(what, Absence.REFUSED, self._token_env)


@asynccontextmanager
async def opened(
    url: str, token: str | None, token_env: str, auth: Auth, clock: Clock = utc_now
) -> AsyncIterator[Transport]:
    """The product at an address; one client for all sessions."""
    async with httpx2.AsyncClient(
        headers=_HEADERS,
        timeout=None,
        limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        verify=ssl.create_default_context(),  # the system's authorities, and those of SSL_CERT_FILE
        trust_env=False,
        follow_redirects=False,
    ) as client:
        yield Transport(client, url, auth, token_env, token, clock)


def _content(ask: Ask) -> dict[str, Any]:
    """What httpx2 takes for the query and the body."""
    content: dict[str, Any] = {"params": ask.params} if ask.params else {}
    if ask.json is not None:
        content["json"] = ask.json
    if ask.form:
        content["data"] = ask.form
    if ask.files:
        content["files"] = {key: (file.name, file.content, file.media_type) for key, file in ask.files.items()}
    return content


def _reason(problem: BaseException) -> str:
    """The failure in a few words; the libraries say "all attempts failed" of a refused connection."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "nothing listens there (connection refused)"
        cause = cause.__cause__ or cause.__context__
    return printable(redact(str(problem)), SHOWN) or type(problem).__name__


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
            raise NoAnswer(f"{asked} was answered with more than {BODY_LIMIT:,} bytes: that is not a gateway")
    return bytes(body)


def _json(asked: str, response: httpx2.Response, body: bytes, *, array: bool) -> Any:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        content = None
    if isinstance(content, dict) or (array and isinstance(content, list)):
        return content
    kind = printable(response.headers.get("content-type", "").partition(";")[0], 60) or "something without a type"
    is_json = "json" in kind
    what = f"{kind} that cannot be read" if is_json and content is None else kind
    raise NoAnswer(
        f"{asked} was answered {response.status_code} with {what}, not with a gateway's JSON object: "
        "is this the gateway's address, and does nothing in between answer for it?"
    )
