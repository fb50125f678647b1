"""The fixture `real`: a worker that dies fails the test during which it dies, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]

CONFTEST = "from tests.simulator.conftest import *"

# whatsmeow dies of a stanza without a tag.
TESTS = """
import os, signal, time, pytest
from diagnostics.simulator.core.effects import Send

@pytest.fixture(scope="module")
def client(real):
    return real.connected()

def test_a_panic_of_the_library(real, client):
    def without_a_tag(shell):
        (stream,) = shell.hub.streams(client.account._account)
        shell.hub.emit(stream.number, Send(stream._noise.send(bytes([0, 0xF8, 1, 0]))))

    real.server._do(without_a_tag)
    client.heard("Connected", nth=2)

def test_a_text_with_the_next_worker(client):
    assert client.text() == "acknowledged"

def test_a_death_that_nobody_waits_for(real):
    os.kill(real.worker.pid, signal.SIGKILL)
    while real.crash is None:
        time.sleep(0.001)

def test_a_text_with_the_third(client):
    assert client.text() == "acknowledged"
"""


def test_a_worker_that_dies_fails_one_test_with_its_last_words_and_the_next_has_another(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(test_workers=TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-v", "--tb=line")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*test_a_panic_of_the_library FAILED*",
            "*test_a_text_with_the_next_worker PASSED*",
            "*test_a_death_that_nobody_waits_for FAILED*",
            "*test_a_text_with_the_third PASSED*",
            '*WorkerCrashed: the worker died of SIGABRT: "panic: *',
            "*WorkerCrashed: the worker died of SIGKILL*",
        ]
    )
