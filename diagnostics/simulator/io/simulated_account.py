"""`SimulatedAccount`: an account on the simulated WhatsApp, as tests use it.

A test calls its methods in any thread; they run in the server's thread. Encryption is imported when it is first needed,
so importing this module is cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diagnostics.simulator.simulator_errors import SimulatorError

if TYPE_CHECKING:
    from diagnostics.simulator.io.shell import Shell
    from diagnostics.simulator.world.account import Account
    from diagnostics.simulator.world.group import Change
    from diagnostics.simulator.world.message_records import Message, PlainMessage, Receipt

_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """An account on the server, with a phone that the server plays and any number of linked devices.

    What it writes is encrypted for every device that it goes to; what its phone is sent is decrypted. All methods may
    be called from any thread, and return when the server has carried them out. Every method raises SimulatorError if
    the server is not running, or if an account belongs to another server.

    Attributes:
        phone: its phone number, digits.
        jid: its address by phone number, "<phone>@s.whatsapp.net".
        lid: its other address, "<digits>@lid".
    """

    phone: str
    jid: str
    lid: str
    _account: Account = field(repr=False, compare=False)
    _do: Callable[[Callable[[Shell], Any]], Any] = field(repr=False, compare=False)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that its linked devices sent, oldest first."""
        return self._account.messages

    @property
    def devices(self) -> tuple[str, ...]:
        """JIDs of its linked devices, without the phone."""
        return tuple(self._account.device_jid(number) for number in tuple(self._account.companions))

    @property
    def inbox(self) -> tuple[PlainMessage, ...]:
        """The messages that its phone has decrypted, oldest first: those of others, and copies of its own devices'."""
        return tuple(self._account.inbox.copy())

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts and captions that others have sent it, oldest first."""
        return tuple(message.text for message in self.inbox if not message.from_me)

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """The receipts for its messages, oldest first: delivered, read."""
        return tuple(self._account.receipts.copy())

    @property
    def available(self) -> bool:
        """Whether it is online."""
        return self._account.available

    @property
    def push_name(self) -> str:
        """The name that others see."""
        return self._account.name

    @property
    def synchronized(self) -> bool:
        """Whether every linked device has asked for all shared settings. False without `Settings.share_settings`."""
        devices = self._account.companions
        missing = self._do(lambda shell: [shell.hub.shared_settings.missing(one) for one in devices.values()])
        return bool(missing) and not any(missing)

    @property
    def picture(self) -> bytes | None:
        """Its profile picture, None without one."""
        return cast("bytes | None", self._do(lambda shell: shell.hub.picture(self._account)))

    @property
    def blocked(self) -> tuple[str, ...]:
        """LID JIDs of the accounts that it has blocked."""
        return tuple(self._account.blocked.copy())

    @property
    def privacy(self) -> dict[str, str]:
        """Its privacy settings: from "last", "online", "readreceipts" … to "all", "contacts", "none" …"""
        return dict(self._account.privacy)

    def send_text(self, to: SimulatedAccount | str, text: str) -> str:
        """Have its phone send a text.

        Args:
            to: an account, or the JID of a group.

        Returns:
            The id of the message.

        Raises:
            SimulatorError: it is not a member of the group.
        """

        def send(shell: Shell) -> str:
            from diagnostics.simulator.protocol.e2e import payload  # noqa: PLC0415 - encryption, imported when it is needed

            return self._write(shell, to, payload.text_message(text))

        return cast(str, self._do(send))

    def send_image(self, to: SimulatedAccount | str, image: bytes | Path, *, caption: str = "") -> str:
        """Have its phone send an image, the content or the path of a PNG or JPEG file; returns the message's id."""
        if isinstance(image, Path):
            with image.open("rb") as file:
                begin = file.read(len(_JPEG))
        else:
            begin = image[: len(_JPEG)]
        mimetype = "image/jpeg" if begin == _JPEG else "image/png"
        return self.send_file(to, image, kind="image", mimetype=mimetype, caption=caption)

    def send_file(
        self, to: SimulatedAccount | str, file: bytes | Path, *, kind: str, mimetype: str, caption: str = ""
    ) -> str:
        """Have its phone send a file. A file of any size can be sent: it is encrypted to disk in small pieces.

        Args:
            to: an account, or the JID of a group.
            file: the content or the path.
            kind: "image", "video", "audio", "document" or "sticker".
            mimetype: of the file.
            caption: "" for none.

        Returns:
            The id of the message.

        Raises:
            SimulatorError: there is no such kind, or no such group.
            OSError: the file cannot be read.
        """
        from diagnostics.simulator.protocol.e2e import encrypted_files, payload  # noqa: PLC0415 - encryption, imported when it is needed

        if kind not in payload.ATTACHMENTS:
            raise SimulatorError(f"there is no kind of file {kind!r}; there are: {', '.join(payload.ATTACHMENTS)}")
        target, random = self._do(lambda shell: (shell.hub.media.open_file(), shell.hub.random))
        if isinstance(file, Path):
            with file.open("rb") as source:
                attachment = encrypted_files.encrypt(source, target, kind, random)
        else:
            attachment = encrypted_files.encrypt(BytesIO(file), target, kind, random)

        def send(shell: Shell) -> str:
            content = shell.hub.phone(self._account).upload(attachment, target, mimetype, caption)
            return self._write(shell, to, content)

        return cast(str, self._do(send))

    def save(self, message: PlainMessage, path: Path) -> None:
        """Decrypt the file of a message of its inbox and write it to `path`.

        Raises:
            SimulatorError: the message has no file, or the file was deleted to make room for others.
            Undecipherable: the file is not the one that the message describes.
        """
        with path.open("wb") as target:
            self._do(lambda shell: shell.hub.phone(self._account).save(message, target))

    def read(self, message: PlainMessage) -> None:
        """Mark a message of its inbox as read: the sender gets a receipt, after the one for the delivery."""
        self._do(lambda shell: shell.hub.phone(self._account).mark_read(message, shell.now()))

    def set_picture(self, jpeg: bytes | None) -> None:
        """Set the profile picture, a JPEG of at most 1 MiB, or remove it (None). Raises SimulatorError otherwise."""
        self._do(lambda shell: shell.hub.set_picture(self._account, jpeg, shell.now()))

    def share_history(self) -> None:
        """Have its phone send all linked devices its chats, as WhatsApp's does when a device is linked.

        The chats consist of what it has decrypted (`inbox`) and what was written on it.
        """

        def share(shell: Shell) -> None:
            for companion in tuple(self._account.companions.values()):
                shell.hub.phone(self._account).share_history(companion, shell.now())

        self._do(share)

    def set_available(self, available: bool = True) -> None:
        """Go online or offline; the devices that subscribed to its presence are told."""
        self._do(lambda shell: shell.hub.presence.change(self._account, available=available, now=shell.now()))

    def add_to_group(self, group: str, *people: SimulatedAccount) -> None:
        """Have its phone add people to a group. Raises SimulatorError if WhatsApp would refuse it."""
        self._change_group(group, "add", people)

    def remove_from_group(self, group: str, *people: SimulatedAccount) -> None:
        """Have its phone remove people from a group, as an admin. Raises SimulatorError if WhatsApp would refuse it."""
        self._change_group(group, "remove", people)

    def promote_in_group(self, group: str, *people: SimulatedAccount, admin: bool = True) -> None:
        """Have its phone promote members, or demote them (`admin=False`). Raises SimulatorError if refused."""
        self._change_group(group, "promote" if admin else "demote", people)

    def leave_group(self, group: str) -> None:
        """Leave a group. Raises SimulatorError if it is not a member."""
        self._do(lambda shell: shell.hub.leave_group(group, self._account, shell.now()))

    def rename_group(self, group: str, subject: str) -> None:
        """Have its phone change the subject of a group, at most 100 characters. Raises SimulatorError if refused."""
        self._do(lambda shell: shell.hub.rename_group(group, subject, self._account, shell.now()))

    def type_to(self, to: SimulatedAccount, typing: bool = True) -> None:
        """Tell somebody that it is typing, or has stopped."""
        self._do(lambda shell: shell.hub.phone(self._account).typing(to._account, shell.now(), typing=typing))

    def forget_sessions(self) -> None:
        """Have its phone delete all sessions, as reinstalling the app does: it must ask for the next messages again."""
        self._do(lambda shell: shell.hub.phone(self._account).forget_sessions())

    def _change_group(self, group: str, change: Change, people: tuple[SimulatedAccount, ...]) -> None:
        accounts = [one._account for one in people]  # noqa: SLF001
        self._do(lambda shell: shell.hub.change_group(group, change, self._account, accounts, shell.now()))

    def _write(self, shell: Shell, to: SimulatedAccount | str, content: Any) -> str:
        if isinstance(to, str) and not to.endswith("@g.us"):
            raise SimulatorError(f"{to!r} is not the JID of a group; to write to a person, pass their SimulatedAccount")
        whom = shell.hub.group(to) if isinstance(to, str) else shell.hub.known(to._account)  # noqa: SLF001
        return shell.hub.phone(self._account).write(whom, content, shell.now())
