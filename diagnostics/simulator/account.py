"""`SimulatedAccount`: somebody on the simulated WhatsApp, for who writes tests. Importing it costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diagnostics.simulator.errors import SimulatorError

if TYPE_CHECKING:
    from diagnostics.simulator import accounts
    from diagnostics.simulator.accounts import Message, PlainMessage, Receipt
    from diagnostics.simulator.groups import Change
    from diagnostics.simulator.shell import Shell

_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """An account on the server, with a phone that the server plays and any number of linked devices.

    What it writes is encrypted for every device that it goes to; what its phone is sent is decrypted. All methods may
    be called from any thread, and return when the server has done it. An account of another server, or a server that
    does not run, is a SimulatorError.

    Attributes:
        phone: its number, digits.
        jid: its address by number, "<phone>@s.whatsapp.net".
        lid: its other address, "<digits>@lid".
    """

    phone: str
    jid: str
    lid: str
    _account: accounts.Account = field(repr=False, compare=False)
    _do: Callable[[Callable[[Shell], Any]], Any] = field(repr=False, compare=False)

    # ---- what it has

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the account's linked devices sent, oldest first."""
        return self._account.messages

    @property
    def devices(self) -> tuple[str, ...]:
        """JIDs of its linked devices, the phone not among them."""
        return tuple(self._account.device_jid(number) for number in tuple(self._account.companions))

    @property
    def inbox(self) -> tuple[PlainMessage, ...]:
        """What its phone has read, oldest first: messages of others, and copies of what its own devices sent."""
        return tuple(self._account.inbox.copy())

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts and captions that others have sent it, oldest first."""
        return tuple(message.text for message in self.inbox if not message.from_me)

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """What others have said about its messages, oldest first: delivered, read."""
        return tuple(self._account.receipts.copy())

    @property
    def available(self) -> bool:
        """It says that it is there."""
        return self._account.available

    @property
    def push_name(self) -> str:
        """The name that others see."""
        return self._account.name

    @property
    def synchronized(self) -> bool:
        """Every linked device has asked for all that they share; never without `Settings.share_settings`."""
        devices = self._account.companions
        missing = self._do(lambda shell: [shell.hub.missing_settings(one) for one in devices.values()])
        return bool(missing) and not any(missing)

    @property
    def picture(self) -> bytes | None:
        """The profile picture that it shows, None without one."""
        return cast("bytes | None", self._do(lambda shell: shell.hub.picture(self._account)))

    @property
    def blocked(self) -> tuple[str, ...]:
        """LID JIDs of whom it has blocked."""
        return tuple(self._account.blocked.copy())

    @property
    def privacy(self) -> dict[str, str]:
        """Who may see what: "last", "online", "readreceipts" … to "all", "contacts", "none" …"""
        return dict(self._account.privacy)

    # ---- what it does

    def send_text(self, to: SimulatedAccount | str, text: str) -> str:
        """Its phone writes to somebody, or to a group by its JID; the message's id."""

        def send(shell: Shell) -> str:
            from diagnostics.simulator.e2e import payload  # noqa: PLC0415 - encryption, imported when it is needed

            return self._write(shell, to, payload.text_message(text))

        return cast(str, self._do(send))

    def send_image(self, to: SimulatedAccount | str, image: bytes | Path, *, caption: str = "") -> str:
        """Its phone sends an image, the content or the path of a PNG or JPEG file; the message's id."""
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
        """Its phone sends a file of this kind: "image", "video", "audio", "document", "sticker"; the message's id.

        A file of any size is encrypted and kept on disk, a few KB at a time.

        Raises:
            SimulatorError: there is no such kind, or nobody to write to.
            OSError: the file cannot be read.
        """
        from diagnostics.simulator.e2e import media, payload  # noqa: PLC0415 - encryption, imported when it is needed

        if kind not in payload.ATTACHMENTS:
            raise SimulatorError(f"a file is no {kind!r}; it is one of: {', '.join(payload.ATTACHMENTS)}")
        target, random = self._do(lambda shell: (shell.hub.media.open_file(), shell.hub.random))
        if isinstance(file, Path):
            with file.open("rb") as source:
                attachment = media.encrypt(source, target, kind, random)
        else:
            attachment = media.encrypt(BytesIO(file), target, kind, random)

        def send(shell: Shell) -> str:
            content = shell.hub.person(self._account).upload(attachment, target, mimetype, caption)
            return self._write(shell, to, content)

        return cast(str, self._do(send))

    def save(self, message: PlainMessage, path: Path) -> None:
        """Write the file that a message of its inbox carries, decrypted.

        Raises:
            SimulatorError: it carries none, or the file had to make room for others.
            Undecipherable: the file is not what the message says.
        """
        with path.open("wb") as target:
            self._do(lambda shell: shell.hub.person(self._account).save(message, target))

    def read(self, message: PlainMessage) -> None:
        """A person reads a message of its inbox: the sender gets the receipt. Delivered it was before, by itself."""
        self._do(lambda shell: shell.hub.person(self._account).read(message, shell.now()))

    def set_picture(self, jpeg: bytes | None) -> None:
        """Show this profile picture, a JPEG of at most 1 MiB, or none. Raises SimulatorError for anything else."""
        self._do(lambda shell: shell.hub.set_picture(self._account, jpeg, shell.now()))

    def share_history(self) -> None:
        """Its phone gives all linked devices the chats that it has, as WhatsApp's does when a device is linked.

        What it has is what it has read (`inbox`) and what was written on it.
        """

        def share(shell: Shell) -> None:
            for companion in tuple(self._account.companions.values()):
                shell.hub.share_history(self._account, companion, shell.now())

        self._do(share)

    def set_available(self, available: bool = True) -> None:
        """It is there, or not; who has asked is told."""
        self._do(lambda shell: shell.hub.delivery.available(self._account, available=available, now=shell.now()))

    def add_to_group(self, group: str, *people: SimulatedAccount) -> None:
        """Its phone adds people to a group. Raises SimulatorError where WhatsApp would not do it."""
        self._change_group(group, "add", people)

    def remove_from_group(self, group: str, *people: SimulatedAccount) -> None:
        """Its phone, an admin's, removes people from a group. Raises SimulatorError as above."""
        self._change_group(group, "remove", people)

    def promote_in_group(self, group: str, *people: SimulatedAccount, admin: bool = True) -> None:
        """Its phone, an admin's, makes members admins, or takes that from them. Raises SimulatorError as above."""
        self._change_group(group, "promote" if admin else "demote", people)

    def leave_group(self, group: str) -> None:
        """It leaves. Raises SimulatorError when it is no member."""
        self._do(lambda shell: shell.hub.leave_group(group, self._account, shell.now()))

    def rename_group(self, group: str, subject: str) -> None:
        """Its phone gives the group another subject, of at most 100 characters. Raises SimulatorError as above."""
        self._do(lambda shell: shell.hub.rename_group(group, subject, self._account, shell.now()))

    def type_to(self, to: SimulatedAccount, typing: bool = True) -> None:
        """It writes to somebody, or does no more."""
        self._do(lambda shell: shell.hub.person(self._account).typing(to._account, shell.now(), typing=typing))

    def forget_sessions(self) -> None:
        """Its phone loses all its sessions, as a reinstalled app: what it is sent next it has to ask for again."""
        self._do(lambda shell: shell.hub.person(self._account).forget())

    def _change_group(self, group: str, change: Change, people: tuple[SimulatedAccount, ...]) -> None:
        accounts = [one._account for one in people]  # noqa: SLF001
        self._do(lambda shell: shell.hub.change_group(group, change, self._account, accounts, shell.now()))

    def _write(self, shell: Shell, to: SimulatedAccount | str, content: Any) -> str:
        if isinstance(to, str) and not to.endswith("@g.us"):
            raise SimulatorError(f"{to!r} is no group's JID; a person is written to by their SimulatedAccount")
        whom = shell.hub.group(to) if isinstance(to, str) else shell.hub.known(to._account)  # noqa: SLF001
        return shell.hub.person(self._account).write(whom, content, shell.now())
