"""What can happen at the server (`Event`), and what a fault can do instead (`Action`), as data.

Each action is a small class of its own, with its parameters as attributes. `fault_plan` says which action is possible
on which event, and decides when one is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from diagnostics.simulator.simulator_errors import SimulatorError

TEN_YEARS = 315_360_000.0  # seconds


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Raise SimulatorError if `value` is not between `least` and `most`, or is not a number (NaN)."""
    if not least <= value <= most:
        raise SimulatorError(f"{name}={value}: a number from {least:.15g} to {most:.15g}")


class Event(StrEnum):
    """What happens at the server, and what a fault can act on."""

    # before the account is known
    DIAL = "dial"  # the proxy is asked for WhatsApp's websocket host
    MEDIA = "media"  # the proxy is asked for the media host
    UPGRADE = "upgrade"  # the websocket is to be opened
    HELLO = "hello"  # the Noise handshake has begun: the server is to show its certificate
    # of one account
    SCAN = "scan"  # the phone has read a client's code and is to answer it
    LOGIN = "login"  # a linked device has shown its keys and waits for <success>
    READY = "ready"  # the login is complete: the answer was sent that lets the client say "connected"
    QUESTION = "question"  # an <iq> waits for its answer; `only`: its xmlns
    BUNDLE = "bundle"  # somebody asks for the prekeys of one of the account's devices
    MESSAGE = "message"  # a message waits for its acknowledgement
    ACKED = "acked"  # a message was acknowledged, and the client has had time to read that
    SEND = "send"  # the server is about to send a stanza; `only`: its tag
    UPLOAD = "upload"  # media was posted and waits for its address
    DOWNLOAD = "download"  # somebody downloads media that the account has uploaded
    TIME = "time"  # `after` seconds have passed, and then again every `every` seconds


# Events of connections that have not said yet which account they belong to.
NOBODYS = frozenset({Event.DIAL, Event.MEDIA, Event.UPGRADE, Event.HELLO})


@dataclass(frozen=True, slots=True)
class Silence:
    """There is no answer: neither to a login nor to anything after it; no acknowledgement of a message.

    At SEND the stanza is lost, so the client receives nothing.
    """


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends without a stanza that says so. At READY the client first has time to read what came before.

    Attributes:
        how: "cut": TCP is closed; "goodbye": the websocket is closed properly first; "reset": TCP is reset.
    """

    how: Literal["cut", "goodbye", "reset"] = "cut"


@dataclass(frozen=True, slots=True)
class CutShort:
    """Half of the frame is sent, then TCP is reset. Of a file, half of the announced bytes are sent."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """The connection stays open, but the server does not read or send anything any more."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A frame of random bytes is sent first; a file is replaced by zeros of the same size.

    Attributes:
        sealed: the frame is encrypted correctly, but does not contain a stanza. If False it cannot be decrypted, nor
            can any later frame of this connection, because both ends count frames for their nonces.
        size: bytes, up to a million.
    """

    sealed: bool = True
    size: int = 64

    def __post_init__(self) -> None:
        check_range("size", self.size, 0, 1_000_000)


@dataclass(frozen=True, slots=True)
class Slow:
    """What the server sends is late, but in order. Files are slow in both directions.

    Attributes:
        latency: seconds.
        bandwidth: bytes per second that the server sends, 0 for no limit; of an upload, that it accepts.
    """

    latency: float = 0.0
    bandwidth: float = 0.0

    def __post_init__(self) -> None:
        check_range("latency", self.latency, 0, TEN_YEARS)
        check_range("bandwidth", self.bandwidth, 0, 1e12)


@dataclass(frozen=True, slots=True)
class Skew:
    """The server's clock is wrong for the rest of the connection by `seconds`, ahead if positive."""

    seconds: float

    def __post_init__(self) -> None:
        check_range("seconds", self.seconds, -TEN_YEARS, TEN_YEARS)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate chain of the server's Noise key is wrong.

    Attributes:
        wrong: "root": signed by a root that the client does not trust; "serial": the issuer's serial number is wrong;
            "expired", "early": not valid any more, or not yet; "key": it certifies another key than the server's.
    """

    wrong: Literal["root", "serial", "expired", "early", "key"]


@dataclass(frozen=True, slots=True)
class BadHmac:
    """The phone's answer to a scan is authenticated with another secret than the code's."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`<failure reason=…>`: the login is refused.

    Attributes:
        reason: 400, 401, 402, 403, 405, 406, 409, 500, 503 …
        code: with 402, the reason of the ban: 101 too many strangers, 102 blocked by users, 103 groups, 104 same
            message, 106 broadcast.
        expire: with 402, seconds until the ban ends.
    """

    reason: int
    code: int | None = None
    expire: int | None = None


@dataclass(frozen=True, slots=True)
class StreamError:
    """`<stream:error code=…>`, perhaps with a `<conflict type=…>`: the server ends the session.

    Attributes:
        code: 401, 503, 515 …; None for none.
        conflict: type of the conflict, "replaced", "device_removed" …; "" for none.
        keep_open: the connection stays open, but nothing is answered any more.
    """

    code: int | None = None
    conflict: str = ""
    keep_open: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer is an error.

    Attributes:
        error: to a message 463 reach-out timelock, 479 invalid, 429 too many …; to a question 400, 401, 403, 404,
            406, 429, 500, 503 …
        word: at MESSAGE, stands in the acknowledgement instead of the number; the client overlooks it.
    """

    error: int
    word: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The acknowledgement is sent several times.

    Attributes:
        copies: how often in total, 1 to 100.
    """

    copies: int = 2

    def __post_init__(self) -> None:
        check_range("copies", self.copies, 1, 100)


@dataclass(frozen=True, slots=True)
class Reorder:
    """Acknowledgements are held back until there are `among` of them, and are sent in reverse order."""

    among: int = 2

    def __post_init__(self) -> None:
        check_range("among", self.among, 1, 100)


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The bundle has no one-time prekey, as if the device had none left."""


@dataclass(frozen=True, slots=True)
class Empty:
    """The answer's element has no children: a `<media_conn>` without hosts, a `<usync>` without people."""


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """The answer is an HTTP response with this status."""

    status: int

    def __post_init__(self) -> None:
        check_range("status", self.status, 200, 599)


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """The media host takes the file, and answers 200 with something that is not its address.

    Attributes:
        body: of the answer, without spaces at the console: `{}`, `null`, `{"error":{"code":1}}` …
    """

    body: str


Action: TypeAlias = (
    Silence
    | Drop
    | CutShort
    | HalfOpen
    | Garbage
    | Slow
    | Skew
    | Certificate
    | BadHmac
    | Failure
    | StreamError
    | Refusal
    | Duplicate
    | Reorder
    | Exhausted
    | Empty
    | HttpStatus
    | UploadAnswer
)
