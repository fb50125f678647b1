"""What the parent and the worker say to each other: one JSON line each, in both directions.

The parent sends `Asked` lines; the worker answers each with one `Answer` of the same id, and pushes `Push` lines
unasked. Byte strings travel as base64. Nothing here imports neonize, so that both sides can share it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Keepalive(Struct, frozen=True):
    """How a client asks the server for a sign of life. Seconds.

    Attributes:
        answer: how long it waits for one.
        least, most: between these lies the span until it asks again.
        fail: it reconnects after so long without one.
    """

    answer: float
    least: float
    most: float
    fail: float


class Hello(Struct, frozen=True, tag_field="op", tag="hello"):
    """The first call: load the library. Answers {neonize, library, python: versions as text, pid}.

    Attributes:
        noise_root_key: public key (32 bytes) of the certificate root to trust *instead of* WhatsApp's. Only the
            simulator sets it; the worker is then useless for the real WhatsApp.
        keepalive: instead of the client's own. Only the simulator sets it.
    """

    noise_root_key: bytes | None = None
    keepalive: Keepalive | None = None


class Connect(Struct, frozen=True, tag_field="op", tag="connect"):
    """Open a client. Answers {} when it is registered with the library; how it fares follows as events.

    Attributes:
        session: the name under which the other calls and the events refer to it.
        store: absolute path of the SQLite store, or the URL of a PostgreSQL database ("postgres://…").
        jid: exact JID of the device in the store ("4911…:3@s.whatsapp.net"); "" for its first one.
        proxy: URL of an HTTP or SOCKS5 proxy for the websocket and media; "" for a direct connection.
        create: make the store if it does not exist; in a database, a further device.
        fast_store: WAL without fsync, for stores that are thrown away.
        listen: further events to push: "Receipt", and those of the worker's extensions.
    """

    session: str
    store: str
    jid: str = ""
    proxy: str = ""
    create: bool = False
    fast_store: bool = False
    listen: tuple[str, ...] = ()


class State(Struct, frozen=True, tag_field="op", tag="state"):
    """Read these attributes of the client. Answers {name: {"value": …} or {"error": "AttributeError: …"}}."""

    session: str
    attributes: tuple[str, ...] = ("is_connected", "is_logged_in")


class RoundTrip(Struct, frozen=True, tag_field="op", tag="round_trip"):
    """Ask the server questions of different kinds that change nothing (`questions`).

    Answers {"answers": {kind: {"took": seconds} or {"error": text}}}; a kind is missing if it got no answer in time.

    Attributes:
        limit: seconds for all of them.
    """

    session: str
    limit: float = 8.0


class SendAvailable(Struct, frozen=True, tag_field="op", tag="send_available"):
    """Answers {"text": bool, "image": bool}: the client has a method to send it."""

    session: str


class SendText(Struct, frozen=True, tag_field="op", tag="send_text"):
    """Send a text. Pushes "handed" in between. Answers {"message_id", "devices"} once the server acknowledged it.

    Attributes:
        to: a number in digits or a JID.
    """

    session: str
    to: str
    text: str


class SendImage(Struct, frozen=True, tag_field="op", tag="send_image"):
    """Upload and send an image. Pushes "uploaded", "fetched" and "handed" in between; answers as `SendText`.

    Attributes:
        fetch: download the image again after the upload, and send it only if that succeeds.
    """

    session: str
    to: str
    image: bytes
    caption: str = ""
    fetch: bool = False


class PairPhone(Struct, frozen=True, tag_field="op", tag="pair_phone"):
    """Ask to be linked to this number (digits). Answers {"code"}, to be typed into its phone. Behind a "qr" only."""

    session: str
    phone: str


class Logout(Struct, frozen=True, tag_field="op", tag="logout"):
    """Unlink this device and delete its session. Answers {}."""

    session: str


class IsOnWhatsApp(Struct, frozen=True, tag_field="op", tag="is_on_whatsapp"):
    """Answers {number: {"in": bool, "jid": JID or ""}}, for numbers as they were given."""

    session: str
    numbers: tuple[str, ...]


class Stop(Struct, frozen=True, tag_field="op", tag="stop"):
    """Close the client's connection in good order; the session's name is free again. Answers {"kept": int}: so many
    clients are closed and have not ended, each of which holds a thread; those that waited to be linked never do."""

    session: str


Call = (
    Hello
    | Connect
    | State
    | RoundTrip
    | SendAvailable
    | SendText
    | SendImage
    | PairPhone
    | Logout
    | IsOnWhatsApp
    | Stop
)


class Asked(Struct, frozen=True):
    id: int
    call: Call


class Failure(Struct, frozen=True):
    """Why a call has no result.

    Attributes:
        kind: "unavailable" (the library cannot be loaded), "no-key-patch", "not-replaced", "already-open",
            "unknown-session", "not-connected", "ack-refused" (the acknowledgement has an error that the client does not
            see), "upload-unusable" (the media host gave no address), or the class of the client's exception
            ("SendMessageError").
        message: in its own words.
    """

    kind: str
    message: str


class Answer(Struct, frozen=True, tag="answer"):
    id: int
    result: dict[str, Any] = {}
    error: Failure | None = None


class Push(Struct, frozen=True, tag="push"):
    """Something happened to a session.

    Attributes:
        event: "qr" {code}, "uploaded", "fetched", "connect-task-ended" {error}; from the client's log (`client_log`)
            "failure" {reason, code, expire, …}, "stream-error" {code, conflict}, "step" {step, detail} and
            "handed" {id, devices}: a message went to so many devices of its recipient (null for a group);
            or the client's own event: "Connected",
            "Disconnected", "LoggedOut" {OnConnect, Reason}, "StreamReplaced", "TemporaryBan" {Code, Expire: s},
            "ClientOutdated", "ConnectFailure" {Reason, Message, Raw}, "StreamError" {Code, Raw},
            "KeepAliveTimeout" {ErrorCount, LastSuccess: unix s}, "KeepAliveRestored",
            "PairStatus" {ID, BusinessName, Platform, Status, Error}.
            To a session that listens: "Receipt" {ids, chat, sender, type}.
            Enumerations are their names ("LOGGED_OUT"). The parent adds "worker-ended" {error} at the end.
        at: seconds since the epoch.
    """

    session: str
    event: str
    at: float
    data: dict[str, Any] = {}
