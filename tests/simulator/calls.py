"""Calls of the tests' own to the worker: what a client asks about people and does among them.

`worker_extension` answers them in the worker's process; nothing here imports neonize.
"""

from __future__ import annotations

from msgspec import Struct


class UserInfo(Struct, frozen=True, tag_field="op", tag="user_info"):
    """Answers {JID: {"status", "picture", "devices": [JID, …]}}."""

    session: str
    jids: tuple[str, ...]


class UserDevices(Struct, frozen=True, tag_field="op", tag="user_devices"):
    """Answers {"devices": [JID, …]}, this device not among them."""

    session: str
    jids: tuple[str, ...]


class Block(Struct, frozen=True, tag_field="op", tag="block"):
    """Block somebody, or unblock. Answers {"blocked": [JID, …]}."""

    session: str
    jid: str
    block: bool = True


class Privacy(Struct, frozen=True, tag_field="op", tag="privacy"):
    """Set the category `name` ("last", "readreceipts", …) if it is given. Answers {name as in neonize: value}."""

    session: str
    name: str = ""
    value: str = ""


class JoinedGroups(Struct, frozen=True, tag_field="op", tag="joined_groups"):
    """Answers {JID: {"name", "participants": [JID, …]}}."""

    session: str


class CreateGroup(Struct, frozen=True, tag_field="op", tag="create_group"):
    """Make a group. Answers {"jid", "name", "participants", "admins": JIDs, "refused": as `ChangeGroup`}."""

    session: str
    name: str
    people: tuple[str, ...]


class GroupInfo(Struct, frozen=True, tag_field="op", tag="group_info"):
    """Answers as `CreateGroup`."""

    session: str
    group: str


class ChangeGroup(Struct, frozen=True, tag_field="op", tag="change_group"):
    """ "add", "remove", "promote" or "demote" people. Answers {"refused": {JID: the code of why not}}."""

    session: str
    group: str
    action: str
    people: tuple[str, ...]


class RenameGroup(Struct, frozen=True, tag_field="op", tag="rename_group"):
    """Answers {}."""

    session: str
    group: str
    name: str


class LeaveGroup(Struct, frozen=True, tag_field="op", tag="leave_group"):
    """Answers {}."""

    session: str
    group: str


class Picture(Struct, frozen=True, tag_field="op", tag="picture"):
    """The profile picture of somebody, or of a group. Answers {"id", "url"}."""

    session: str
    jid: str


class SetPicture(Struct, frozen=True, tag_field="op", tag="set_picture"):
    """Set the own profile picture, or a group's: a JPEG. Answers {"id"}."""

    session: str
    image: bytes
    group: str = ""


class SetPushName(Struct, frozen=True, tag_field="op", tag="set_push_name"):
    """Answers {}."""

    session: str
    name: str


class SendPresence(Struct, frozen=True, tag_field="op", tag="send_presence"):
    """Say that the account is there, or is not. Answers {}."""

    session: str
    available: bool = True


class SubscribePresence(Struct, frozen=True, tag_field="op", tag="subscribe_presence"):
    """Ask to be told whether somebody is there. Answers {}."""

    session: str
    jid: str


class Typing(Struct, frozen=True, tag_field="op", tag="typing"):
    """Tell somebody that the account writes, or does no more. Answers {}."""

    session: str
    to: str
    typing: bool = True


class MarkRead(Struct, frozen=True, tag_field="op", tag="mark_read"):
    """Tell the sender of a message that it was read. Answers {}."""

    session: str
    message_ids: tuple[str, ...]
    chat: str
    sender: str


class Download(Struct, frozen=True, tag_field="op", tag="download"):
    """Fetch the file of a "Message" that was pushed; of the last 100. Answers {"size", "sha256": in hexadecimal}."""

    session: str
    message_id: str


ALL = (
    UserInfo,
    UserDevices,
    Block,
    Privacy,
    JoinedGroups,
    CreateGroup,
    GroupInfo,
    ChangeGroup,
    RenameGroup,
    LeaveGroup,
    Picture,
    SetPicture,
    SetPushName,
    SendPresence,
    SubscribePresence,
    Typing,
    MarkRead,
    Download,
)
