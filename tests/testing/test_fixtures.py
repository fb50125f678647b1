"""The fixtures that other people's tests use."""

from __future__ import annotations

from pathlib import Path

import pytest

BOT = """
import sys
from neonize.client import NewClient
from neonize.events import ConnectedEv

client = NewClient(sys.argv[1])

@client.event(ConnectedEv)
def connected(client, _):
    client.send_message(sys.argv[2], "good morning")
    print("SENT", flush=True)

client.connect()
"""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    script = tmp_path / "bot.py"
    script.write_text(BOT, encoding="utf-8")
    return script


def wait_for(process, word: str) -> bool:
    said = []
    for line in process.stdout:
        said.append(line)
        if word in line:
            return True
    raise AssertionError("".join(said))


def test_an_unmodified_bot_logs_in_with_a_copied_session_and_sends(paired_session, whatsapp_contact, bot):
    with paired_session.run(bot, str(paired_session.store), whatsapp_contact.phone) as process:
        assert wait_for(process, "SENT")
    (message,) = paired_session.account.messages
    assert message.acknowledged
    assert message.to == whatsapp_contact.lid


def test_every_test_has_accounts_of_its_own(paired_session, whatsapp_contact, whatsapp_server):
    assert paired_session.account.messages == ()
    others = {paired_session.account.phone, whatsapp_contact.phone, whatsapp_server.contact.phone}
    assert len(others) == 3


def test_two_copies_of_one_session_are_logged_in_at_the_same_time(
    whatsapp_server, whatsapp_template, whatsapp_contact, bot, tmp_path
):
    first, second = (whatsapp_template.copy(whatsapp_server, tmp_path / name) for name in ("a.db", "b.db"))
    with (
        first.run(bot, str(first.store), whatsapp_contact.phone) as one,
        second.run(bot, str(second.store), whatsapp_contact.phone) as two,
    ):
        assert wait_for(one, "SENT")
        assert wait_for(two, "SENT")
    assert len(first.account.messages) == len(second.account.messages) == 1
