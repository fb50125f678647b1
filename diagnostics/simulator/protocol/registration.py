"""What a client that is not linked yet says about itself in the last message of its Noise handshake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diagnostics.simulator.protocol.keys import DJB_TYPE, signed_by
from diagnostics.simulator.protocol.prekeys import PreKey
from diagnostics.simulator.simulator_errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Registration:
    """The keys of a device that asks to be linked.

    Attributes:
        registration: the registration id, 4 bytes as a number.
        identity: public identity key, 32 bytes.
        signed: the signed prekey, whose signature was verified.
    """

    registration: int
    identity: bytes
    signed: PreKey

    @classmethod
    def from_payload(cls, data: Any) -> Registration:
        """Read the protobuf message DevicePairingRegistrationData.

        Raises:
            ProtocolError: a part is missing, has a wrong size, or the prekey is not signed by the identity.
        """
        identity, registration = bytes(data.eIdent), bytes(data.eRegid)
        signed = PreKey(
            int.from_bytes(data.eSkeyId, "big"),
            bytes(data.eSkeyVal),
            bytes(data.eSkeySig),
        )
        if len(registration) != 4:
            raise ProtocolError(f"the registration id has {len(registration)} bytes instead of 4")
        if not signed_by(identity, DJB_TYPE + signed.public, signed.signature):
            raise ProtocolError("the client's signed prekey is not signed by its identity key")
        return cls(int.from_bytes(registration, "big"), identity, signed)
