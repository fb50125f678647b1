"""What the handlers of a connection's states need of the connection, as a Protocol. `stream.Stream` implements it."""

from __future__ import annotations

from typing import Protocol

from diagnostics.simulator.core.outbox import Outbox
from diagnostics.simulator.faults.actions import Action


class Connection(Protocol):
    """One client's connection.

    Attributes:
        out: sends stanzas to the client.
    """

    out: Outbox

    @property
    def pairing(self) -> bool:
        """The client is not linked, and waits for a phone or has to sign back."""

    @property
    def open(self) -> bool:
        """A linked device is logged in."""

    def next_id(self) -> str:
        """A new id for a stanza of the server's."""

    def end(self, action: Action, now: float, *, after_answer: bool = False) -> None:
        """End the connection with `action`. `after_answer`: wait until the client has read what was sent before."""

    def close(self, now: float) -> None:
        """End the connection at once."""
