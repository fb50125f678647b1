"""Real, unmodified Baileys against the simulator: what a bot in Node does, from the QR code to the logout."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from diagnostics.simulator import Certificate, Event, Fault, SimulatedAccount
from diagnostics.testing.sessions import PairedSession, Template
from tests.check_runs import ROOT
from tests.simulation import Simulation
from tests.simulator.real import eventually

from .node import HERE, Node, Session, missing, running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("baileys")) as node:
        yield node


@pytest.fixture(scope="module")
def bot(node: Node) -> Session:
    """A session that is linked and logged in, for all tests that leave it so."""
    return node.session().pair()


@pytest.fixture
def contact(node: Node) -> SimulatedAccount:
    return node.server.add_account(name="contact")


@pytest.fixture(scope="module")
def png() -> bytes:
    out = BytesIO()
    Image.effect_noise((64, 48), 80).save(out, "PNG")
    return out.getvalue()


# Linking and logging in


def test_a_session_is_linked_by_qr_code_and_logs_in_again_with_what_it_has_saved(node):
    session = node.session().pair()
    assert len(session.account.devices) == 1
    session.end()
    session.open()
    session.heard(connection="open")
    assert len(session.account.devices) == 1


def test_a_session_is_linked_by_a_code_that_is_typed_into_the_phone(node, contact):
    session = node.session()
    session.open()
    session.heard(qr=...)
    code = session.call("requestPairingCode", session.account.phone)
    asked = f"a code to be typed into the phone of {session.account.phone}"
    assert eventually(lambda: any(asked in line.text for line in node.server.log))
    node.server.type_code(code, session.account)
    session.heard(connection="open")
    session.call("sendMessage", contact.jid, {"text": "linked by a code"})
    assert eventually(lambda: contact.texts == ("linked by a code",))


def test_a_session_that_the_phone_unlinks_ends_with_401_and_cannot_come_back(node):
    session = node.session().pair()
    node.server.unlink(session.account, session.account.devices[0])
    assert session.heard(connection="close")["code"] == 401
    session.open()
    assert session.heard(connection="close")["code"] == 401


def test_a_session_that_logs_out_is_not_a_device_of_the_account_any_more(node):
    session = node.session().pair()
    session.call("logout")
    assert session.heard(connection="close")["code"] == 401
    assert eventually(lambda: session.account.devices == ())


def test_the_release_under_test_accepts_a_certificate_that_another_root_has_signed(node):
    # Once it does not, docs/simulator.md is out of date.
    node.server.apply(None, [Fault(Event.HELLO, Certificate("root"))])
    try:
        session = node.session()
        session.open()
        session.heard(qr=...)
        session.end()
    finally:
        node.server.apply(None, [])


# Messages


def test_a_text_is_read_by_the_contact_s_phone_and_acknowledged(bot, contact):
    sent = bot.call("sendMessage", contact.jid, {"text": "hello from Node"})
    assert eventually(lambda: contact.texts == ("hello from Node",))
    assert contact.inbox[0].id == sent["key"]["id"]
    assert contact.inbox[0].chat == bot.account.phone
    assert [message.error for message in bot.account.messages if message.id == sent["key"]["id"]] == [None]


def test_texts_of_the_contact_arrive_and_are_said_to_have_arrived(bot, contact):
    for text in ("first", "second"):  # the second one by the session that the first one has made
        contact.send_text(bot.account, text)
        assert bot.heard(event="message", text=text)["from"] == contact.lid
    assert eventually(lambda: len({receipt.ids for receipt in contact.receipts}) == 2)
    bot.call("sendMessage", contact.lid, {"text": "an answer"})
    assert eventually(lambda: contact.texts == ("an answer",))


def test_what_arrives_while_the_bot_is_away_waits_for_it(node, contact):
    session = node.session().pair()
    session.end()
    contact.send_text(session.account, "are you there?")
    session.open()
    session.heard(event="message", text="are you there?")


def test_an_image_of_the_contact_is_fetched_and_decrypted_byte_for_byte(bot, contact, png):
    contact.send_image(bot.account, png, caption="look")
    assert base64.b64decode(bot.heard(event="message", text="look")["image"]) == png


def test_an_image_is_uploaded_and_the_contact_s_phone_has_it_byte_for_byte(node, bot, contact, png, tmp_path):
    source, saved = tmp_path / "source.png", tmp_path / "saved.png"
    source.write_bytes(png)
    content = {"image": {"url": str(source)}, "caption": "look", "mimetype": "image/png", "jpegThumbnail": ""}
    bot.call("sendMessage", contact.jid, content)
    assert eventually(lambda: contact.texts == ("look",))
    contact.save(contact.inbox[0], saved)
    assert saved.read_bytes() == png
    assert png not in {upload.file.read() for upload in node.server.uploads}


def test_a_group_is_written_to_and_answers(node, bot, contact):
    third = node.server.add_account()
    group = node.server.add_group("friends", [bot.account, contact, third])
    for text in ("to all", "again"):  # the second one needs no key any more
        bot.call("sendMessage", group, {"text": text})
        assert eventually(lambda text=text: contact.texts[-1:] == third.texts[-1:] == (text,))
    contact.send_text(group, "all right")
    heard = bot.heard(event="message", text="all right")
    assert (heard["from"], heard["author"]) == (group, contact.lid)


def test_two_bots_write_to_each_other_alone_and_in_a_group(node, bot):
    other = node.session().pair()
    bot.call("sendMessage", other.account.jid, {"text": "from one bot"})
    assert other.heard(event="message", text="from one bot")["from"] == bot.account.lid
    other.call("sendMessage", bot.account.lid, {"text": "to the other"})
    bot.heard(event="message", text="to the other")
    group = node.server.add_group("bots", [bot.account, other.account])
    for sender, listener, text in ((bot, other, "hello, bots"), (other, bot, "hello, bot")):
        sender.call("sendMessage", group, {"text": text})
        assert listener.heard(event="message", text=text)["from"] == group
    assert other.account.texts == ("from one bot", "hello, bots")  # its phone has them, too


def test_a_bot_in_node_and_one_in_python_write_to_each_other(node, bot, tmp_path):
    python = Template.link(node.server, tmp_path)
    session = PairedSession(python.store, python.account, node.server)
    with session.run(ROOT / "docs" / "examples" / "echo_bot.py", str(session.store)) as running:
        running.wait_for("ready")
        bot.call("sendMessage", python.account.jid, {"text": "node to neonize"})
        bot.heard(event="message", text="NODE TO NEONIZE")


def test_a_phone_that_has_lost_its_sessions_asks_again_and_reads_the_text(bot, contact):
    bot.call("sendMessage", contact.jid, {"text": "one"})
    assert eventually(lambda: contact.texts == ("one",))
    contact.forget_sessions()
    bot.call("sendMessage", contact.jid, {"text": "two"})
    assert eventually(lambda: contact.texts == ("one", "two"))


# Questions


def test_numbers_are_looked_up(bot, contact):
    assert bot.call("onWhatsApp", contact.phone, "19995550000") == [{"jid": contact.jid, "exists": True}]


def test_what_baileys_asks_by_itself_is_answered_without_an_error(node, bot):
    for question in ("digestKeyBundle", "rotateSignedPreKey", "fetchBlocklist", "uploadPreKeysToServerIfRequired"):
        bot.call(question)
    log = [str(line) for line in node.server.log]
    assert [line for line in log if "<error code=" in line and "stream:error" not in line] == []


def test_what_a_bot_says_of_itself_and_of_others_is_kept(bot, contact):
    bot.call("updateProfileName", "Echo")  # among the encrypted settings that devices share, and then for all to see
    assert eventually(lambda: bot.account.push_name == "Echo")
    bot.call("updateLastSeenPrivacy", "none")
    assert bot.call("fetchPrivacySettings", True)["last"] == bot.account.privacy["last"] == "none"
    contact.send_text(bot.account, "whoever I am")
    bot.heard(event="message", text="whoever I am")
    bot.call("updateBlockStatus", contact.jid, "block")
    assert bot.call("fetchBlocklist") == [*bot.account.blocked] == [contact.lid]
    bot.call("updateBlockStatus", contact.jid, "unblock")


def test_a_question_that_nobody_knows_is_refused_and_not_left_open(bot):
    with pytest.raises(AssertionError, match="feature-not-implemented"):
        bot.call("getBotListV2")


# The rehearsal


def command(node: Node, folder: Path, bot: Path) -> list[str]:
    """An unmodified bot, beside the Baileys of these tests."""
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    shutil.copy(bot, folder / "bot.mjs")
    return ["node", "--import", str(node.server.node_preload), str(folder / "bot.mjs")]


def test_the_bot_of_the_documentation_is_linked_at_a_prompt_and_answers(node, tmp_path):
    simulation = Simulation("--scan")
    owner, contact = simulation.read()["phone"], simulation.where["contact"]
    bot = command(node, tmp_path, ROOT / "docs" / "examples" / "echo_bot.mjs")
    assert simulation.where["run_node"].startswith(" ".join(bot[:3]))
    env = {**os.environ, **simulation.where["environment"]}
    with subprocess.Popen([*bot, str(tmp_path / "session")], env=env, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("QR "):
                assert simulation.ask(line.removeprefix("QR ").strip())["scanned"]
            if line.startswith("ready"):
                simulation.ask(f'write {contact} {owner} "good morning"')
                assert eventually(lambda: simulation.ask(f"inbox {contact}")["texts"] == ["GOOD MORNING"])
                simulation.ask(f"unlink {owner}")
            if line.startswith("logged out"):
                break
        process.kill()
    simulation.close()


def rehearsed(node: Node, folder: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    (folder / "written.mjs").write_text(script, encoding="utf-8")
    bot = command(node, folder, folder / "written.mjs")
    return subprocess.run(bot, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def test_a_rehearsal_without_a_simulator_does_not_start(node, tmp_path):
    done = rehearsed(node, tmp_path, "console.log('the bot runs')", WADIAG_NOISE_ROOT="")
    assert done.returncode == 1
    assert done.stderr.startswith("the rehearsal cannot start: WADIAG_NOISE_ROOT")
    assert done.stdout == ""


def test_a_rehearsing_bot_trusts_the_simulator_s_root_instead_of_whatsapp_s(node, tmp_path):
    script = 'import { WA_CERT_DETAILS as it } from "baileys"; console.log(it.PUBLIC_KEY.toString("hex"));'
    done = rehearsed(node, tmp_path, script, **node.server.bot_environment())
    assert done.stdout.strip() == node.server.noise_root.hex()


def test_a_rehearsing_bot_looks_no_host_up(node, tmp_path):
    script = """
        import https from "node:https";
        https.get({ host: "web.whatsapp.com", agent: false }).on("error", (error) => console.log(error.message));
    """
    done = rehearsed(node, tmp_path, script, **node.server.bot_environment())
    assert done.stdout.startswith("web.whatsapp.com is not looked up in a rehearsal"), done.stderr
