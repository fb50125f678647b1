"""The media host's store: uploaded files, and the credentials for uploading.

A client uploads with `POST /mms/image/<token>?auth=…` and is answered with the path at which everybody can `GET` the
file. The token is the SHA-256 of the encrypted file in URL-safe base64, which is compared with what arrives. A file is
written while it arrives, so that only one chunk is in memory. The HTTP protocol is in `io.media_http`.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import parse_qs

from diagnostics.simulator.faults.actions import Action, Event
from diagnostics.simulator.protocol.keys import Random
from diagnostics.simulator.protocol.wire import MEDIA_HOST
from diagnostics.simulator.world.account import Account

MAX_UPLOAD = 128 << 20  # bytes; WhatsApp takes 100 MB of a document
_MAX_KEPT = 512 << 20  # bytes of all uploads together; the oldest go first
_KINDS = frozenset({"image", "video", "audio", "ptt", "document", "sticker", "gif", "md-app-state", "md-msg-hist"})


class MediaRefused(Exception):
    """A request is refused with the HTTP status `status`."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Media:
    """One uploaded file, encrypted as it arrived.

    Attributes:
        account: phone number of the account that uploaded it.
        kind: "image", "video", …
        path: its direct path, with a query.
        size: bytes.
        sha256: of the encrypted bytes.
        owner: the account that uploaded it.
    """

    account: str
    kind: str
    path: str
    size: int
    sha256: bytes
    file: BinaryIO = field(repr=False, compare=False)
    owner: Account = field(repr=False, compare=False)

    def read(self, begin: int, end: int, chunk: int) -> Iterator[bytes]:
        """The bytes from `begin` up to `end`, at most `chunk` at a time. Ends early if the file is deleted."""
        while begin < end and not self.file.closed:
            self.file.seek(begin)
            piece = self.file.read(min(chunk, end - begin))
            begin += len(piece)
            yield piece


class Upload:
    """A file that is being uploaded."""

    def __init__(self, store: MediaStore, account: Account, kind: str, token: str, file: BinaryIO) -> None:
        self.account = account
        self._store = store
        self._kind = kind
        self._token = token
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Store the next bytes. Raises MediaRefused if the file becomes too large."""
        self._size += len(chunk)
        if self._size > MAX_UPLOAD:
            raise MediaRefused(413, f"more than {MAX_UPLOAD} bytes")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> Media:
        """Complete the upload. Raises MediaRefused if the bytes do not have the hash that the token names."""
        digest = self._hash.digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=") != self._token.encode().rstrip(b"="):
            raise MediaRefused(400, "the bytes do not have the hash that the address names")
        media = Media(
            account=self.account.phone,
            kind=self._kind,
            path=direct_path(self._kind, self._token),
            size=self._size,
            sha256=digest,
            file=self._file,
            owner=self.account,
        )
        self._store.keep(media)
        return media

    def discard(self) -> None:
        """Delete what has arrived."""
        self._file.close()


class MediaStore:
    """All files of the media host. `open_file` returns an empty file to write to; it is closed when it is deleted."""

    def __init__(self, random: Random, open_file: Callable[[], BinaryIO]) -> None:
        self._random = random
        self.open_file = open_file
        self._credentials: dict[str, Account] = {}
        self._kept: OrderedDict[str, Media] = OrderedDict()
        self._by_path: dict[str, Media] = {}

    def find(self, target: str) -> Media:
        """The file for a request for `target` (path and query). Raises MediaRefused if there is none."""
        path = target.partition("?")[0]
        media = self._by_path.get(path)
        if media is None:
            raise MediaRefused(404, f"GET {path[:40]}: nothing is here")
        return media

    def stored(self, path: str) -> Media | None:
        """The file with that direct path, which a message contains; None if it was deleted."""
        return self._by_path.get(path.partition("?")[0])

    @staticmethod
    def meet_download(media: Media, now: float) -> Action | None:
        """The fault that replaces the answer to a download, from the plan of the account that uploaded the file."""
        return media.owner.plan.meet(Event.DOWNLOAD, now)

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The uploaded files that are still stored, oldest first."""
        return tuple(self._kept.values())

    def credential(self, account: Account) -> str:
        """A new credential for uploads by this account, 48 hexadecimal digits."""
        credential = self._random(24).hex()
        self._credentials[credential] = account
        return credential

    def begin(self, method: str, target: str) -> Upload:
        """Begin to answer a request for `target` (path and query). Raises MediaRefused if it is not a valid upload."""
        path, _, query = target.partition("?")
        prefix, kind, token = ([*path.strip("/").split("/"), "", "", ""])[:3]
        if method != "POST" or prefix != "mms" or kind not in _KINDS or not token:
            raise MediaRefused(404, f"{method} {path[:40]} is not an address of this host")
        account = self._account(parse_qs(query))
        return Upload(self, account, kind, token, self.open_file())

    def keep(self, media: Media) -> None:
        """Store an upload, and delete the oldest ones if all together are too large.

        The same bytes have the same path. A file keeps its first owner, or others could delete it.
        """
        known = self._kept.pop(media.path, None)
        if known is not None and known.owner is not media.owner:
            media.file.close()
            media, known = known, None
        self._forget(known)
        self._kept[media.path] = media
        self._by_path[media.path.partition("?")[0]] = media
        while sum(kept.size for kept in self._kept.values()) > _MAX_KEPT:
            self._forget(self._kept.popitem(last=False)[1])

    def publish(self, media: Media) -> None:
        """Make a file available for download that was not uploaded, until `withdraw`."""
        self._by_path[media.path.partition("?")[0]] = media

    def withdraw(self, media: Media) -> None:
        """Delete a published file."""
        self._forget(media)

    def delete(self, target: str) -> None:
        """Delete a file at the request of a client of its owner. Raises MediaRefused if there is no such file."""
        address, _, rest = target.partition("?")
        query = parse_qs(rest)
        account = self._account(query)
        try:
            path = base64.urlsafe_b64decode(query.get("d_md", [""])[0] + "===").decode("ascii")
        except ValueError:
            path = ""
        media = self._by_path.get(path)
        if media is None or media.owner is not account or media.path not in self._kept:
            raise MediaRefused(404, f"DELETE {address[:40]}: nothing is here")
        self._forget(self._kept.pop(media.path))

    def _account(self, query: dict[str, list[str]]) -> Account:
        account = self._credentials.get(next(iter(query.get("auth", [])), ""))
        if account is None:
            raise MediaRefused(401, "the request carries no valid credential")
        return account

    def close(self) -> None:
        """Delete all files."""
        self._kept.clear()
        for media in tuple(self._by_path.values()):
            self._forget(media)

    def _forget(self, media: Media | None) -> None:
        if media is not None:
            self._by_path.pop(media.path.partition("?")[0], None)
            media.file.close()

    @staticmethod
    def meet(upload: Upload, now: float) -> Action | None:
        """The fault that replaces the answer to a complete upload."""
        return upload.account.plan.meet(Event.UPLOAD, now)


def direct_path(kind: str, token: str) -> str:
    """The path of an uploaded file; `token` is its SHA-256 in URL-safe base64."""
    return f"/v/t62.7118-24/{kind}/{token}?ccb=11-4&oh=01&oe=66"


def address(media: Media) -> dict[str, str]:
    """The answer to an upload, as JSON fields."""
    return {"url": f"https://{MEDIA_HOST}{media.path}", "direct_path": media.path}
