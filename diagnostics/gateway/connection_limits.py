"""Limits on connections, so that whoever reaches the port cannot stop the gateway.

uvicorn closes a connection that is idle after an answer, and nothing else: one that never completes a request is kept
forever, and when no file can be opened any more, nobody is served and every attempt to accept is logged. Here a
connection is in one of four states, each but the second with a time limit:

    a request's headers are awaited      `headers` seconds from the connection or the last answer, whatever comes
    the request is being answered        no limit: an event stream is open for days
    a request's body is awaited          `body` seconds from the headers
    the client does not read its answer  `reading` seconds without reading anything

There are never more connections than `connections`. One more closes that which has waited for its client the longest,
so that a client that sends its request at once is served while others hold as many connections as they can. Only if all
connections are being answered, the new one is closed.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from dataclasses import dataclass
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from diagnostics.gateway.log_limits import CAUSED_BY_ANYONE

MOST = 500  # connections; each costs a file and about 100 KB
QUEUED = 1024  # connections that wait to be accepted; the kernel drops further ones, whose clients try again in 1 s
REQUEST_HEAD = 16 * 1024  # bytes of a request's line and headers

_log = logging.getLogger("wadiag.gateway")


def _connections() -> int:
    """How many connections there may be: half of the files that this process may open, since it needs others, too."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(1, min(MOST, files // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What a server grants to its clients; times in seconds.

    Attributes:
        connections: that are open at the same time.
        headers: until a request's headers are complete.
        body: from then on until its body is.
        reading: for a client to read something of an answer that waits for it.
    """

    connections: int
    headers: float = 15.0
    body: float = 120.0
    reading: float = 30.0


def server_config(app: Any, *, limits: ConnectionLimits | None = None, **more: Any) -> uvicorn.Config:
    """The settings of a `LimitedServer` that keeps these limits; by default those for this process.

    Args:
        more: further arguments of `uvicorn.Config`.
    """
    limits = limits or ConnectionLimits(connections=_connections())
    protocol = type("LimitedConnection", (LimitedConnection,), {"limits": limits, "waiting": {}})
    # asyncio accepts as many connections at once as `backlog` says, before the first of them can be refused.
    backlog = max(1, min(100, limits.connections // 8))
    return uvicorn.Config(
        app,
        http=protocol,
        backlog=backlog,
        h11_max_incomplete_event_size=REQUEST_HEAD,
        log_config=None,
        access_log=False,  # it would show paths and queries; the app logs routes
        ws="none",
        proxy_headers=False,
        server_header=False,
        **more,
    )


class LimitedServer(uvicorn.Server):
    """A server of `server_config`, whose socket queues more connections than are accepted at once."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(QUEUED)


class LimitedConnection(H11Protocol):
    """A connection that is closed if its client keeps it waiting.

    Attributes:
        waiting: the server's connections that wait for their clients; the longest waiting one is the first.
    """

    limits: ClassVar[ConnectionLimits]
    waiting: ClassVar[dict[LimitedConnection, None]]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._awaited: tuple[object, float] | None = None  # the request, and the seconds granted for the rest of it
        self._request_timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None

    @property
    def waits_for_client(self) -> float:
        """Seconds that the client has for what it owes; 0 while it is being answered."""
        if self.cycle is None or self.cycle.response_complete:
            return self.limits.headers
        return self.limits.body if self.cycle.more_body else 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.pop(self, None)
        for timer in (self._request_timer, self._reading_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_timer = self.loop.call_later(self.limits.reading, self.transport.abort)

    def resume_writing(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
        super().resume_writing()

    def _watch(self) -> None:
        """Start the time limit of the state that the connection has come into."""
        granted = self.waits_for_client
        if self._awaited == (self.cycle, granted):
            return  # more bytes of the same do not prolong it
        self._awaited = self.cycle, granted
        self.waiting.pop(self, None)
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None
        if granted:
            self.waiting[self] = None
            # Not `close`, which waits until the client has read what was written.
            self._request_timer = self.loop.call_later(granted, self.transport.abort)

    def _make_room(self) -> None:
        """Close one connection if there are too many."""
        if len(self.connections) <= self.limits.connections:
            return
        longest = next(iter(self.waiting))  # this one, if all others are being answered
        del self.waiting[longest]
        longest.transport.abort()
        _log.warning(
            "too many connections: closed one that waited for its client (limit %d)",
            self.limits.connections,
            extra=CAUSED_BY_ANYONE,
        )
