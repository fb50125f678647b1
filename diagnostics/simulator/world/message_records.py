"""What an account's message history consists of, as tests and the console read it: messages and receipts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a client sent to the server.

    Attributes:
        id: chosen by the client.
        to: the JID it was addressed to, usually a LID.
        type: "text", "media", "reaction", …
        media: "image", "video", … for media, else "".
        acknowledged: the server acknowledged it without an error.
        error: the code in the acknowledgement, None without one.
        at: unix seconds.
        recipient_exists: the address is that of an account or a group. Otherwise the message is acknowledged and
            never delivered.
    """

    id: str
    to: str
    type: str
    media: str
    acknowledged: bool
    error: int | None
    at: float
    recipient_exists: bool = True


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A message as the phone of an account has decrypted it.

    Attributes:
        id: chosen by the sender.
        sender: JID of the device that sent it, "15550000001:1@s.whatsapp.net".
        chat: phone number of the other person in the chat, or JID of the group.
        text: its text or caption.
        kind: "text", "image", "video", "audio", "document", "sticker", "reaction", "poll".
        from_me: another device of the account has sent it.
        at: unix seconds.
        content: the protobuf `Message`.
    """

    id: str
    sender: str
    chat: str
    text: str
    kind: str
    from_me: bool
    at: float
    content: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Somebody has received or read a message of the account.

    Attributes:
        ids: of the messages.
        sender: JID of the device that sent the receipt.
        type: "" delivered, "inactive" delivered to a client in the background, "read", "played", "retry", "sender" …
        at: unix seconds.
    """

    ids: tuple[str, ...]
    sender: str
    type: str
    at: float
