"""Acknowledging the messages of a logged-in client, as the account's faults allow.

Whether a message can be delivered is not decided here. WhatsApp acknowledges a message to an unused number like any
other, and it keeps its one tick. Only a client that asks first (`usync`) learns that the number is not on WhatsApp.
"""

from __future__ import annotations

from diagnostics.simulator.faults.actions import Action, Drop, HalfOpen, Refusal, Silence, StreamError
from diagnostics.simulator.protocol.stanza import Node, element
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.directory import Directory
from diagnostics.simulator.world.message_records import Message

_NOT_A_MEMBER = 403  # the answer to a question about a group by somebody who is not a member


def is_private(node: Node) -> bool:
    """Whether the `<message>` is between a device and its own phone, instead of between people."""
    return node.get("category") == "peer"


def refusal(node: Node, account: Account, directory: Directory) -> Refusal | None:
    """The refusal of a message to a group of which the account is not a member, else None."""
    group = directory.group(node.get("to"))
    return None if group is None or account.lid in group.members else Refusal(_NOT_A_MEMBER)


def recipient_exists(node: Node, directory: Directory) -> bool:
    """Whether the message is addressed to an existing account or group."""
    return directory.find(node.get("to")) is not None or directory.group(node.get("to")) is not None


def record_message(
    node: Node, account: Account, action: Action | None, now: float, clock: str, *, exists: bool
) -> Node | None:
    """Record a `<message>` in the account's history.

    Args:
        node: the message.
        account: the sender.
        action: the fault that acts on it, None for none.
        now: unix seconds.
        clock: the time for the acknowledgement, which a fault may have changed.
        exists: see `recipient_exists`.

    Returns:
        The `<ack>`, or None if `action` withholds it.
    """
    error = action.error if isinstance(action, Refusal) else None
    word = action.word if isinstance(action, Refusal) else ""
    acknowledged = not isinstance(action, Refusal | Silence | Drop | HalfOpen | StreamError)
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
    return acknowledge(node, clock, word or error) if acknowledged or error is not None else None


def acknowledge(node: Node, clock: str, error: int | str | None = None) -> Node:
    """The `<ack>` of a `<message>`, with an error code (or a word instead) or without."""
    return element(
        "ack",
        class_="message",
        id=node.get("id"),
        from_=node.get("to"),
        t=clock,
        error="" if error is None else str(error),
    )


def _media_type(node: Node) -> str:
    """The kind of media, which is the same at each recipient's ciphertext; "" for a text."""
    encrypted = (node.child("enc"), node.child("participants", "to", "enc"))
    return next((enc.get("mediatype") for enc in encrypted if enc and enc.get("mediatype")), "")
