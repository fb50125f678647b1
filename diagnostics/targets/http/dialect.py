"""The language of dialects: requests in, answers out, and what they say about a session. Pure.

Theory of operation. A dialect knows one product and does no I/O. What it has to say over HTTP is a generator that
yields requests (`Ask`) and is sent their answers:

    def look(self, session, aspects, found):
        answer = yield Ask("GET", f"/sessions/{step(session)}")
        if answer.status == 404:
            found.see(answer, Aspect.EXISTS, False, answer.words)
            return
        yield Pause(0.5)                                      # a state that flips is sampled more than once
        later = yield Ask("GET", f"/sessions/{step(session)}")
        ...

Where no usable answer comes (nothing listens, the deadline passes, the token is refused, a page in HTML), `NoAnswer` is
raised at the `yield`. A dialect catches it where the look can go on; otherwise everything that was not found by then is
absent for that reason. What a product cannot tell is unknown: `found.unseen` with the reason, never a guess.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from diagnostics.errors import TargetProblem
from diagnostics.model import Absence, Aspect, Event, Observation
from diagnostics.redact import printable, redact

T = TypeVar("T")

SHOWN = 300  # characters of a product's own words


class NoAnswer(TargetProblem):
    """Nothing came that says anything about the session.

    Attributes:
        absence: UNREACHABLE (nothing answered), TIMEOUT, REFUSED (the token), UNEXPECTED (something else answered).
        variable: of the token that was refused.
    """

    def __init__(self, text: str, absence: Absence = Absence.UNEXPECTED, variable: str = "") -> None:
        super().__init__(text)
        self.absence = absence
        self.variable = variable


class Auth(msgspec.Struct, frozen=True):
    """How a request says who asks.

    Attributes:
        header: the header that has the token.
        prefix: what stands before it there.
        basic: the token is "user:password", as in HTTP's Basic.
    """

    header: str = "Authorization"
    prefix: str = "Bearer "
    basic: bool = False

    def value(self, token: str) -> str:
        """
        >>> Auth().value("t"), Auth("X-Api-Key", "").value("t"), BASIC.value("me:pw")
        ('Bearer t', 't', 'Basic bWU6cHc=')
        """
        return self.prefix + (base64.b64encode(token.encode()).decode("ascii") if self.basic else token)


BEARER = Auth()
BASIC = Auth(prefix="Basic ", basic=True)


class File(msgspec.Struct, frozen=True):
    """A file in a form."""

    name: str
    content: bytes
    media_type: str


class Ask(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        path: after the product's address. `{token}` in it is replaced by the token, which is never shown.
        params: of the query.
        json: the body, None for none.
        form, files: the body as a form instead.
        deadline: seconds for this request alone, where it may hang.
        token: instead of the configured one, where an earlier answer gave one.
        array: the answer may be a JSON array, too.
    """

    method: str
    path: str
    params: Mapping[str, str] = {}
    json: object = None
    form: Mapping[str, str] = {}
    files: Mapping[str, File] = {}
    deadline: float | None = None
    token: str | None = None
    array: bool = False

    def __repr__(self) -> str:  # a token is never shown
        return f"Ask({self.method} {self.path})"


class Pause(msgspec.Struct, frozen=True):
    """Wait before the next request."""

    seconds: float


class Answer(msgspec.Struct, frozen=True):
    """An answer in JSON, whatever its status.

    Attributes:
        asked: the request for a person: "GET http://127.0.0.1:3000/whatsapp/health/testing".
        content: the JSON value: an object, or an array where that was expected.
        at: when it came, timezone-aware UTC.
        took: seconds from the request to the answer.
    """

    asked: str
    status: int
    content: Any
    at: datetime
    took: float = 0.0

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def document(self) -> Mapping[str, Any]:
        """The object; empty where the answer is an array."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def code(self) -> str:
        """The stable code of a problem document (RFC 9457), "" where there is none."""
        return self.text("code")

    @property
    def words(self) -> str:
        """What the product says in its own words, in one line: a problem's detail or title, or some message."""
        said = next(filter(None, map(self.text, ("detail", "message", "error", "title"))), "")
        return printable(redact(said), SHOWN)

    @property
    def said(self) -> str:
        """The whole answer in half a sentence, for one that cannot be used."""
        return f"{self.asked} was answered {self.status} ({self.words or 'without a reason'})"

    def text(self, key: str) -> str:
        value = self.document.get(key)
        return value if isinstance(value, str) else ""

    def short(self, key: str) -> str:
        """A text of the answer that is fit to print."""
        return printable(self.text(key), SHOWN)


class Found:
    """What a dialect found out about one session so far; what was found before a deadline counts.

    Attributes:
        events: lines of the session's own log.
    """

    def __init__(self) -> None:
        self.observations: dict[Aspect, Observation] = {}
        self.events: tuple[Event, ...] = ()

    def see(self, answer: Answer, aspect: Aspect, value: Any, raw: str) -> None:
        """The answer tells this; `raw` is what it said literally."""
        self.put(Observation(aspect, answer.at, value, raw=raw, source=answer.asked, took=answer.took))

    def unseen(self, answer: Answer, aspect: Aspect, absence: Absence, detail: str) -> None:
        """The answer does not tell this; `detail` says why in one sentence."""
        self.put(Observation(aspect, answer.at, source=answer.asked, took=answer.took, absence=absence, detail=detail))

    def unsaid(self, answer: Answer, aspects: Mapping[Aspect, str]) -> None:
        """What the product has no way to tell, each with why."""
        for aspect, why in aspects.items():
            self.unseen(answer, aspect, Absence.UNTOLD, why)

    def put(self, observation: Observation) -> None:
        self.observations[observation.aspect] = observation


Steps = Generator[Ask | Pause, Answer, T]


class Message(msgspec.Struct, frozen=True):
    """A message to send.

    Attributes:
        aspect: TEXT or IMAGE.
        to: the recipient, digits only.
        text: the text, or the image's caption.
        image: PNG; empty for a text.
        wait: seconds that may be waited for its acknowledgement.
    """

    aspect: Aspect
    to: str
    text: str
    image: bytes
    wait: float


class Dialect(ABC):
    """One product. Its attributes are constants; the methods are generators, as above, and keep nothing.

    Attributes:
        name: of the kind of target: lower case.
        summary: for help texts.
        owner: whose sessions these are, after "is for sessions of".
        url: where the product answers unless somebody says otherwise.
        auth: how its requests say who asks.
        sends: the messages that can be sent through it.
        shows_codes: a session can be linked through it, by `code`.
    """

    name: str
    summary: str
    owner: str
    url: str = "http://127.0.0.1:3000"
    auth: Auth = BEARER
    sends: frozenset[Aspect] = frozenset()
    shows_codes: bool = False

    @abstractmethod
    def look(self, session: str, aspects: frozenset[Aspect], found: Found) -> Steps[None]:
        """Find out how a session is; sends nothing.

        Args:
            aspects: those that are asked for; of others nothing need be found, and nothing is kept.
        """

    def send(self, session: str, message: Message, found: Found) -> Steps[None]:
        """Send a message, and find out what became of it. Called for the aspects in `sends` only."""
        raise NoAnswer(f"{self.name} sends no {message.aspect}")

    def sessions(self) -> Steps[tuple[str, ...]]:
        """The names of all sessions.

        Raises:
            NoAnswer: the product does not say.
        """
        raise NoAnswer(f"{self.name} does not list its sessions: name each with --session NAME")

    def code(self, session: str, phone: str, wait: float) -> Steps[str | None]:
        """The code that links a session now; "" while there is none yet, None once it is linked.

        Args:
            phone: a number in digits, for a code to type into that phone; "" for the text of a QR code.
            wait: seconds that the product may wait for a first code.

        Raises:
            NoAnswer: the product refuses.
        """
        raise NoAnswer(f"{self.name} shows no codes")


def step(name: str) -> str:
    """A name as one step of a path, whatever characters are in it."""
    return quote(name, safe="")
