"""What stands between a `Message` and a ciphertext.

A message is a protobuf of WhatsApp's, of which one field of a hundred is set. Before it is encrypted for a device it
is padded; the copies for the sender's own devices are wrapped and say to whom the message went. What kind of message
it is stands outside of the ciphertext, too, for those who cannot read it.
"""

from __future__ import annotations

from typing import Any

from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.e2e.proto import Message, parse
from diagnostics.simulator.keys import Random

# Messages that hold another message, in fields that are called `message`.
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
# The fields of messages with a file, by the kind of file.
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
    """The message's bytes and 1 to 16 more, each of which says how many."""
    count = (random(1)[0] & 15) + 1
    padded: bytes = message.SerializeToString() + bytes((count,)) * count
    return padded


def unpad(padded: bytes) -> Any:
    """The `Message` in what was decrypted.

    Raises:
        Undecipherable: there is no padding, or no message.
    """
    count = padded[-1] if padded else 0
    if count == 0 or not padded.endswith(bytes((count,)) * count):
        raise Undecipherable("a message ends in no padding")
    return parse(Message, padded[:-count], "a decrypted message")


def own_copy(message: Any, destination: str) -> Any:
    """The message as the sender's own devices get it; `destination` is the JID of the chat."""
    copy = Message(deviceSentMessage={"destinationJid": destination, "message": message})
    if message.HasField("messageContextInfo"):
        copy.messageContextInfo.CopyFrom(message.messageContextInfo)
    return copy


def original(message: Any) -> tuple[Any, str]:
    """The message that an own device got a copy of, and where it went; any other message as it is, and ""."""
    if not message.HasField("deviceSentMessage"):
        return message, ""
    sent = message.deviceSentMessage
    return sent.message, str(sent.destinationJid)


def text_message(text: str) -> Any:
    return Message(conversation=text)


def text_of(message: Any) -> str:
    """What a person reads in it: its text, or the caption of what it shows. "" where there is none."""
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
    """The kind of the message's file and the part that describes it, None where it has no file."""
    message = _unwrapped(message)
    found = ((kind, getattr(message, name)) for kind, name in ATTACHMENTS.items() if message.HasField(name))
    return next(found, None)


def kind_of(message: Any) -> str:
    """The stanza's `type`: "text", "media", "reaction" or "poll"."""
    message = _unwrapped(message)
    kind = next((kind for name, kind in _KINDS.items() if message.HasField(name)), None)
    return kind or ("media" if media_of(message) else "text")


def media_of(message: Any) -> str:
    """The ciphertext's `mediatype`: "image", "ptt", "url", …; "" for what is no media."""
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
