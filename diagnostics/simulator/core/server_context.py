"""What the parts of the core need of the server around them, as Protocols. `hub.Hub` implements them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from diagnostics.simulator.core.effects import Effect
from diagnostics.simulator.core.journal import Journal
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.stanza import Node
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.directory import Directory
from diagnostics.simulator.world.media_store import MediaStore


class Listener(Protocol):
    """A connection of a device that is logged in."""

    def tell(self, node: Node, now: float) -> bool:
        """Send a stanza; returns False if the login is not complete, or the connection is ending."""


class ServerContext(Protocol):
    """The state that all parts of one server share.

    Attributes:
        random: the source of random bytes.
        settings: the server's settings.
        directory: all accounts and groups.
        media: the files of the media host.
        journal: the log of stanzas and events.
    """

    random: Random
    settings: Settings
    directory: Directory
    media: MediaStore
    journal: Journal

    def at(self, when: float, action: Callable[[float], None]) -> None:
        """Call `action` at `when` (unix seconds) with the time at which it runs."""

    def emit(self, connection: int, effect: Effect) -> None:
        """Have the I/O layer carry out the effect on the connection with that number."""

    def note(self, text: str, now: float) -> None:
        """Log a sentence that belongs to no connection."""

    def streams(self, account: Account) -> Sequence[Listener]:
        """The connections of the account's linked devices."""

    def stream_of(self, account: Account, device: int) -> Listener | None:
        """The connection of one linked device, None if it is offline."""
