"""Messages of a logged-in client: recorded, and acknowledged as the account's faults allow.

Whether a message can be delivered is not decided here. WhatsApp acknowledges one to a number that nobody has like any
other: it keeps its one tick for ever. Only who asks beforehand (`usync`) learns that nobody is there.
"""

from __future__ import annotations

from diagnostics.simulator.accounts import Account, Directory, Message
from diagnostics.simulator.faults import Action, Drop, Refusal, Silence
from diagnostics.simulator.stanza import Node, element

_NOT_A_MEMBER = 403  # as the question about a group that one is not in is answered


def is_private(node: Node) -> bool:
    """The `<message>` is between a device and its own phone, and none between people."""
    return node.get("category") == "peer"


def refusal(node: Node, account: Account, directory: Directory) -> Refusal | None:
    """Why this message is taken from nobody: it is to a group that the account is no member of."""
    group = directory.group(node.get("to"))
    return None if group is None or account.lid in group.members else Refusal(_NOT_A_MEMBER)


def recipient_exists(node: Node, directory: Directory) -> bool:
    """The message is to somebody who is on WhatsApp, or to a group that there is."""
    return directory.find(node.get("to")) is not None or directory.group(node.get("to")) is not None


def take(node: Node, account: Account, action: Action | None, now: float, clock: str, *, exists: bool) -> Node | None:
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
            recipient_exists=exists,
        )
    )
    return acknowledge(node, clock, error) if acknowledged or error is not None else None


def acknowledge(node: Node, clock: str, error: int | None = None) -> Node:
    """The `<ack>` of a `<message>`."""
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
