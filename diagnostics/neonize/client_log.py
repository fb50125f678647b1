"""Read what WhatsApp's server says from the client's own log, because the client does not pass all of it on.

whatsmeow logs every stanza that it sends and receives as XML (level DEBUG, modules "Client/Send" and "Client/Recv"),
and its warnings quote the stanza that they are about. The events of neonize say less:

- A login failure whose code neonize has no name for (402 with a new kind of ban, 411, 418, 429 …) ends the client with
  "required field … not set"; 500 and 503 are a lost connection; 413 and 414 end the process.
- An acknowledgement whose error is a word, not a number, is a success.
- A message is acknowledged although no device of the recipient can read it: those without keys were left out.

`ClientLog` turns these lines into pushes. It imports nothing of neonize, so that a bot's process can use it, too.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

# What is pushed; the data of each is in `protocol.Push`.
FAILURE = "failure"
STREAM_ERROR = "stream-error"
STEP = "step"
HANDED = "handed"

EVENTS = frozenset({FAILURE, STREAM_ERROR, STEP, HANDED})

# The steps of connecting.
DIALING = "dialing"  # proxy, TCP, TLS and the upgrade to a websocket are under way
UPGRADED = "upgraded"  # the websocket is open, the Noise handshake is under way
HANDSHAKEN = "handshaken"  # the login was sent
ACCEPTED = "accepted"  # it was accepted
BROKEN = "broken"  # the websocket broke
FAILED = "failed"  # dialing again failed

_KEPT = 100  # acknowledgements with an error that are remembered
_FAILURE = re.compile(r"<failure\b([^>]*)>")
_GOT_FAILURE = re.compile(r"Got (\d{3})/(.*?) connect failure")
_STREAM_ERROR = re.compile(r"<stream:error\b([^>]*)>(?:.*?<conflict\b([^>]*)>)?", re.DOTALL)
_NO_KEYS = re.compile(r"Failed to fetch prekeys for .*info query returned status (\d{1,6})\b", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')
_TO = re.compile(r'<to jid="([^"]+)"><enc\b')
_ONE_PERSON = ("@lid", "@s.whatsapp.net")

_STEPS = (
    ("Client/Socket", "Dialing ", DIALING),
    ("Client/Socket", "Frame websocket read pump starting", UPGRADED),
    ("Client", "Starting handler queue loop", HANDSHAKEN),
    ("Client", "Successfully authenticated", ACCEPTED),
    ("Client/Socket", "Error reading from websocket: ", BROKEN),
    ("Client", "Error reconnecting after autoreconnect sleep: ", FAILED),
)

_WITH_DETAIL = (BROKEN, FAILED)

PushEvent = Callable[[str, dict[str, Any]], None]


class ClientLog:
    """The log of one client.

    Attributes:
        refused: message id → error of its acknowledgement, literally, of the last `_KEPT` that had one.
        keys_refused: the server's code, if it refused the keys of the recipients when they were last asked for.
        handed: message id → how many devices of the recipient it was encrypted for; None for a group.
    """

    def __init__(self, push: PushEvent) -> None:
        self._push = push
        self._whole_frames = False
        self.refused: OrderedDict[str, str] = OrderedDict()
        self.handed: OrderedDict[str, int | None] = OrderedDict()
        self.keys_refused: int | None = None

    def line(self, module: str, text: str) -> None:
        """Take a line of the client's log.

        Args:
            module: "Client", "Client/Recv", "Client/Send", "Client/Socket" …
            text: the line, without time and level.
        """
        if module == "Client/Recv":
            self._whole_frames = True
            self._received(text)
        elif module == "Client/Send":
            if text.startswith("<message "):
                self._handed(text)
        elif found := _NO_KEYS.match(text):
            self.keys_refused = int(found[1])
        elif not self._quoted(module, text):
            for its_module, start, step in _STEPS:
                if module == its_module and text.startswith(start):
                    self._push(STEP, {"step": step, "detail": text.removeprefix(start) if step in _WITH_DETAIL else ""})

    def _received(self, frame: str) -> None:
        if frame.startswith("<failure"):
            self._failure(frame)
        elif frame.startswith("<stream:error"):
            self._stream_error(frame)
        elif frame.startswith('<ack class="message"'):
            attributes = _attributes(frame.partition(">")[0])
            if "error" in attributes:
                _remember(self.refused, attributes.get("id", ""), attributes["error"])

    def _quoted(self, module: str, text: str) -> bool:
        """Read a stanza that a warning quotes, where the log's level is too high for the stanza itself."""
        if module != "Client" or self._whole_frames:
            return False
        if "<stream:error" in text:
            self._stream_error(text)
        elif "<failure" in text:
            self._failure(text)
        elif found := _GOT_FAILURE.search(text):
            self._push(FAILURE, {"reason": found[1], "message": found[2]})
        else:
            return False
        return True

    def _failure(self, text: str) -> None:
        if found := _FAILURE.search(text):
            self._push(FAILURE, dict(_attributes(found[1])))

    def _stream_error(self, text: str) -> None:
        if found := _STREAM_ERROR.search(text):
            conflict = _attributes(found[2] or "").get("type", "")
            self._push(STREAM_ERROR, {"code": _attributes(found[1]).get("code", ""), "conflict": conflict})

    def _handed(self, frame: str) -> None:
        head = _attributes(frame.partition(">")[0])
        message, to = head.get("id", ""), head.get("to", "")
        devices = None
        if to.endswith(_ONE_PERSON):
            direct = "<participants" not in frame and "<enc " in frame
            devices = 1 if direct else sum(_user(jid) == _user(to) for jid in _TO.findall(frame))
        _remember(self.handed, message, devices)
        self._push(HANDED, {"id": message, "devices": devices})


def _attributes(text: str) -> Mapping[str, str]:
    return dict(_ATTRIBUTE.findall(text))


def _user(jid: str) -> str:
    """The JID without its device: "123:4@lid" → "123@lid"."""
    user, _, server = jid.partition("@")
    return f"{user.partition(':')[0]}@{server}"


def _remember(kept: OrderedDict[str, Any], message: str, what: Any) -> None:
    kept[message] = what
    if len(kept) > _KEPT:
        kept.popitem(last=False)
