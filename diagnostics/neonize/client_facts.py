"""Read a client object of neonize as plain data, in the worker or in a bot's process.

Nothing here imports neonize: a process that has a client object has imported it already.
"""

from __future__ import annotations

import inspect
from typing import Any

# The events that show the state of a session, by the names of neonize's protobuf messages.
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
IDENTITY = 0  # the code of the first event of every paired client, which carries its own device's JID


async def read(client: Any, attribute: str) -> dict[str, Any]:
    """Read an attribute, awaiting it if it is awaitable: {"value": …} or {"error": "AttributeError: …"}."""
    try:
        value = getattr(client, attribute)
        if inspect.isawaitable(value):
            value = await value
    except Exception as error:  # noqa: BLE001 - the client's exception is the result
        return {"error": f"{type(error).__name__}: {error}"}
    return {"value": value if isinstance(value, bool | int | float | str | None) else repr(value)}


def offers(client: Any) -> dict[str, bool]:
    """Which kinds of message it has a method to send."""
    return {
        "text": callable(getattr(client, "send_message", None)),
        "image": callable(getattr(client, "send_image", None)),
    }


def plain(message: Any) -> dict[str, Any]:
    """A protobuf message as a dictionary, by the field names of its definition; unset fields are left out."""
    if not message.ListFields():
        return {}
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped] # noqa: PLC0415 - slow

    fields: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return fields
