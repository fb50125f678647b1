"""Messages of a logged-in client: recorded, and acknowledged as the account's faults allow."""

from __future__ import annotations

from diagnostics.simulator.accounts import Account, Message
from diagnostics.simulator.faults import Action, Drop, Refusal, Silence
from diagnostics.simulator.stanza import Node, element


def take(node: Node, account: Account, action: Action | None, now: float, clock: str) -> Node | None:
    """Record the `<message>`; its `<ack>`, or None where `action` withholds it. `clock` is the time it carries."""
    error = action.error if isinstance(action, Refusal) else None
    acknowledged = not isinstance(action, Refusal | Silence | Drop)
    account.record(
        Message(
            id=node.get("id"),
            to=node.get("to"),
            type=node.get("type"),
            media=_media_type(node),
            acknowledged=acknowledged,
            error=error,
            at=now,
        )
    )
    if not acknowledged and error is None:
        return None
    return element(
        "ack",
        class_="message",
        id=node.get("id"),
        from_=node.get("to"),
        t=clock,
        error="" if error is None else str(error),
    )


def _media_type(node: Node) -> str:
    """The kind of media, which stands at the ciphertext of every recipient alike."""
    encrypted = (node.child("enc"), node.child("participants", "to", "enc"))
    return next((enc.get("mediatype") for enc in encrypted if enc and enc.get("mediatype")), "")
