"""The chats of a phone as the files that it sends to a device that was linked later (history sync).

WhatsApp's phone sends INITIAL_BOOTSTRAP (every chat with its latest messages), RECENT (the messages before those) and
PUSH_NAME (the names of the people). The device downloads the files, confirms with `<receipt type="hist_sync"/>`, and
may delete them from the media host.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from diagnostics.simulator.protocol import wire
from diagnostics.simulator.protocol.addresses import is_group
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.directory import Directory
from diagnostics.simulator.world.message_records import PlainMessage

_LATEST = 20  # messages of a chat in INITIAL_BOOTSTRAP
_SYNC_TYPE = 0x08  # tag of protobuf field 1, a number


def history_files(
    account: Account, written: Iterable[PlainMessage], directory: Directory
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The history of an account.

    Args:
        account: whose `inbox` is part of the history.
        written: the messages that were written on its phone.
        directory: who the senders are.

    Yields:
        The content of each file, and the fields that describe it in a `HistorySyncNotification`.
    """
    messages = sorted([*account.inbox, *written], key=lambda message: message.at)
    chats: dict[str, list[PlainMessage]] = {}
    for message in messages:
        chats.setdefault(message.chat, []).append(message)
    people = _people(account, messages, directory)
    latest = [_conversation(chat, said[-_LATEST:], directory) for chat, said in chats.items()]
    before = [_conversation(chat, said[:-_LATEST], directory) for chat, said in chats.items() if said[:-_LATEST]]
    lids = [{"pnJid": one.jid, "lidJid": one.lid_jid} for one in people]
    names = [{"id": one.jid, "pushname": one.name} for one in people]
    for name, history in {
        "INITIAL_BOOTSTRAP": wire.HistorySync(conversations=latest, phoneNumberToLidMappings=lids, progress=50),
        "RECENT": wire.HistorySync(conversations=before, progress=100),
        "PUSH_NAME": wire.HistorySync(pushnames=names),
    }.items():
        history.chunkOrder = 1
        kind = wire.HistorySync.HistorySyncType.Value(name)
        # The field syncType is written by hand: clients demand it, and pyaileys leaves out a value of 0.
        data = zlib.compress(bytes((_SYNC_TYPE, kind)) + history.SerializeToString())
        yield data, {"syncType": kind, "chunkOrder": history.chunkOrder, "progress": history.progress}


def _people(account: Account, messages: list[PlainMessage], directory: Directory) -> list[Account]:
    """All accounts that take part in any of the chats."""
    jids = [jid for message in messages for jid in (message.sender, f"{message.chat}@s.whatsapp.net")]
    found = (directory.find(jid) for jid in dict.fromkeys(jids))
    return list(dict.fromkeys([account, *(one[0] for one in found if one)]))


def _conversation(chat: str, messages: list[PlainMessage], directory: Directory) -> dict[str, Any]:
    group = directory.group(chat)
    jid = chat if is_group(chat) else f"{chat}@s.whatsapp.net"
    return {
        "id": jid,
        "messages": [
            {"message": _message(jid, message, directory), "msgOrderId": number}
            for number, message in enumerate(messages, 1)
        ],
        "conversationTimestamp": int(messages[-1].at),
        "name": group.subject if group else "",
        "endOfHistoryTransfer": True,
    }


def _message(chat: str, message: PlainMessage, directory: Directory) -> dict[str, Any]:
    found = directory.find(message.sender)
    sender = found[0] if found else None
    key = {"remoteJid": chat, "fromMe": message.from_me, "id": message.id}
    if is_group(chat) and sender is not None and not message.from_me:
        key["participant"] = sender.lid_jid
    name = sender.name if sender else ""
    return {"key": key, "message": message.content, "messageTimestamp": int(message.at), "pushName": name}
