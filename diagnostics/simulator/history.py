"""The chats that a phone has, given to a device that was linked later: encrypted files, and a message about each.

WhatsApp's phone sends INITIAL_BOOTSTRAP (every chat with its latest messages), RECENT (the messages before those) and
PUSH_NAME (what people call themselves). The device fetches the files, says `<receipt type="hist_sync"/>`, and may
delete them from the media host.
"""

from __future__ import annotations

import base64
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

from diagnostics.simulator import wire
from diagnostics.simulator.accounts import Account, Companion, PlainMessage
from diagnostics.simulator.e2e import media, stanzas
from diagnostics.simulator.media import Media

if TYPE_CHECKING:
    from diagnostics.simulator.hub import Hub

_LATEST = 20  # messages of a chat that come first
_KIND = "md-msg-hist"
_SYNC_TYPE = 0x08  # field 1, a number


def share(account: Account, companion: Companion, hub: Hub, now: float) -> None:
    """The phone gives the device all that it has."""
    messages = sorted([*account.inbox, *hub.person(account).written], key=lambda message: message.at)
    chats: dict[str, list[PlainMessage]] = {}
    for message in messages:
        chats.setdefault(message.chat, []).append(message)
    people = _people(account, messages, hub)
    latest = [_conversation(chat, said[-_LATEST:], hub) for chat, said in chats.items()]
    before = [_conversation(chat, said[:-_LATEST], hub) for chat, said in chats.items() if said[:-_LATEST]]
    lids = [{"pnJid": one.jid, "lidJid": one.lid_jid} for one in people]
    names = [{"id": one.jid, "pushname": one.name} for one in people]
    for kind, history in {
        "INITIAL_BOOTSTRAP": wire.HistorySync(conversations=latest, phoneNumberToLidMappings=lids, progress=50),
        "RECENT": wire.HistorySync(conversations=before, progress=100),
        "PUSH_NAME": wire.HistorySync(pushnames=names),
    }.items():
        history.chunkOrder = 1
        _send(wire.HistorySync.HistorySyncType.Value(kind), history, account, companion, hub, now)


def _people(account: Account, messages: list[PlainMessage], hub: Hub) -> list[Account]:
    """Who takes part in any chat."""
    jids = [jid for message in messages for jid in (message.sender, f"{message.chat}@s.whatsapp.net")]
    found = (hub.directory.find(jid) for jid in dict.fromkeys(jids))
    return list(dict.fromkeys([account, *(one[0] for one in found if one)]))


def _conversation(chat: str, messages: list[PlainMessage], hub: Hub) -> dict[str, Any]:
    group = hub.directory.group(chat)
    jid = chat if stanzas.is_group(chat) else f"{chat}@s.whatsapp.net"
    return {
        "id": jid,
        "messages": [
            {"message": _message(jid, message, hub), "msgOrderId": number} for number, message in enumerate(messages, 1)
        ],
        "conversationTimestamp": int(messages[-1].at),
        "name": group.subject if group else "",
        "endOfHistoryTransfer": True,
    }


def _message(chat: str, message: PlainMessage, hub: Hub) -> dict[str, Any]:
    found = hub.directory.find(message.sender)
    sender = found[0] if found else None
    key = {"remoteJid": chat, "fromMe": message.from_me, "id": message.id}
    if stanzas.is_group(chat) and sender is not None and not message.from_me:
        key["participant"] = sender.lid_jid
    name = sender.name if sender else ""
    return {"key": key, "message": message.content, "messageTimestamp": int(message.at), "pushName": name}


def _send(kind: int, history: Any, account: Account, companion: Companion, hub: Hub, now: float) -> None:
    target = hub.media.open_file()
    # The field syncType by hand: clients demand it, and pyaileys leaves out what is 0.
    data = zlib.compress(bytes((_SYNC_TYPE, kind)) + history.SerializeToString())
    attachment = media.encrypt(BytesIO(data), target, "history", hub.random)
    token = base64.urlsafe_b64encode(attachment.encrypted_sha256).decode()
    path = f"/v/t62.7118-24/{_KIND}/{token}?ccb=11-4&oh=01&oe=66"
    size = target.seek(0, 2)
    hub.media.keep(Media(account.phone, _KIND, path, size, attachment.encrypted_sha256, target, account))
    notification = {
        "fileSha256": attachment.sha256,
        "fileLength": attachment.size,
        "mediaKey": attachment.key,
        "fileEncSha256": attachment.encrypted_sha256,
        "directPath": path,
        "syncType": kind,
        "chunkOrder": history.chunkOrder,
        "progress": history.progress,
    }
    what = wire.Message.ProtocolMessage.Type.Value("HISTORY_SYNC_NOTIFICATION")
    content = wire.Message(protocolMessage={"type": what, "historySyncNotification": notification})
    hub.person(account).tell_own_device(companion.id, content, now)
