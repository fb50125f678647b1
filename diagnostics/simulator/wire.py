"""The one door to pyaileys: WhatsApp's protobuf messages and the token dictionaries of its binary XML.

Only these two generated tables are used. `pyaileys/__init__` would start a whole client (asyncio, urllib, sqlite:
three times the import time of all we need), so its parts are imported below a name of our own and the package's
own `__init__` never runs; a program that uses pyaileys itself is not disturbed.

pyaileys 0.1.5 also encodes and decodes nodes. `stanza` does that instead, because its encoder packs lower-case
hexadecimal (`"abc"` comes back as `"ABC"`, which breaks the ids of other clients) and its decoder has no bounds.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

from diagnostics.simulator.errors import ProtocolError

_ALIAS = f"{__package__}._pyaileys"


def _part(name: str) -> Any:
    """A submodule of pyaileys, imported without the package's own `__init__`."""
    if _ALIAS not in sys.modules:
        spec = importlib.util.find_spec("pyaileys")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("pyaileys is not installed; the simulator needs it for WhatsApp's message definitions")
        package = ModuleType(_ALIAS)
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules[_ALIAS] = package
    return importlib.import_module(f"{_ALIAS}.{name}")


_DecodeError: Any = importlib.import_module("google.protobuf.message").DecodeError  # has no type information
_proto = _part("proto.WAProto_pb2")
_tokens = _part("wabinary.constants")

HandshakeMessage = _proto.HandshakeMessage
ClientPayload = _proto.ClientPayload
CertChain = _proto.CertChain
DeviceIdentity = _proto.ADVDeviceIdentity
SignedDeviceIdentity = _proto.ADVSignedDeviceIdentity
SignedDeviceIdentityHMAC = _proto.ADVSignedDeviceIdentityHMAC
Message = _proto.Message
HistorySync = _proto.HistorySync
SyncActionData = _proto.SyncActionData
SyncActionValue = _proto.SyncActionValue
SyncdPatch = _proto.SyncdPatch

# The two hosts that clients ask for. Everything else is none of the simulator's.
WEBSOCKET_HOST = "web.whatsapp.com"
MEDIA_HOST = "mmg.whatsapp.net"

# Version 3 of the dictionaries, the one that the connection header `WA\x06\x03` announces.
DICTIONARY_VERSION = 3
SINGLE_TOKENS: tuple[str, ...] = tuple(_tokens.SINGLE_BYTE_TOKENS)
DOUBLE_TOKENS: tuple[tuple[str, ...], ...] = tuple(tuple(page) for page in _tokens.DOUBLE_BYTE_TOKENS)


def parse(message: Any, data: bytes, what: str) -> Any:
    """`data` as a protobuf message of the class `message`.

    Raises:
        ProtocolError: the bytes are none; `what` names them in its text.
    """
    try:
        return message.FromString(data)
    except _DecodeError:
        raise ProtocolError(f"{what} is no valid protobuf message ({len(data)} bytes)") from None
