"""The protobuf messages of end-to-end encryption, through the simulator's one door to pyaileys."""

from __future__ import annotations

from typing import Any

from diagnostics.simulator import wire
from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.errors import ProtocolError

_proto = wire._part("proto.WAProto_pb2")  # noqa: SLF001 - until wire gives these names itself

Message = _proto.Message
SignalMessage = _proto.SignalMessage
PreKeySignalMessage = _proto.PreKeySignalMessage
SenderKeyMessage = _proto.SenderKeyMessage
SenderKeyDistributionMessage = _proto.SenderKeyDistributionMessage  # Signal's; WhatsApp's own wraps it in a Message


def parse(message: Any, data: bytes, what: str) -> Any:
    """`data` as a protobuf message of the class `message`.

    Raises:
        Undecipherable: the bytes are none; `what` names them in its text.
    """
    try:
        return wire.parse(message, data, what)
    except ProtocolError as error:
        raise Undecipherable(str(error)) from None
