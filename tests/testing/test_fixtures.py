"""The pytest fixtures for tests of bots."""

from __future__ import annotations

from pathlib import Path

import pytest

BOT = """
import sys
from neonize.client import NewClient
from neonize.events import ConnectedEv
from neonize.utils.enum import Presence

client = NewClient(sys.argv[1])

@client.event(ConnectedEv)
def connected(client, _):
    client.send_presence(Presence.AVAILABLE)
    client.send_message(sys.argv[2], "good morning")
    print("SENT", flush=True)

client.connect()
"""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    script = tmp_path / "bot.py"
    script.write_text(BOT, encoding="utf-8")
    return script


def test_an_unmodified_bot_logs_in_with_a_copied_session_and_sends(whatsapp_session, whatsapp_contact, bot):
    with whatsapp_session.run(bot, str(whatsapp_session.store), whatsapp_contact.phone) as process:
        process.wait_for("SENT")
        assert whatsapp_session.account.available, "it knows its push name, without which it could not say so"
    (message,) = whatsapp_session.account.messages
    assert message.acknowledged
    assert message.to == whatsapp_contact.lid


def test_every_test_has_accounts_of_its_own(whatsapp_session, whatsapp_contact, whatsapp_server):
    assert whatsapp_session.account.messages == ()
    others = {whatsapp_session.account.phone, whatsapp_contact.phone, whatsapp_server.contact.phone}
    assert len(others) == 3


def test_two_copies_of_one_session_are_logged_in_at_the_same_time(
    whatsapp_server, whatsapp_template, whatsapp_contact, bot, tmp_path
):
    first, second = (whatsapp_template.copy(whatsapp_server, tmp_path / name) for name in ("a.db", "b.db"))
    with (
        first.run(bot, str(first.store), whatsapp_contact.phone) as one,
        second.run(bot, str(second.store), whatsapp_contact.phone) as two,
    ):
        one.wait_for("SENT")
        two.wait_for("SENT")
    assert len(first.account.messages) == len(second.account.messages) == 1
    assert {message.sender for message in whatsapp_contact.inbox} == {*first.account.devices, *second.account.devices}


def test_a_copied_session_has_no_pending_messages_and_requests_nothing_from_its_phone(
    whatsapp_server, whatsapp_session, whatsapp_contact, bot
):
    (device,) = whatsapp_session.account._account.companions.values()
    assert whatsapp_session.account.synchronized
    assert not device.waiting
    with whatsapp_session.run(bot, str(whatsapp_session.store), whatsapp_contact.phone) as process:
        process.wait_for("SENT")
    said = [line.text for line in whatsapp_server.log if line.who == whatsapp_session.account.devices[0]]
    assert not [text for text in said if 'category="peer"' in text or "w:sync:app:state" in text]


def test_the_error_names_a_bot_script_that_does_not_exist(whatsapp_session, tmp_path):
    with (
        whatsapp_session.run(tmp_path / "nobody.py") as process,
        pytest.raises(AssertionError, match=r"the rehearsal cannot start: there is no .*nobody\.py"),
    ):
        process.wait_for("ready")


def test_the_error_shows_the_output_of_a_bot_that_exits_too_early(whatsapp_session, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no configuration')", encoding="utf-8")
    with whatsapp_session.run(broken) as process, pytest.raises(AssertionError, match="no configuration"):
        process.wait_for("ready")
