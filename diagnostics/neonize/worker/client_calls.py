"""The calls of a client that are one call of neonize's each, and the receipts it may listen for. Worker only.

Further calls and events come from extensions (`extensions`); the project's own tests bring some.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from neonize.aioze import events
from neonize.proto.Neonize_pb2 import JID

from diagnostics.neonize import protocol

Call = protocol.PairPhone | protocol.Logout | protocol.IsOnWhatsApp
Push = Callable[[protocol.Push], None]


def jid(text: str) -> Any:
    """A JID from "user[.agent][:device]@server" or a bare number."""
    address, _, server = text.partition("@")
    user, _, device = address.partition(":")
    user, _, agent = user.partition(".")
    return JID(
        User=user,
        RawAgent=int(agent or 0),
        Device=int(device or 0),
        Integrator=0,
        Server=server or "s.whatsapp.net",
        IsEmpty=False,
    )


def text(jid: Any) -> str:
    """The JID as text, "" for an empty one."""
    device = f":{jid.Device}" if jid.Device else ""
    return f"{jid.User}{device}@{jid.Server}" if jid.Server else ""


async def ask(call: Call, client: Any) -> dict[str, Any]:
    """Make the call; the result as the call's class in `protocol` says."""
    match call:
        case protocol.PairPhone():
            return {"code": await client.PairPhone(call.phone, show_push_notification=True)}
        case protocol.Logout():
            await client.logout()
            return {}
        case protocol.IsOnWhatsApp():
            found = await client.is_on_whatsapp(*call.numbers)
            return {user.Query: {"in": user.IsIn, "jid": text(user.JID)} for user in found}


def listen_for_receipts(session: str, client: Any, push: Push) -> None:
    """Push what becomes of messages that were sent."""

    async def on_receipt(_: object, event: Any) -> None:
        source = event.MessageSource
        kind = event.DESCRIPTOR.fields_by_name["Type"].enum_type.values_by_number[event.Type].name
        data = {"ids": list(event.MessageIDs), "chat": text(source.Chat), "sender": text(source.Sender), "type": kind}
        push(protocol.Push(session, "Receipt", time.time(), data))

    client.event(events.ReceiptEv)(on_receipt)
