"""`wadiag serve` in a process of its own, as somebody runs it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx2
import pytest
import zxingcpp
from PIL import Image

from diagnostics.commands import OK, USAGE
from tests.check_runs import environment

TOKEN = "a-token-of-this-test"
ENDS = 10.0  # s, as promised
REFUSES = 30.0  # s for a refusal at the start, of which nothing is promised


def command(state: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "diagnostics.cli", "serve", "--port", "0", "--state", str(state), *more]


@contextlib.contextmanager
def serving(state: Path, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The gateway's process and where it listens."""
    log = state.with_suffix(".log").open("a", encoding="utf-8")
    with (
        log,
        subprocess.Popen(
            command(state), env=environment(**env), stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), line
            yield process, line.split()[-1]
        finally:
            process.kill()


def is_refused(state: Path, env: Mapping[str, str], sentence: str) -> None:
    done = subprocess.run(
        command(state), env=environment(**env), capture_output=True, text=True, check=False, timeout=REFUSES
    )
    assert done.returncode == USAGE
    assert f"wadiag serve: {sentence}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def end(process: subprocess.Popen[str], how: signal.Signals = signal.SIGTERM) -> str:
    """Tell it to end; what it printed. It ends in time, and as if all was well."""
    process.send_signal(how)
    assert process.wait(ENDS) == OK
    assert process.stdout is not None
    return process.stdout.read()


async def online(http: httpx2.AsyncClient, session: str) -> AsyncIterator[None]:
    """Yields once events are listened to, and ends when the session is online."""
    async with http.stream("GET", "/whatsapp/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        async for line in events.aiter_lines():
            if line.startswith(":"):
                yield
            elif line.startswith("data:") and f'"{session}"' in line and '"online"' in line:
                return


async def test_it_serves_ends_in_time_and_brings_its_sessions_back(whatsapp_server, tmp_path):
    env = {**whatsapp_server.bot_environment(), "WADIAG_TOKEN": TOKEN}
    state = tmp_path / "state"
    account, friend = whatsapp_server.add_account(), whatsapp_server.add_account()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"sessionId": "testing", "phone": f"+{friend.phone}", "message": "from a process"}

    with serving(state, **env) as (process, url):
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=20) as http:
            picture = await http.get("/whatsapp/qr-image/testing")
            (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
            waiting = online(http, "testing")
            await anext(waiting)
            whatsapp_server.scan(code.text, account)
            async for _ in waiting:
                pass
            sent = await http.post("/whatsapp/send-message", json=body)
            assert (sent.status_code, friend.texts) == (200, ("from a process",))

            await asyncio.to_thread(is_refused, state, env, f"another gateway owns {state}")

            listening = online(http, "nobody")
            await anext(listening)
            assert "$WADIAG_TOKEN" in await asyncio.to_thread(end, process)  # with a stream open
            with contextlib.suppress(StopAsyncIteration, httpx2.HTTPError):
                await anext(listening)

    with serving(state, **env) as (process, url):
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=20) as http:
            until = time.monotonic() + 20
            while (health := await http.get("/whatsapp/health/testing")).json()["verdict"] != "healthy":
                assert time.monotonic() < until, health.text
                await asyncio.sleep(0.05)
            assert (await http.post("/whatsapp/send-message", json=body)).status_code == 200
        assert "testing" in end(process, signal.SIGINT)

    log = state.with_suffix(".log").read_text(encoding="utf-8")
    assert "route=/whatsapp/send-message status=200" in log
    for unwanted in ("Traceback", TOKEN, account.phone, friend.phone):
        assert unwanted not in log


def test_a_run_of_the_checks_imports_nothing_of_the_gateway():
    imports = "import sys, diagnostics.plugin, diagnostics.running.run, diagnostics.testing, diagnostics.cli"
    looked = f"{imports}; print([name for name in ('fastapi', 'uvicorn', 'sqlalchemy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "env", "sentence"),
    [
        ((), {}, "needs a token and has none"),
        ((), {"WADIAG_TOKEN": "short"}, "the token in WADIAG_TOKEN is shorter than 16 characters"),
        (("--port", "70000"), {"WADIAG_TOKEN": TOKEN}, "--port is 70000; valid: a port from 0 (a free one) to 65535."),
        (("--port", "{taken}"), {"WADIAG_TOKEN": TOKEN}, "port {taken} is taken by another process"),
        (("--config", "nowhere.toml"), {"WADIAG_TOKEN": TOKEN}, "nowhere.toml does not exist"),
    ],
)
def test_what_it_cannot_start_with_is_one_sentence(tmp_path, arguments, env, sentence, monkeypatch, capsys):
    from diagnostics import cli  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WADIAG_TOKEN", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            code = cli.main(["serve", *(each.format(taken=port) for each in arguments)])
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
    err = capsys.readouterr().err
    assert code == USAGE
    assert sentence.format(taken=port) in err
    assert len(err.splitlines()) == 1
    assert not os.listdir(tmp_path)  # noqa: PTH208
