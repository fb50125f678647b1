"""The exceptions of the simulator, by who is at fault.

    SimulatorError            the simulator was used wrongly: a name, a number, a state; the caller reads it
    ├── ScanRefused           the phone cannot use what it scanned
    └── NotOurHost            asked to listen anywhere but on loopback
    ProtocolError             a *client* sent something that is not WhatsApp's protocol; ends that connection only

A session that fails because of a fault raises neither: the scenario asked for it.
"""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator was asked for something that it cannot do."""


class ScanRefused(SimulatorError):
    """The phone refused a QR code: unreadable, unknown, expired, or not this client's."""


class NotOurHost(SimulatorError):
    """The simulator listens on 127.0.0.1 and nowhere else."""


class ProtocolError(Exception):
    """A client's bytes do not follow the protocol. The message says what and where, and carries no key."""
