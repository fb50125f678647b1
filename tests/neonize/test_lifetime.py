"""How a worker starts, and that it exits with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diagnostics.neonize.process import Worker
from diagnostics.neonize.worker_environment import environment
from tests.neonize.conftest import is_running


def test_start_returns_at_once_and_needs_no_event_loop(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(60)")  # it never gets past this
    worker = Worker(environment({"PYTHONPATH": str(tmp_path)}))
    try:
        worker.start()
        assert worker.pid is not None
        assert is_running(worker.pid)
    finally:
        worker.kill()


def test_with_a_proxy_the_environment_allows_no_direct_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "web.whatsapp.com")
    monkeypatch.setenv("https_proxy", "http://elsewhere.example")
    env = environment({"SSL_CERT_FILE": "/ca.pem"}, proxy="http://127.0.0.1:9")
    assert {env[name] for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY")} == {"http://127.0.0.1:9"}
    assert "NO_PROXY" not in env
    assert env["SSL_CERT_FILE"] == "/ca.pem"


PARENT = """
import asyncio, os, sys, time
from diagnostics.neonize.process import Worker

async def main():
    worker = Worker()
    if sys.argv[1] in ("loaded", "stopped"):
        await worker.hello(20)
    worker.start()
    print(worker.pid, flush=True)
    if sys.argv[1] == "forked" and os.fork() == 0:
        os.close(1)
        sys.stdin.read()  # holds the worker's stdin open
        os._exit(0)
    time.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["loading", "loaded", "stopped", "forked"])
def test_the_worker_does_not_outlive_a_parent_that_is_killed(how: str) -> None:
    command = [sys.executable, "-c", PARENT, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_running(worker)
        if how == "stopped":
            os.kill(worker, signal.SIGSTOP)
        parent.kill()
        until = time.monotonic() + 3
        while is_running(worker) and time.monotonic() < until:
            time.sleep(0.02)
        assert not is_running(worker)
