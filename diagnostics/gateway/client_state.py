"""What a session's client has said so far: its events folded into one frozen state. Pure.

`apply_event` takes a state and an event and returns the next state; `with_new_client` forgets what only held for the
client before. Fleet and attached bots use the same functions, so both mean the same by "online" and "lost".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from diagnostics.gateway.contract import QrCode
from diagnostics.model import Disconnect, Event
from diagnostics.neonize import client_log, interpret
from diagnostics.neonize.protocol import Push

LOG = 100  # events kept for a person
FIRST_CODE = timedelta(seconds=60)  # so long whatsmeow shows the first QR code
NEXT_CODE = timedelta(seconds=20)  # and each that follows
RECENT = timedelta(seconds=60)  # for which an end of the connection counts, though it came back
MANY = 3  # ends in that time, after which a connection that is up is not stable
_ENDS = frozenset({"Connected", "Disconnected", "StreamError", client_log.FAILURE, client_log.STREAM_ERROR})
_KEPT = 60  # of these
_UNHEARD = frozenset({"Receipt", "uploaded", "fetched", "worker-ended"})  # of messages and the worker


@dataclass(frozen=True, slots=True)
class ClientState:
    """What is known of a session from its client's events.

    Attributes:
        facts: the events of the client that is open now, as far as `reading` needs them.
        log: the last events of all its clients.
        code: the QR code that was shown last.
        codes: how many QR codes the open client has shown.
        pair_error: why the phone's scan led nowhere.
        jid: the account that the pairing linked it to, "" where the open client did not pair.
        losses: connections lost or refused in a row, since the last login.
        recent: when connections came and went lately, of all its clients.
    """

    facts: tuple[Push, ...] = ()
    log: tuple[Event, ...] = ()
    code: QrCode | None = None
    codes: int = 0
    pair_error: str = ""
    jid: str = ""
    losses: int = 0
    last_connected: datetime | None = None
    last_disconnect: Disconnect | None = None
    recent: tuple[Push, ...] = ()

    def unstable(self, now: datetime, least: int = MANY) -> Disconnect | None:
        """Why the connection ended `least` times or more lately, though it came back; None if it did not."""
        recent = [push for push in self.recent if push.at >= (now - RECENT).timestamp()]
        return interpret.disconnect(recent) if len(interpret.endings(recent)) >= least else None

    @property
    def online(self) -> bool:
        """Logged in, and not lost since."""
        return interpret.connected(self.facts) and self.disconnect is None

    @property
    def disconnect(self) -> Disconnect | None:
        """Why the open client's connection was refused or lost; None if it was not, or came back."""
        return interpret.disconnect(self.facts)

    @property
    def refused(self) -> bool:
        """The open client will not connect again by itself."""
        return interpret.refusal(self.facts) is not None

    @property
    def logged_out(self) -> bool:
        """WhatsApp has unlinked the device, and the client deleted its keys."""
        return any(push.event == "LoggedOut" for push in self.facts)


def with_new_client(known: ClientState) -> ClientState:
    """A new client: what the one before it said is history."""
    return replace(known, facts=(), code=None, codes=0, pair_error="", jid="")


def apply_event(known: ClientState, push: Push, now: datetime) -> ClientState:
    """What is known once the client has said this, too."""
    if push.event in _UNHEARD:
        return known
    facts = interpret.essential((*known.facts, push))
    recent = (*known.recent, push)[-_KEPT:] if push.event in _ENDS else known.recent
    known = replace(known, facts=facts, log=(*known.log, *interpret.events([push]))[-LOG:], recent=recent)
    match push.event:
        case "qr":
            lasts = NEXT_CODE if known.codes else FIRST_CODE
            code = QrCode(str(push.data.get("code", "")), now, now + lasts)
            return replace(known, code=code, codes=known.codes + 1)
        case "PairStatus":
            # A session begins: how the one before ended does not count. A stream error 515 follows.
            return replace(known, code=None, pair_error=str(push.data.get("Error", "")), jid=_jid(push), recent=())
        case "Connected":
            at = datetime.fromtimestamp(push.at, UTC)
            return replace(known, code=None, losses=0, last_connected=at)
    if known.disconnect is None or interpret.disconnect([push]) is None:
        return known
    # What WhatsApp says is followed by the drop that it announces: one loss, with the code.
    announced = push.event in ("StreamError", client_log.STREAM_ERROR, client_log.FAILURE)
    return replace(known, losses=known.losses + (not announced), last_disconnect=known.disconnect)


def _jid(push: Push) -> str:
    """The device that was paired, "user:device@server"."""
    found = push.data.get("ID") or {}
    if push.data.get("Error") or not found.get("User"):
        return ""
    device = f":{found['Device']}" if found.get("Device") else ""
    return f"{found['User']}{device}@{found.get('Server', 's.whatsapp.net')}"
