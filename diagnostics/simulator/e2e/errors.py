"""What can go wrong between two devices.

    Undecipherable        what arrived cannot be read: damaged, forged, for another device, of a session that is lost
    └── AlreadyReceived   its key was used before: the same message a second time
    UnusableBundle        nobody can write to this device: it has no bundle, or one whose keys or signature are wrong

Neither ends a connection: the server of a real WhatsApp cannot see into a message. The messages carry no key.
"""

from __future__ import annotations


class Undecipherable(Exception):
    """A real device answers with a retry receipt (see `retry.request`)."""


class AlreadyReceived(Undecipherable):
    """A real device drops it, and acknowledges it once more."""


class UnusableBundle(Exception):
    """There is nothing to encrypt to."""
