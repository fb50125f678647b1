"""The plaintext of an encrypted message: padding, copies for own devices, and what kind of message it is.

A `Message` is a protobuf message of WhatsApp's with some hundred optional fields, one of which is set. It is padded
before it is encrypted for a device. The copies for the sender's other devices are wrapped, and name the chat. The kind
of message is also part of the stanza, for the server, which cannot decrypt it.
"""

from __future__ import annotations

from typing import Any

from diagnostics.simulator.protocol.e2e.encryption_errors import Undecipherable
from diagnostics.simulator.protocol.e2e.primitives import parse
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.wire import Message

# Fields whose message contains another message, in a field called `message`.
_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "lottieStickerMessage",
    "editedMessage",
)
_KINDS = {
    "reactionMessage": "reaction",
    "encReactionMessage": "reaction",
    "pollCreationMessage": "poll",
    "pollCreationMessageV2": "poll",
    "pollCreationMessageV3": "poll",
    "pollUpdateMessage": "poll",
}
# The field of a message with a file, by the kind of file.
ATTACHMENTS = {
    "image": "imageMessage",
    "video": "videoMessage",
    "audio": "audioMessage",
    "document": "documentMessage",
    "sticker": "stickerMessage",
}
_MEDIA = {
    **{name: kind for kind, name in ATTACHMENTS.items()},
    "contactMessage": "vcard",
    "contactsArrayMessage": "contact_array",
    "locationMessage": "location",
    "liveLocationMessage": "livelocation",
}


def pad(message: Any, random: Random) -> bytes:
    """The serialized message with 1 to 16 bytes of padding, each of which is their number."""
    count = (random(1)[0] & 15) + 1
    padded: bytes = message.SerializeToString() + bytes((count,)) * count
    return padded


def unpad(padded: bytes) -> Any:
    """The `Message` in a decrypted plaintext.

    Raises:
        Undecipherable: there is no padding, or no `Message`.
    """
    count = padded[-1] if padded else 0
    if count == 0 or not padded.endswith(bytes((count,)) * count):
        raise Undecipherable("a message ends in no padding")
    return parse(Message, padded[:-count], "a decrypted message")


def own_copy(message: Any, destination: str) -> Any:
    """The copy of a message for the sender's other devices; `destination` is the JID of the chat."""
    copy = Message(deviceSentMessage={"destinationJid": destination, "message": message})
    if message.HasField("messageContextInfo"):
        copy.messageContextInfo.CopyFrom(message.messageContextInfo)
    return copy


def original(message: Any) -> tuple[Any, str]:
    """The message inside such a copy, and the JID of its chat; any other message unchanged, and ""."""
    if not message.HasField("deviceSentMessage"):
        return message, ""
    sent = message.deviceSentMessage
    return sent.message, str(sent.destinationJid)


def text_message(text: str) -> Any:
    """A `Message` that is a plain text."""
    return Message(conversation=text)


def text_of(message: Any) -> str:
    """The text of a message, or the caption of its file; "" if it has neither."""
    message = _unwrapped(message)
    if message.conversation:
        return str(message.conversation)
    if message.HasField("extendedTextMessage"):
        return str(message.extendedTextMessage.text)
    if message.HasField("protocolMessage"):  # an edit
        return (
            text_of(message.protocolMessage.editedMessage) if message.protocolMessage.HasField("editedMessage") else ""
        )
    shown = attachment_of(message)
    return str(getattr(shown[1], "caption", "")) if shown else ""


def attachment_of(message: Any) -> tuple[str, Any] | None:
    """The kind of the message's file and the field that describes it; None if it has no file."""
    message = _unwrapped(message)
    found = ((kind, getattr(message, name)) for kind, name in ATTACHMENTS.items() if message.HasField(name))
    return next(found, None)


def kind_of(message: Any) -> str:
    """The `type` of the message's stanza: "text", "media", "reaction" or "poll"."""
    message = _unwrapped(message)
    kind = next((kind for name, kind in _KINDS.items() if message.HasField(name)), None)
    return kind or ("media" if media_of(message) else "text")


def media_of(message: Any) -> str:
    """The `mediatype` of the ciphertext: "image", "ptt", "url" …; "" if the message is not media."""
    message = _unwrapped(message)
    name = next((name for name in _MEDIA if message.HasField(name)), "")
    if name == "audioMessage" and message.audioMessage.ptt:
        return "ptt"
    if name == "videoMessage" and message.videoMessage.gifPlayback:
        return "gif"
    if message.HasField("extendedTextMessage") and message.extendedTextMessage.HasField("title"):
        return "url"
    return _MEDIA.get(name, "")


def _unwrapped(message: Any) -> Any:
    name = next((name for name in _WRAPPERS if message.HasField(name)), None)
    return _unwrapped(getattr(message, name).message) if name else message
