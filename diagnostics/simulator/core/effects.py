"""What the core asks the I/O layer to do with a connection, as data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes to the client, in order. `cut`: send only half of them, then reset the connection."""

    data: bytes = field(repr=False)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a websocket ping after everything before it. `Hub.pong` is called when the client answers."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop reading and sending, and leave the connection open."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection.

    Attributes:
        abrupt: close TCP without closing the websocket first, as a server that crashes.
        reset: with `abrupt`, reset the TCP connection.
    """

    abrupt: bool = False
    reset: bool = False


Effect = Send | Ping | Freeze | Close
