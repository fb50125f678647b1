"""`wadiag` as a person or a script uses it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.check_runs import ROOT
from tests.simulation import Simulation


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    simulation = Simulation("--scan")
    yield simulation
    simulation.close()


def test_a_bot_is_linked_by_pasting_its_qr_text_and_its_messages_are_seen(simulation, tmp_path):
    owner = simulation.read()["phone"]
    bot = tmp_path / "bot.py"
    bot.write_text(
        "import sys\n"
        "from neonize.client import NewClient\n"
        "from neonize.events import ConnectedEv\n"
        "client = NewClient(sys.argv[1])\n"
        "client.event.qr(lambda _, code: print('QR', code.decode(), flush=True))\n"
        "@client.event(ConnectedEv)\n"
        "def connected(client, _):\n"
        "    client.send_message(sys.argv[2], 'good morning')\n"
        "    print('SENT', flush=True)\n"
        "client.connect()\n",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "diagnostics.rehearse",
        str(bot),
        str(tmp_path / "bot.db"),
        simulation.where["contact"],
    ]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **simulation.where["environment"]}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            if line.startswith("QR "):
                assert simulation.ask(line.removeprefix("QR ").strip()) == {"ok": True, "phone": owner, "scanned": True}
            if line.startswith("SENT"):
                break
        process.kill()
    (message,) = simulation.ask(f"messages {owner}")["messages"]
    assert message["acknowledged"]
    contact = simulation.where["contact"]
    assert simulation.ask(f"inbox {contact}") == {"ok": True, "texts": ["good morning"]}
    assert simulation.ask(f'write {contact} {owner} "and to you"')["ok"]
    assert simulation.ask(f"inbox {owner}") == {"ok": True, "texts": ["and to you"]}
    assert len(simulation.ask(f"unlink {owner}")["unlinked"]) == 1
    assert any("<message" in line for line in simulation.ask("log 50")["log"])


def test_wrong_commands_are_answered_with_a_sentence_and_end_nothing(simulation):
    owner = simulation.read()["phone"]
    for line, said in (
        ("dance", "there is no command 'dance'"),
        ("account", None),
        ("account 12", ""),
        ("scan 999 2@x", "there is no account 999"),
        (f"scan {owner}", "takes other arguments"),
        (f"scan {owner} nonsense", ""),
        (f"scenario {owner} sleepy", "there is no scenario 'sleepy'"),
        (f"scenario {owner} unpaired", "not linked"),
        ("log many", "log takes a number of lines, not 'many'"),
        ("log -3", "log takes a number of lines"),
        ('account "', ""),
    ):
        answer = simulation.ask(line)
        assert answer["ok"] is (said is None), answer
        assert said is None or said in answer["error"]
    assert simulation.ask(f"scenario {owner} zombie")["ok"]
    assert simulation.ask("log 0") == {"ok": True, "log": []}
    told = {line.split()[0].rstrip(",") for line in simulation.ask("help")["help"] if line}
    assert told >= {name for name in commands(simulation) if name not in ("help", "quit")}


def commands(simulation: Simulation) -> list[str]:
    """As the answer to an unknown one names them."""
    return simulation.ask("dance")["error"].rpartition(": ")[2].split(", ")


def test_a_port_that_is_taken_is_a_sentence_and_exit_code_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "diagnostics.cli", "simulate", "--port", str(taken.getsockname()[1])],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("wadiag simulate: ")
    assert "Traceback" not in done.stderr
