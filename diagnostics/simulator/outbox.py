"""What the server says on one connection: encoded, encrypted, written down, and as sick as the faults want it.

Everything that goes out passes here in order, so a slow line holds back the end of a connection as well as a stanza.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diagnostics.simulator.faults import CutShort, Event, Garbage, Plan, Silence, Slow
from diagnostics.simulator.journal import Line
from diagnostics.simulator.noise import NoiseServer, framed
from diagnostics.simulator.stanza import Node, encode

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub


@dataclass(frozen=True, slots=True)
class Send:
    """Hand these bytes to the client, in order. `cut`: only half of them, and then reset the connection."""

    data: bytes = field(repr=False)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask the client's websocket for a sign of life behind what was sent; it is handed in with `pong`."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Read and send nothing any more, and leave the connection as it is."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection: `abrupt` by cutting it, as a server that dies, else with a goodbye; `reset` resets TCP."""

    abrupt: bool = False
    reset: bool = False


Effect = Send | Ping | Freeze | Close


class Outbox:
    """See the module.

    Attributes:
        account: whose faults act; None until it is known.
        who: the device's JID for the journal, once it is known.
        skew: seconds by which the server's clock is wrong here.
        cut: a frame was cut short, and with it the connection ended.
    """

    def __init__(self, number: int, hub: Hub, noise: NoiseServer) -> None:
        self.plan: Plan | None = None
        self.who = ""
        self.skew = 0.0
        self.cut = False
        self._number = number
        self._hub = hub
        self._noise = noise
        self._frozen = False
        self._free_at = 0.0

    def clock(self, now: float) -> str:
        """The server's time as it stands in stanzas, unix seconds."""
        return str(int(now + self.skew))

    def say(self, node: Node, now: float) -> None:
        """Send a stanza."""
        action = self.plan.meet(Event.SEND, now, node.tag) if self.plan else None
        if self._frozen or self.cut:
            return
        if isinstance(action, Silence):
            self.log("·", f"lost on its way: {node}", now)
            return
        if isinstance(action, Garbage):
            self.garbage(action, now)
        self.log("→", str(node), now)
        frame = self._noise.send(encode(node))
        if isinstance(action, Slow):
            seconds = len(frame) / action.bandwidth if action.bandwidth else 0.0
            self._free_at = max(self._free_at, now + action.latency) + seconds
        if isinstance(action, CutShort):
            self.log("·", "cut off in the middle of this frame", now)
            self.cut = True
        self.emit(Send(frame, cut=self.cut), now)

    def garbage(self, action: Garbage, now: float) -> None:
        """Send a frame of nonsense."""
        self.log("·", f"{action.size} bytes of nonsense", now)
        # Where a list must begin there is none. (A list without a tag would be nonsense, too: whatsmeow dies of it.)
        nonsense = b"\0\x64" + self._hub.random(action.size)
        self.emit(Send(self._noise.send(nonsense) if action.sealed else framed(nonsense)), now)

    def flush_handshake(self, now: float) -> None:
        """Send what the handshake has answered."""
        for reply in self._noise.replies:
            self.emit(Send(reply), now)
        self._noise.replies.clear()

    def freeze(self, now: float) -> None:
        """Nobody is here any more."""
        self.log("·", "half open: nobody is at this end any more", now)
        self.emit(Freeze(), now)
        self._frozen = True

    def emit(self, effect: Effect, now: float) -> None:
        """Have the shell do it, behind everything before it."""
        if self._frozen and not isinstance(effect, Close):
            return
        if self._free_at > now:
            self._hub.at(self._free_at, lambda _then: self._hub.emit(self._number, effect))
        else:
            self._hub.emit(self._number, effect)

    def log(self, kind: str, text: str, now: float) -> None:
        self._hub.journal.add(Line(now, self._number, self.who, kind, text))
