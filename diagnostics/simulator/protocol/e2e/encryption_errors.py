"""The exceptions of end-to-end encryption.

    Undecipherable        a message cannot be decrypted: damaged, forged, for another device, or of a lost session
    └── AlreadyReceived   the same message a second time: its key was used before
    UnusableBundle        a device cannot be written to: it has no bundle, or its keys or signature are wrong

None of them ends a connection: WhatsApp's server cannot read messages either. The texts contain no key.
"""

from __future__ import annotations


class Undecipherable(Exception):
    """A real device answers with a retry receipt (see `retry_receipts.request`)."""


class AlreadyReceived(Undecipherable):
    """A real device drops the message, and acknowledges it again."""


class UnusableBundle(Exception):
    """There are no keys to encrypt with."""
