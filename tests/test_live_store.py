"""A store of a real client, looked at as a user looks at a live session. Nothing here can reach WhatsApp."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from diagnostics.neonize.link_store import pair
from diagnostics.neonize.process import Worker
from diagnostics.neonize.store import read_store
from diagnostics.neonize.store_schema import NEWEST_SCHEMA
from diagnostics.neonize.worker_environment import environment
from diagnostics.simulator import WhatsAppServer
from tests.check_runs import FAILED, OK, ROOT, runner, runner_here
from tests.check_runs import environment as calm
from tests.neonize.stores import make_older

REFUSING = "http://127.0.0.1:9"  # a proxy where nobody listens


@pytest.fixture(scope="module")
def paired_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that the real client linked with the simulator."""
    store = tmp_path_factory.mktemp("live") / "bot.db"

    async def link(server: WhatsAppServer) -> None:
        account = server.add_account("628123456789", name="Budi")
        worker = Worker(environment(server.client_environment()))
        try:
            await worker.hello(20, server.noise_root)
            await pair(
                worker,
                "bot",
                store,
                show=lambda code: server.scan(code, account),
                deadline=20,
                proxy=server.proxy_url,
            )
        finally:
            await worker.close()

    with WhatsAppServer() as server:
        asyncio.run(link(server))
    return store


@pytest.fixture
def look(paired_store: Path) -> tuple[str, ...]:
    """The options for a look at the store."""
    return ("--session", "bot", "--target", "neonize", "--store", str(paired_store))


@pytest.fixture
def run(tmp_path: Path, look):
    runs = runner_here(tmp_path / "reports")
    return lambda *arguments: runs(*look, *arguments)


def state(store: Path) -> dict[str, tuple[str, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in store.parent.iterdir()
    }


def test_a_passive_look_says_what_it_does_not_know_and_changes_no_byte(tmp_path, look, paired_store):
    before = state(paired_store)
    ran = runner(tmp_path / "reports")(*look)
    assert state(paired_store) == before
    assert ran.code == FAILED
    assert "passive: read only, nothing is connected" in ran.out.replace("\n         ", " ")
    assert "? bot  UNKNOWN  not known whether it can send: only its store was read" in ran.out
    assert "1 failed, 4 passed, 5 skipped" in ran.out


def test_the_store_checks_alone_pass_on_a_sound_store_and_connect_nothing(run, paired_store):
    os.utime(paired_store, (0, 0))
    before = state(paired_store)
    for connect in ((), ("--connect", "--proxy", REFUSING)):
        ran = run("-m", "store", *connect)
        assert ran.code == OK
        assert "2 passed, 8 deselected" in ran.out
    assert state(paired_store) == before  # not even a lease file


def test_whether_it_is_linked_can_be_read_from_the_store_too(run):
    ran = run("-k", "exists or intact or authenticated")
    assert ran.code == OK
    assert "3 passed, 7 deselected" in ran.out


def test_the_header_says_what_a_live_session_will_send_and_the_remedy_how_to_look_again(run, paired_store):
    os.utime(paired_store)
    ran = run("--connect")
    assert "sends    nothing (no --send-to)" in ran.out
    assert f"--target neonize --store {paired_store} --connect" in " ".join(ran.out.split())
    assert "sends    a text and an image to +628•••••••89" in run("--connect", "--send-to", "628123456789").out


def test_a_run_whose_checks_are_all_skipped_is_not_green(run):
    ran = run("-m", "sending")
    assert "2 skipped" in ran.out
    assert ran.code == FAILED


def test_a_store_that_somebody_has_just_written_to_is_left_alone(run, paired_store):
    os.utime(paired_store)
    before = state(paired_store)
    ran = run("--connect", "--proxy", REFUSING)
    assert ran.code == FAILED
    assert "? bot  UNKNOWN  not known whether it can send: a running bot uses it" in ran.out
    assert "would kick the running bot out" in " ".join(ran.out.split())
    assert {name: state(paired_store)[name] for name in before} == before


def test_connecting_without_network_is_a_clear_finding_and_no_hang(run, paired_store):
    os.utime(paired_store, (0, 0))  # nobody has written to it for a while
    ran = run("--connect", "--proxy", REFUSING, "--deadline", "10")
    assert ran.code == FAILED
    assert "cannot send: WhatsApp cannot be reached from here" in ran.out
    assert "connection refused" in ran.out
    assert "web.whatsapp.com:443 must be reachable" in ran.out


def test_nobodys_number_leaves_the_process(run):
    ran = run("-v")
    for text in (ran.out, ran.page):
        assert "628123456789" not in text
        assert "Budi" not in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not"),
        (b"this is no database at all, only some text in a file", "not"),
        (b"SQLite format 3\0" + bytes(4080), "cannot be used"),
    ],
)
def test_a_store_that_cannot_be_used_is_a_finding_and_stays_as_it_is(tmp_path, content, said):
    store = tmp_path / "broken.db"
    store.write_bytes(content)
    ran = runner_here(tmp_path / "reports")("--session", "bot", "--target", "neonize", "--store", str(store))
    assert ran.code == FAILED
    assert said in ran.out
    assert "CRITICAL" in ran.out
    assert store.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir() if path.name != "reports"] == ["broken.db"]


def test_a_rehearsal_is_honoured_as_everywhere_so_that_the_session_is_healthy_at_the_simulator(
    tmp_path, whatsapp_server, whatsapp_session
):
    """As `wadiag pair` and `wadiag serve`: the environment of a rehearsal says whom the real client trusts."""
    os.utime(whatsapp_session.store, (0, 0))
    look = ("--session", "bot", "--target", "neonize", "--store", str(whatsapp_session.store), "--connect")
    ran = runner(tmp_path / "reports")(*look, **whatsapp_server.bot_environment())
    assert ran.code == OK
    assert "✔ bot  HEALTHY  can send, as far as can be known" in ran.out


def test_an_older_store_is_said_to_be_migrated_before_the_real_client_migrates_it(
    tmp_path, whatsapp_server, whatsapp_session
):
    store = whatsapp_session.store
    make_older(store, 6)
    os.utime(store, (0, 0))
    look = ("--session", "bot", "--target", "neonize", "--store", str(store))
    passive = runner_here(tmp_path / "passive")(*look, "-m", "store")
    assert passive.code == OK
    assert "migrates" not in passive.out.partition("session  bot")[0]
    assert "its tables are older" in " ".join(passive.out.split())
    assert "remove the store" not in passive.out
    ran = runner(tmp_path / "reports")(*look, "--connect", **whatsapp_server.bot_environment())
    header = " ".join(ran.out.partition("session  bot")[0].split())
    assert f"its tables are of version 6: connecting migrates them to version {NEWEST_SCHEMA}" in header
    assert ran.code == OK
    assert "bot  DEGRADED  its store is of an older version" in ran.out
    again = read_store(store, "bot").facts
    assert again is not None
    assert again.schema == NEWEST_SCHEMA


@pytest.mark.parametrize("exists", [True, False])
def test_a_store_under_a_name_that_is_no_text_is_said_in_every_output(tmp_path, paired_store, exists):
    odd = tmp_path / os.fsdecode(b"b\xff\xfe.db")
    if exists:
        odd.write_bytes(paired_store.read_bytes())
    command = [sys.executable, "-m", "diagnostics", "check", "bot", "--target", "neonize", "--store", odd]
    command += ["-m", "store", "--json", "--junitxml", tmp_path / "junit.xml", "--reports", tmp_path / "reports", "-v"]
    done = subprocess.run(
        command, cwd=tmp_path, env=calm(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False
    )
    assert done.returncode == (OK if exists else FAILED)
    assert "fe.db" in str(json.loads(done.stdout)["sessions"])
    assert "Traceback" not in done.stderr
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert (tmp_path / "reports/latest.html").read_text(encoding="utf-8")
