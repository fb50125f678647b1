"""A WhatsApp Web server on loopback that real, unmodified clients pair with, log in to and send through.

    from diagnostics.simulator import SCENARIOS, WhatsAppServer

Packages, each of which imports only those after it:

    io        the public classes, sockets, TLS, files
    core      the server's behaviour without I/O: bytes in, effects out, the time an argument
    world     accounts, groups, files: the state of the simulated WhatsApp
    faults    what the simulator does wrong on purpose
    protocol  bytes, stanzas and encryption

Of the rest of `diagnostics` only `scratch` is imported. The names below are imported when they are first used: the
server needs some 0.1 s of imports, which a help text that names a scenario does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diagnostics.simulator.faults.actions import (
        BadHmac,
        Certificate,
        CutShort,
        Drop,
        Duplicate,
        Empty,
        Event,
        Exhausted,
        Failure,
        Garbage,
        HalfOpen,
        HttpStatus,
        Refusal,
        Reorder,
        Silence,
        Skew,
        Slow,
        StreamError,
        UploadAnswer,
    )
    from diagnostics.simulator.faults.fault_plan import Fault
    from diagnostics.simulator.faults.scenarios import REHEARSALS, SCENARIOS, Scenario
    from diagnostics.simulator.io.server import WhatsAppServer
    from diagnostics.simulator.io.simulated_account import SimulatedAccount
    from diagnostics.simulator.server_settings import Settings
    from diagnostics.simulator.simulator_errors import NotOurHost, ProtocolError, ScanRefused, SimulatorError
    from diagnostics.simulator.world.group import GroupInfo
    from diagnostics.simulator.world.message_records import Message, PlainMessage, Receipt

_NAMES_OF = {
    "simulator_errors": ("NotOurHost", "ProtocolError", "ScanRefused", "SimulatorError"),
    "server_settings": ("Settings",),
    "faults.actions": (
        *("BadHmac", "Certificate", "CutShort", "Drop", "Duplicate", "Empty", "Event", "Exhausted"),
        *("Failure", "Garbage", "HalfOpen", "HttpStatus", "Refusal", "Reorder", "Silence", "Skew", "Slow"),
        *("StreamError", "UploadAnswer"),
    ),
    "faults.fault_plan": ("Fault",),
    "faults.scenarios": ("REHEARSALS", "SCENARIOS", "Scenario"),
    "world.group": ("GroupInfo",),
    "world.message_records": ("Message", "PlainMessage", "Receipt"),
    "io.server": ("WhatsAppServer",),
    "io.simulated_account": ("SimulatedAccount",),
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names}

__all__ = [
    "REHEARSALS",
    "SCENARIOS",
    "BadHmac",
    "Certificate",
    "CutShort",
    "Drop",
    "Duplicate",
    "Empty",
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
    "UploadAnswer",
    "WhatsAppServer",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
