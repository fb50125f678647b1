"""What the server sends on one connection: encoded, encrypted, logged, and subject to the faults of `SEND`.

Everything that is sent passes here in order, so a slow connection delays its own end as well as a stanza.
"""

from __future__ import annotations

from diagnostics.simulator.core.effects import Close, Effect, Freeze, Send
from diagnostics.simulator.core.journal import Line
from diagnostics.simulator.core.server_context import ServerContext
from diagnostics.simulator.faults.actions import CutShort, Event, Garbage, Silence, Slow
from diagnostics.simulator.faults.fault_plan import Plan
from diagnostics.simulator.protocol.noise import NoiseServer, framed
from diagnostics.simulator.protocol.stanza import Node, encode


class Outbox:
    """The sending side of the connection `number`.

    Attributes:
        plan: the faults of the account, None until it is known.
        who: the device's JID for the journal, "" until it is known.
        skew: seconds by which the server's clock is wrong on this connection.
        cut: a frame was cut short, which ends the connection.
    """

    def __init__(self, number: int, context: ServerContext, noise: NoiseServer) -> None:
        self.plan: Plan | None = None
        self.who = ""
        self.skew = 0.0
        self.cut = False
        self._number = number
        self._context = context
        self._noise = noise
        self._frozen = False
        self._free_at = 0.0  # unix seconds; until then a slow line is busy

    def clock(self, now: float) -> str:
        """The server's time as stanzas carry it, unix seconds."""
        return str(int(now + self.skew))

    def say(self, node: Node, now: float) -> None:
        """Send a stanza."""
        action = self.plan.meet(Event.SEND, now, node.tag) if self.plan else None
        if self._frozen or self.cut:
            return
        if isinstance(action, Silence):
            self.log("·", f"lost by a fault: {node}", now)
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
        """Send a frame that does not contain a stanza."""
        self.log("·", f"{action.size} bytes of nonsense", now)
        # The byte 0x64 stands where a list must begin. (A list without a tag would crash whatsmeow.)
        nonsense = b"\0\x64" + self._context.random(action.size)
        self.emit(Send(self._noise.send(nonsense) if action.sealed else framed(nonsense)), now)

    def flush_handshake(self, now: float) -> None:
        """Send the server's handshake messages."""
        for reply in self._noise.replies:
            self.emit(Send(reply), now)
        self._noise.replies.clear()

    def freeze(self, now: float) -> None:
        """Send and read nothing any more, and leave the connection open."""
        self.log("·", "half open: the server does not read or send any more", now)
        self.emit(Freeze(), now)
        self._frozen = True

    def emit(self, effect: Effect, now: float) -> None:
        """Have the I/O layer carry out the effect, after everything before it."""
        if self._frozen and not isinstance(effect, Close):
            return
        if self._free_at > now:
            self._context.at(self._free_at, lambda _then: self._context.emit(self._number, effect))
        else:
            self._context.emit(self._number, effect)

    def log(self, kind: str, text: str, now: float) -> None:
        """Add a line to the journal; `kind` as in `journal.Line`."""
        self._context.journal.add(Line(now, self._number, self.who, kind, text))
