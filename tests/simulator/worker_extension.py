"""The worker's extension for tests: answers `calls`, and pushes what other people do. Imports neonize: worker only."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from neonize.aioze import events
from neonize.utils.enum import (
    BlocklistAction,
    ChatPresence,
    ChatPresenceMedia,
    ParticipantChange,
    Presence,
    PrivacySetting,
    PrivacySettingType,
    ReceiptType,
)

from diagnostics.neonize.protocol import Push
from diagnostics.neonize.worker.client_calls import jid, text
from tests.simulator import calls

CALLS = calls.ALL
_KEPT = 100  # messages with a file
_GROUP_CHANGES = ("Join", "Leave", "Promote", "Demote")
_received: WeakKeyDictionary[Any, OrderedDict[str, Any]] = WeakKeyDictionary()


async def answer(call: Any, client: Any) -> dict[str, Any]:
    """Make the call; the result as the call's class in `calls` says."""
    match call:
        case calls.UserInfo():
            infos = await client.get_user_info(*map(jid, call.jids))
            return {text(info.JID): _info(info.UserInfo) for info in infos}
        case calls.UserDevices():
            return {"devices": [text(device) for device in await client.get_user_devices(*map(jid, call.jids))]}
        case calls.Block():
            action = BlocklistAction.BLOCK if call.block else BlocklistAction.UNBLOCK
            blocked = await client.update_blocklist(jid(call.jid), action)
            return {"blocked": [text(one) for one in blocked.JIDs]}
        case calls.Privacy():
            if call.name:
                await client.set_privacy_setting(PrivacySettingType(call.name), PrivacySetting(call.value))
            return _names(await client.get_privacy_settings())
        case calls.JoinedGroups():
            return {text(group.JID): _group(group) for group in await client.get_joined_groups()}
        case calls.CreateGroup():
            return _group(await client.create_group(call.name, list(map(jid, call.people))))
        case calls.GroupInfo():
            return _group(await client.get_group_info(jid(call.group)))
        case calls.ChangeGroup():
            action, people = ParticipantChange(call.action), list(map(jid, call.people))
            return {"refused": _refused(await client.update_group_participants(jid(call.group), people, action))}
        case calls.RenameGroup():
            await client.set_group_name(jid(call.group), call.name)
        case calls.LeaveGroup():
            await client.leave_group(jid(call.group))
        case calls.Picture():
            picture = await client.get_profile_picture(jid(call.jid))
            return {"id": picture.ID, "url": picture.URL}
        case calls.SetPicture():
            if call.group:
                return {"id": await client.set_group_photo(jid(call.group), call.image)}
            return {"id": await client.set_profile_photo(call.image)}
        case calls.SetPushName():
            await client.set_profile_name(call.name)
        case calls.SendPresence():
            await client.send_presence(Presence.AVAILABLE if call.available else Presence.UNAVAILABLE)
        case calls.SubscribePresence():
            await client.subscribe_presence(jid(call.jid))
        case calls.Typing():
            state = ChatPresence.CHAT_PRESENCE_COMPOSING if call.typing else ChatPresence.CHAT_PRESENCE_PAUSED
            await client.send_chat_presence(jid(call.to), state, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)
        case calls.MarkRead():
            chat, sender = jid(call.chat), jid(call.sender)
            await client.mark_read(*call.message_ids, chat=chat, sender=sender, receipt=ReceiptType.READ)
        case calls.Download():
            file = await client.download_any(_received[client][call.message_id])
            return {"size": len(file), "sha256": hashlib.sha256(file).hexdigest()}
    return {}


def listen(session: str, client: Any, push: Callable[[Push], None], kinds: Sequence[str]) -> None:
    """Push what other people do, of these kinds. What nobody listens to does not even leave the library."""

    received = _received.setdefault(client, OrderedDict())

    def tell(event: str, **data: Any) -> None:
        push(Push(session, event, time.time(), data))

    async def on_message(_: object, event: Any) -> None:
        info, source, message = event.Info, event.Info.MessageSource, event.Message
        received[info.ID] = message
        while len(received) > _KEPT:
            received.popitem(last=False)
        tell(
            "Message",
            id=info.ID,
            chat=text(source.Chat),
            sender=text(source.Sender),
            from_me=source.IsFromMe,
            type=info.Type,
            media=info.MediaType,
            name=info.Pushname,
            text=_words(message),
        )

    async def on_presence(_: object, event: Any) -> None:
        tell("Presence", **{"from": text(event.From), "available": not event.Unavailable})

    async def on_chat_presence(_: object, event: Any) -> None:
        tell("ChatPresence", chat=text(event.MessageSource.Chat), typing=event.State == event.COMPOSING)

    async def on_joined_group(_: object, event: Any) -> None:
        group = _group(event.GroupInfo)
        tell(
            "JoinedGroup",
            group=group["jid"],
            name=group["name"],
            type=event.Type,
            participants=group["participants"],
        )

    async def on_group_info(_: object, event: Any) -> None:
        changes = {name.lower(): list(map(text, getattr(event, name))) for name in _GROUP_CHANGES}
        tell("GroupInfo", group=text(event.JID), by=text(event.Sender), name=event.Name.Name, **changes)

    async def on_picture(_: object, event: Any) -> None:
        tell("Picture", jid=text(event.JID), by=text(event.Author), removed=event.Remove)

    async def on_history(_: object, event: Any) -> None:
        data = event.Data
        kind = data.DESCRIPTOR.fields_by_name["syncType"].enum_type.values_by_number[data.syncType].name
        chats = {chat.ID: [_words(part.message.message) for part in chat.messages] for chat in data.conversations}
        names = {known.ID: known.pushname for known in data.pushnames}
        tell("HistorySync", type=kind, conversations=chats, names=names)

    handlers = {
        "Message": (events.MessageEv, on_message),
        "Presence": (events.PresenceEv, on_presence),
        "ChatPresence": (events.ChatPresenceEv, on_chat_presence),
        "JoinedGroup": (events.JoinedGroupEv, on_joined_group),
        "GroupInfo": (events.GroupInfoEv, on_group_info),
        "Picture": (events.PictureEv, on_picture),
        "HistorySync": (events.HistorySyncEv, on_history),
    }
    for kind in kinds:
        if kind in handlers:
            event, handler = handlers[kind]
            client.event(event)(handler)


def _info(info: Any) -> dict[str, Any]:
    return {"status": info.Status, "picture": info.PictureID, "devices": [text(device) for device in info.Devices]}


def _group(group: Any) -> dict[str, Any]:
    members = [member for member in group.Participants if not member.Error]
    return {
        "jid": text(group.JID),
        "name": group.GroupName.Name,
        "participants": [text(member.JID) for member in members],
        "admins": [text(member.JID) for member in members if member.IsAdmin],
        "refused": _refused(group.Participants),
    }


def _refused(participants: Any) -> dict[str, int]:
    return {text(one.JID): one.Error for one in participants if one.Error}


def _words(message: Any) -> str:
    return str(message.conversation or message.extendedTextMessage.text or message.imageMessage.caption)


def _names(settings: Any) -> dict[str, Any]:
    return {
        field.name: field.enum_type.values_by_number[getattr(settings, field.name)].name
        for field in settings.DESCRIPTOR.fields
    }
