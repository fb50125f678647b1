"""A WhatsApp Web server on loopback that real, unmodified clients pair with, log in to and send through.

    from diagnostics.simulator import SCENARIOS, WhatsAppServer

The protocol is without I/O (`hub`, `stream` and what they use: bytes in, effects out, the time an argument); `shell`
is the thin asyncio around it, `server` its public face. Nothing of the rest of `diagnostics` is imported here.
Names are imported when they are used: the protocol needs some 0.1 s of imports, a name in a help text none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diagnostics.simulator.account import SimulatedAccount
    from diagnostics.simulator.accounts import Message, PlainMessage, Receipt
    from diagnostics.simulator.errors import NotOurHost, ProtocolError, ScanRefused, SimulatorError
    from diagnostics.simulator.faults import (
        BadHmac,
        Certificate,
        CutShort,
        Drop,
        Duplicate,
        Event,
        Exhausted,
        Failure,
        Fault,
        Garbage,
        HalfOpen,
        HttpStatus,
        Refusal,
        Reorder,
        Silence,
        Skew,
        Slow,
        StreamError,
    )
    from diagnostics.simulator.groups import GroupInfo
    from diagnostics.simulator.scenarios import REHEARSALS, SCENARIOS, Scenario
    from diagnostics.simulator.server import WhatsAppServer
    from diagnostics.simulator.settings import Settings

_HOMES = {
    "errors": ("NotOurHost", "ProtocolError", "ScanRefused", "SimulatorError"),
    "faults": (
        *("BadHmac", "Certificate", "CutShort", "Drop", "Duplicate", "Event", "Exhausted", "Failure", "Fault"),
        *("Garbage", "HalfOpen", "HttpStatus", "Refusal", "Reorder", "Silence", "Skew", "Slow", "StreamError"),
    ),
    "scenarios": ("REHEARSALS", "SCENARIOS", "Scenario"),
    "groups": ("GroupInfo",),
    "account": ("SimulatedAccount",),
    "accounts": ("Message", "PlainMessage", "Receipt"),
    "server": ("WhatsAppServer",),
    "settings": ("Settings",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "REHEARSALS",
    "SCENARIOS",
    "BadHmac",
    "Certificate",
    "CutShort",
    "Drop",
    "Duplicate",
    "Event",
    "Exhausted",
    "Failure",
    "Fault",
    "Garbage",
    "GroupInfo",
    "HalfOpen",
    "HttpStatus",
    "Message",
    "NotOurHost",
    "PlainMessage",
    "ProtocolError",
    "Receipt",
    "Refusal",
    "Reorder",
    "ScanRefused",
    "Scenario",
    "Settings",
    "Silence",
    "SimulatedAccount",
    "SimulatorError",
    "Skew",
    "Slow",
    "StreamError",
    "WhatsAppServer",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
