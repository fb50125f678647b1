"""HTTP/1.1 for the media host, without I/O: a client's bytes in, the answer's bytes out."""

from __future__ import annotations

import json
from collections.abc import Callable

import h11

from diagnostics.simulator.errors import ProtocolError
from diagnostics.simulator.faults import Drop, HttpStatus, Silence
from diagnostics.simulator.media import MediaService, Upload, UploadRefused, address


class MediaConnection:
    """One connection to the media host. `closing`: it is to be ended after what `receive` gave was sent."""

    def __init__(self, service: MediaService, log: Callable[[str], None]) -> None:
        self.closing = False
        self._silent = False  # by a fault: everything is read and forgotten
        self._service = service
        self._log = log
        self._http = h11.Connection(h11.SERVER)
        self._upload: Upload | None = None
        self._refused: UploadRefused | None = None

    def receive(self, data: bytes) -> bytes:
        """The bytes that answer `data`, perhaps none yet. Raises ProtocolError for what is no HTTP."""
        if self._silent:
            return b""
        try:
            self._http.receive_data(data)
            return self._answers()
        except h11.RemoteProtocolError as error:
            raise ProtocolError(f"the media host got no HTTP: {error}") from None

    def lost(self) -> None:
        """The connection is gone; what had not fully arrived is thrown away."""
        self._discard()

    def _answers(self) -> bytes:
        out = b""
        while not self.closing and not self._silent:
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
        self._upload = self._refused = None
        try:
            self._upload = self._service.begin(request.method.decode(), request.target.decode())
        except UploadRefused as refused:
            self._refused = refused

    def _write(self, chunk: bytes) -> None:
        if self._upload is None:
            return  # a refused body is read and forgotten, or the client would not see the answer
        try:
            self._upload.write(chunk)
        except UploadRefused as refused:
            self._refused = refused
            self._discard()

    def _finish(self) -> bytes:
        upload = self._upload
        if upload is None:
            return self._refusal()
        action = self._service.meet(upload)
        if isinstance(action, Silence | Drop):
            self._discard()
            self._silent, self.closing = isinstance(action, Silence), isinstance(action, Drop)
            return b""
        if isinstance(action, HttpStatus):
            self._discard()
            self._refused = UploadRefused(action.status, "by a fault")
            return self._refusal()
        try:
            media = upload.finish()
        except UploadRefused as refused:
            self._refused = refused
            self._discard()
            return self._refusal()
        self._upload = None
        self._log(f"{media.account} uploaded {media.kind}, {media.size} bytes")
        return self._respond(200, json.dumps(address(media)).encode())

    def _refusal(self) -> bytes:
        refused = self._refused or UploadRefused(500, "nothing was decided")
        self._log(f"the media host answers {refused.status}: {refused}")
        return self._respond(refused.status, b"{}")

    def _respond(self, status: int, body: bytes) -> bytes:
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        out = b"".join(
            self._http.send(event) or b""
            for event in (
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            )
        )
        if self._http.our_state is h11.MUST_CLOSE:
            self.closing = True
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return out

    def _discard(self) -> None:
        if self._upload is not None:
            self._upload.discard()
            self._upload = None
