"""What ends the whole process of the real neonize, and so is tried with a process of its own."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from diagnostics.neonize.process import WorkerCrashed
from diagnostics.simulator import Empty, Event, Failure, Fault
from tests.simulator.real import eventually, real_clients


def test_an_image_without_a_media_host_ends_the_process(tmp_path: Path) -> None:
    png = BytesIO()
    Image.new("RGB", (64, 64), "red").save(png, "PNG")
    with real_clients(tmp_path) as real:
        client = real.connected()
        real.server.apply(client.account, [Fault(Event.QUESTION, Empty(), only="w:m")])
        with pytest.raises(WorkerCrashed, match="index out of range"):
            client.image(png.getvalue())


@pytest.mark.parametrize("reason", [413, 414])
def test_an_unknown_refusal_of_the_login_ends_the_process(tmp_path: Path, reason: int) -> None:
    with real_clients(tmp_path) as real:
        client = real.paired()
        real.server.apply(client.account, [Fault(Event.LOGIN, Failure(reason))])
        client.connect()
        assert eventually(lambda: real.crash is not None)
        assert "invalid memory address" in str(real.crash)
