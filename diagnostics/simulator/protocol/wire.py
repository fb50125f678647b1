"""WhatsApp's protobuf messages and the token dictionaries of its binary XML, as pyaileys generates them.

This is the only module that imports pyaileys, and it uses two generated tables of it. `pyaileys/__init__` would
import a whole client (asyncio, urllib, sqlite: three times the import time of all that is needed), so the two modules
are imported under a package name of our own and the `__init__` files of pyaileys never run; a program that uses
pyaileys itself is not affected.

pyaileys 0.1.5 also encodes and decodes nodes. `stanza` does that instead, because the encoder of pyaileys packs
lower-case hexadecimal (`"abc"` comes back as `"ABC"`, which breaks the ids of other clients) and its decoder does not
limit what it reads.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from diagnostics.simulator.simulator_errors import ProtocolError

_ALIAS = f"{__package__}._pyaileys"


def _module_of_pyaileys(folder: str, name: str) -> Any:
    """The module `pyaileys.<folder>.<name>`, imported without running the `__init__` of pyaileys or of the folder."""
    spec = importlib.util.find_spec("pyaileys")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("pyaileys is not installed; the simulator needs it for WhatsApp's message definitions")
    package = ModuleType(f"{_ALIAS}_{folder}")
    package.__path__ = [str(Path(location) / folder) for location in spec.submodule_search_locations]
    sys.modules[package.__name__] = package
    return importlib.import_module(f"{package.__name__}.{name}")


_DecodeError: Any = importlib.import_module("google.protobuf.message").DecodeError  # has no type information
_proto = _module_of_pyaileys("proto", "WAProto_pb2")
_tokens = _module_of_pyaileys("wabinary", "constants")

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
SignalMessage = _proto.SignalMessage
PreKeySignalMessage = _proto.PreKeySignalMessage
SenderKeyMessage = _proto.SenderKeyMessage
SenderKeyDistributionMessage = _proto.SenderKeyDistributionMessage  # Signal's; WhatsApp's own wraps it in a Message

# The two hosts that clients ask for. The simulator serves no other.
WEBSOCKET_HOST = "web.whatsapp.com"
MEDIA_HOST = "mmg.whatsapp.net"

# Version 3 of the dictionaries, the one that the connection header `WA\x06\x03` announces.
DICTIONARY_VERSION = 3
SINGLE_TOKENS: tuple[str, ...] = tuple(_tokens.SINGLE_BYTE_TOKENS)
DOUBLE_TOKENS: tuple[tuple[str, ...], ...] = tuple(tuple(page) for page in _tokens.DOUBLE_BYTE_TOKENS)


def parse(message: Any, data: bytes, what: str) -> Any:
    """Parse `data` as a protobuf message.

    Args:
        message: the class of the message, one of those above.
        what: names the data in the error's text.

    Raises:
        ProtocolError: the bytes are not such a message.
    """
    try:
        return message.FromString(data)
    except _DecodeError:
        raise ProtocolError(f"{what} is not a valid protobuf message ({len(data)} bytes)") from None
