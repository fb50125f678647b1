"""What a client object of neonize says of itself, as plain data, in whichever process it lives.

Nothing here imports neonize: who holds a client has imported it.
"""

from __future__ import annotations

import inspect
from typing import Any

# The events that tell how a session is, by the names of neonize's messages.
EVENTS = (
    "PairStatus",
    "Connected",
    "KeepAliveTimeout",
    "KeepAliveRestored",
    "LoggedOut",
    "StreamReplaced",
    "TemporaryBan",
    "ConnectFailure",
    "ClientOutdated",
    "StreamError",
    "Disconnected",
)
IDENTITY = 0  # the code of the first event of every client that is paired: its own device


async def read(client: Any, attribute: str) -> dict[str, Any]:
    """{"value": …} or {"error": "AttributeError: …"}; an awaitable is awaited."""
    try:
        value = getattr(client, attribute)
        if inspect.isawaitable(value):
            value = await value
    except Exception as error:  # noqa: BLE001 - whatever the client raises is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    return {"value": value if isinstance(value, bool | int | float | str | None) else repr(value)}


def offers(client: Any) -> dict[str, bool]:
    """What it has a method to send."""
    return {
        "text": callable(getattr(client, "send_message", None)),
        "image": callable(getattr(client, "send_image", None)),
    }


def plain(message: Any) -> dict[str, Any]:
    """A protobuf message under the names of its definition; what is not set is left out."""
    if not message.ListFields():
        return {}
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped] # noqa: PLC0415 - slow

    fields: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return fields
