"""Sessions whose bot writes how they are into a file: `shop.json` has {"linked": true, "socket": 1}.

An example of a kind of target in a package of its own. It returns facts and never an opinion: what the file does not
say is absent with a reason, and the judge does the rest.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path

from diagnostics.evidence.recorder import Recorder, utc_now
from diagnostics.model import Absence, Aspect, SocketState
from diagnostics.targets import values
from diagnostics.targets.base import Option, SessionSettings, TargetKind, TargetSettings

STATES = {state.number: state for state in SocketState if state.number is not None}


class StatusFiles(TargetSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bot writes."""

    status_dir: str = "."


class StatusFileKind(TargetKind[StatusFiles, SessionSettings]):
    name = "statusfile"
    summary = "files that a bot writes"
    owner = "a bot that writes status files"
    settings = StatusFiles
    session = SessionSettings
    options = (
        Option(
            name="status_dir", help="where status files are (target statusfile)", valid="a directory", metavar="DIR"
        ),
    )

    def check(self, key, value, place):
        return values.absolute(value, place.directory)

    def describe(self, settings):
        return f"status files in {settings.status_dir} (read only)"

    async def sessions(self, settings):
        names = os.listdir(settings.status_dir)  # noqa: PTH208
        return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))

    @asynccontextmanager
    async def open(self, settings, sessions):
        yield StatusFileLooker(Path(settings.status_dir))


class StatusFileLooker:
    def __init__(self, directory):
        self.directory = directory

    async def look(self, requests):
        for request in requests:
            yield self.evidence(request, self.directory / f"{request.session}.json")

    def evidence(self, request, path):
        recorder = Recorder(request, utc_now)
        recorder.source = str(path)
        since = time.monotonic()
        try:
            status = json.loads(path.read_text())
            linked, socket = status["linked"], status["socket"]
        except FileNotFoundError:
            recorder.record(Aspect.EXISTS, False, raw=f"there is no file {path}", since=since)
            recorder.rest_absent(Absence.BLOCKED, "the session does not exist")
        except (OSError, ValueError, KeyError, TypeError) as problem:
            recorder.rest_absent(Absence.UNEXPECTED, f"{path} cannot be understood: {problem}")
        else:
            recorder.record(Aspect.EXISTS, True, raw=str(path), since=since)
            recorder.record(Aspect.AUTHENTICATED, bool(linked), raw=f"linked={linked}", since=since)
            recorder.record(Aspect.SOCKET, STATES.get(socket, SocketState.UNKNOWN), raw=f"socket={socket}", since=since)
            recorder.rest_absent(Absence.NOT_ASKED, "the bot's file does not say")
        return recorder.evidence(StatusFileKind.name)


KIND = StatusFileKind()
