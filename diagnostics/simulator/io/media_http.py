"""HTTP/1.1 of the media host, without I/O: a client's bytes in, the answer's bytes out.

A download is produced in pieces: `receive` returns the head, and then each call of `more` returns one chunk while
`streaming` is true, so that the session can wait for the client to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import h11

from diagnostics.simulator.faults.actions import CutShort, Drop, Garbage, HttpStatus, Silence, Slow, UploadAnswer
from diagnostics.simulator.simulator_errors import ProtocolError
from diagnostics.simulator.world.media_store import Media, MediaRefused, MediaStore, Upload, address

CHUNK = 64 << 10  # bytes of a file in memory
_TICK = 0.05  # seconds between two chunks when a fault limits the bandwidth
_RANGE = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})")


class MediaConnection:
    """One connection to the media host.

    Attributes:
        closing: the connection has to be ended after everything returned was sent.
        streaming: `more` will return more bytes.
        wait: seconds to wait before `more` is called, because a fault makes the connection slow.
    """

    def __init__(self, store: MediaStore, log: Callable[[str], None]) -> None:
        self.closing = False
        self.streaming = False
        self.wait = 0.0
        self._silent = False  # by a fault: everything is read and ignored
        self._store = store
        self._log = log
        self._http = h11.Connection(h11.SERVER)
        self._upload: Upload | None = None
        self._refused: MediaRefused | None = None
        self._wanted: tuple[Media, bytes] | None = None
        self._deleted = False
        self._head_only = False  # the request is a HEAD
        self._body: Iterator[bytes] = iter(())
        self._now = 0.0
        self._left = 0  # bytes that the head of the answer has announced and that were not sent yet
        self._held_back = b""  # what is sent before them, after `wait`
        self._bandwidth = 0.0  # bytes per second of the file, 0 for no limit

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes of the client; returns the answer to them, b"" if there is none yet.

        Raises:
            ProtocolError: the bytes are not HTTP.
        """
        self._now = now
        if self._silent:
            return b""
        try:
            self._http.receive_data(data)
            return b"" if self.streaming else self._answers()
        except h11.RemoteProtocolError as error:
            raise ProtocolError(f"the media host got no HTTP: {error}") from None

    def more(self) -> bytes:
        """The next bytes of the answer; after the last ones, answers to further requests."""
        held_back, self._held_back, self.wait = self._held_back, b"", 0.0
        if held_back:
            self.streaming = self._left > 0
            return held_back if self.streaming else held_back + self._answers()
        chunk = next(self._body, None)
        if chunk is not None:
            self._left -= len(chunk)
            self.wait = len(chunk) / self._bandwidth if self._bandwidth else 0.0
            return self._http.send(h11.Data(data=chunk)) or b""
        self.streaming = False
        if self._left:  # cut short, or the file had to make room for others
            self.closing = True
            return b""
        out = self._http.send(h11.EndOfMessage()) or b""
        self._next_cycle()
        return out + self._answers()

    def lost(self) -> None:
        """The connection is gone; delete an upload that has not fully arrived."""
        self._discard()

    def _answers(self) -> bytes:
        out = b""
        while not self.closing and not self._silent and not self.streaming:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    out += self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                break
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._write(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                out += self._finish()
            elif isinstance(event, h11.ConnectionClosed):
                self.closing = True
        return out

    def _begin(self, request: h11.Request) -> None:
        self._upload = self._refused = self._wanted = None
        self._deleted = False
        method, target = request.method.decode(), request.target.decode()
        self._head_only = method == "HEAD"
        try:
            if method == "GET":
                wanted = next((value for name, value in request.headers if name == b"range"), b"")
                self._wanted = self._store.find(target), wanted
            elif method == "DELETE":
                self._store.delete(target)
                self._deleted = True
            else:
                self._upload = self._store.begin(method, target)
        except MediaRefused as refused:
            self._refused = refused

    def _write(self, chunk: bytes) -> None:
        if self._upload is None:
            return  # a refused body is read and ignored, or the client would not read the answer
        try:
            self._upload.write(chunk)
        except MediaRefused as refused:
            self._refused = refused
            self._discard()

    def _finish(self) -> bytes:
        if self._wanted is not None:
            return self._download(*self._wanted)
        if self._deleted:
            return self._respond(200, b"{}")
        upload = self._upload
        if upload is None:
            return self._refusal()
        action = self._store.meet(upload, self._now)
        if isinstance(action, Silence | Drop):
            self._discard()
            self._silent, self.closing = isinstance(action, Silence), isinstance(action, Drop)
            return b""
        if isinstance(action, HttpStatus):
            self._discard()
            self._refused = MediaRefused(action.status, "by a fault")
            return self._refusal()
        try:
            media = upload.finish()
        except MediaRefused as refused:
            self._refused = refused
            self._discard()
            return self._refusal()
        self._upload = None
        if isinstance(action, UploadAnswer):
            return self._respond(200, action.body.encode())
        self._log(f"{media.account} uploaded {media.kind}, {media.size} bytes")
        answer = self._respond(200, json.dumps(address(media)).encode())
        if not isinstance(action, Slow):
            return answer
        return self._hold_back(answer, action.latency + (media.size / action.bandwidth if action.bandwidth else 0.0))

    def _download(self, media: Media, wanted: bytes) -> bytes:
        """The head of the answer; `more` returns the file."""
        action = self._store.meet_download(media, self._now)
        if isinstance(action, Silence | Drop):
            self._silent, self.closing = isinstance(action, Silence), isinstance(action, Drop)
            return b""
        if isinstance(action, HttpStatus):
            self._refused = MediaRefused(action.status, "by a fault")
            return self._refusal()
        begin, end = _span(wanted, media.size)
        if begin >= end:
            self._refused = MediaRefused(416, f"{wanted.decode('latin-1')!r} of {media.size} bytes")
            return self._refusal()
        headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(end - begin))]
        headers += [("Accept-Ranges", "bytes")]
        partial = end - begin < media.size
        if partial:
            headers += [("Content-Range", f"bytes {begin}-{end - 1}/{media.size}")]
        self._log(f"{media.kind} of {media.account} is downloaded, {end - begin} of {media.size} bytes")
        self.streaming, self._left = True, end - begin
        if isinstance(action, CutShort):
            end = begin + (end - begin) // 2
        head = self._http.send(h11.Response(status_code=206 if partial else 200, headers=headers)) or b""
        self._bandwidth = action.bandwidth if isinstance(action, Slow) else 0.0
        chunk = min(CHUNK, max(1, int(self._bandwidth * _TICK))) if self._bandwidth else CHUNK
        self._body = media.read(begin, end, chunk)
        if isinstance(action, Garbage):
            self._body = (bytes(len(piece)) for piece in self._body)
        return self._hold_back(head, action.latency) if isinstance(action, Slow) else head

    def _hold_back(self, answer: bytes, seconds: float) -> bytes:
        """Have `more` return the answer, after so many seconds."""
        self._held_back, self.wait, self.streaming = answer, seconds, True
        return b""

    def _refusal(self) -> bytes:
        refused = self._refused or MediaRefused(500, "nothing was decided")
        self._log(f"the media host answers {refused.status}: {refused}")
        return self._respond(refused.status, b"{}")

    def _respond(self, status: int, body: bytes) -> bytes:
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        events: list[h11.Event] = [h11.Response(status_code=status, headers=headers)]
        events += [] if self._head_only else [h11.Data(data=body)]
        out = b"".join(self._http.send(event) or b"" for event in (*events, h11.EndOfMessage()))
        self._next_cycle()
        return out

    def _next_cycle(self) -> None:
        """An answer is complete; another request may follow."""
        if self._http.our_state is h11.MUST_CLOSE:
            self.closing = True
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()

    def _discard(self) -> None:
        if self._upload is not None:
            self._upload.discard()
            self._upload = None


def _span(wanted: bytes, size: int) -> tuple[int, int]:
    """The bytes that a Range header asks for, from and up to; all if it is not a range (RFC 9110)."""
    match = _RANGE.fullmatch(wanted)
    if match is None or match[1] == match[2] == b"":
        return 0, size
    if not match[1]:
        return max(0, size - int(match[2])), size
    return int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
