"""Faults of files on their way up and down, with the real neonize."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO

import pytest
from PIL import Image

from diagnostics.neonize.process import CallFailed, WorkerTimeout
from diagnostics.simulator import (
    CutShort,
    Drop,
    Event,
    Fault,
    Garbage,
    HttpStatus,
    Refusal,
    Silence,
    SimulatedAccount,
    Slow,
    UploadAnswer,
)
from diagnostics.simulator.faults.actions import Action
from tests.simulator import calls
from tests.simulator.real import ACKNOWLEDGED, ANSWER_SECONDS, HANG_SECONDS, HANGS, Client, Real


@pytest.fixture
def everybody(real: Real) -> Iterator[Real]:
    """What is applied to all clients ends with the test."""
    yield real
    real.server.apply(None, ())


@pytest.fixture(scope="module")
def connected(real: Real) -> Client:
    return real.connected()


def picture() -> bytes:
    png = BytesIO()
    Image.new("RGB", (64, 64), "red").save(png, "PNG")
    return png.getvalue()


PICTURE = picture() + bytes(40_000)  # what follows a PNG is not part of it


# Uploads


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(Event.UPLOAD, HttpStatus(500)), "upload failed with status code 500"),
        (Fault(Event.UPLOAD, HttpStatus(413)), "upload failed with status code 413"),
        (Fault(Event.UPLOAD, Drop()), "EOF"),
        (Fault(Event.UPLOAD, Silence()), HANGS),
        (Fault(Event.UPLOAD, UploadAnswer("{}")), "without an address of the file"),
        (Fault(Event.UPLOAD, UploadAnswer("null")), "without an address of the file"),
        (Fault(Event.UPLOAD, UploadAnswer('{"url":"","direct_path":""}')), "without an address of the file"),
        (Fault(Event.UPLOAD, UploadAnswer('{"error":{"code":5}}')), "without an address of the file"),
        (Fault(Event.QUESTION, Refusal(503), only="w:m"), ACKNOWLEDGED),
    ],
)
def test_an_image_that_cannot_be_uploaded(real: Real, connected: Client, fault: Fault, outcome: str) -> None:
    real.server.apply(connected.account, [fault])
    assert outcome in connected.image(picture(), seconds=HANG_SECONDS if outcome == HANGS else 10)
    real.server.apply(connected.account, ())
    assert connected.text() == ACKNOWLEDGED


@pytest.mark.parametrize(
    ("action", "complaint"),
    [(HttpStatus(403), "By A Fault"), (HttpStatus(503), "By A Fault"), (Drop("reset"), "reset by peer|EOF")],
)
def test_the_media_host_cannot_be_reached(everybody: Real, action: Action, complaint: str) -> None:
    client = everybody.connected()
    everybody.server.apply(None, [Fault(Event.MEDIA, action)])
    outcome = client.image(picture())
    assert any(part in outcome for part in complaint.split("|")), outcome
    assert client.text() == ACKNOWLEDGED


# Downloads


@pytest.fixture(scope="module")
def friend(real: Real) -> SimulatedAccount:
    return real.server.add_account(name="Friend")


@pytest.fixture(scope="module")
def received(connected: Client, friend: SimulatedAccount) -> str:
    """The id of a message with a picture that waits to be fetched."""
    number = friend.send_image(connected.account, PICTURE)
    connected.heard("Message", id=number)
    return number


def fetch(client: Client, message: str, seconds: float = ANSWER_SECONDS) -> str:
    """The SHA-256 of the file as neonize gives it."""
    return str(client.call(calls.Download(client.name, message), seconds)["sha256"])


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (HttpStatus(403), "^download failed with status code 403$"),
        (HttpStatus(404), "^download failed with status code 404$"),
        (HttpStatus(410), "^download failed with status code 410$"),
        (HttpStatus(500), "download failed with status code 500$"),
        (CutShort(), "unexpected EOF$"),
        (Garbage(), "hash of media ciphertext doesn't match$"),
    ],
)
def test_a_file_that_cannot_be_fetched_raises_what_is_wrong_and_can_be_had_later(
    connected: Client, friend: SimulatedAccount, received: str, action: Action, complaint: str
) -> None:
    connected.real.server.apply(friend, [Fault(Event.DOWNLOAD, action)])
    with pytest.raises(CallFailed, match=complaint) as failed:
        fetch(connected, received)
    assert failed.value.kind == "DownloadError"
    connected.real.server.apply(friend, ())
    assert fetch(connected, received) == sha256(PICTURE).hexdigest()


def test_a_file_whose_connection_breaks_once_is_fetched_all_the_same(
    connected: Client, friend: SimulatedAccount, received: str
) -> None:
    fetch(connected, received)  # on a connection that was used before, the request is repeated at once
    connected.real.server.apply(friend, [Fault(Event.DOWNLOAD, Drop(), times=1)])
    assert fetch(connected, received) == sha256(PICTURE).hexdigest()


def test_a_file_that_is_never_answered_is_waited_for(
    connected: Client, friend: SimulatedAccount, received: str
) -> None:
    connected.real.server.apply(friend, [Fault(Event.DOWNLOAD, Silence())])
    with pytest.raises(WorkerTimeout):
        fetch(connected, received, HANG_SECONDS)
    connected.real.server.apply(friend, ())
    assert fetch(connected, received) == sha256(PICTURE).hexdigest()


# A slow line


@pytest.mark.parametrize("slow", [Slow(latency=0.3), Slow(bandwidth=len(PICTURE) / 0.3)])
def test_a_slow_line_brings_a_file_late_and_whole(
    connected: Client, friend: SimulatedAccount, received: str, slow: Slow
) -> None:
    connected.real.server.apply(friend, [Fault(Event.DOWNLOAD, slow)])
    begun = time.monotonic()
    assert fetch(connected, received) == sha256(PICTURE).hexdigest()
    assert time.monotonic() - begun >= 0.2
    connected.real.server.apply(friend, ())


@pytest.mark.parametrize("slow", [Slow(latency=0.3), Slow(bandwidth=len(PICTURE) / 0.3)])
def test_a_slow_line_takes_a_file_late_and_whole(connected: Client, slow: Slow) -> None:
    connected.real.server.apply(connected.account, [Fault(Event.UPLOAD, slow)])
    begun = time.monotonic()
    assert connected.image(PICTURE) == ACKNOWLEDGED
    assert time.monotonic() - begun >= 0.2
    connected.real.server.apply(connected.account, ())
