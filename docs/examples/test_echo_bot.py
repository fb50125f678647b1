"""Its tests: the real bot in a process of its own, the simulator, and somebody who writes to it.

The fixtures come with the installed package (`pip install whatsapp-diagnostics`); nothing is mocked.
"""

import asyncio
from pathlib import Path

from diagnostics.simulator import SCENARIOS, Drop, Event, Fault
from diagnostics.testing import eventually

BOT = Path(__file__).with_name("echo_bot.py")


def test_it_answers_in_capitals(whatsapp_session, whatsapp_contact):
    with whatsapp_session.run(BOT, str(whatsapp_session.store)) as bot:
        bot.wait_for("ready")
        whatsapp_contact.send_text(whatsapp_session.account, "good morning")
        assert eventually(lambda: whatsapp_contact.texts == ("GOOD MORNING",))


def test_it_answers_after_the_server_dropped_its_connection(whatsapp_session, whatsapp_contact, whatsapp_server):
    with whatsapp_session.run(BOT, str(whatsapp_session.store)) as bot:
        bot.wait_for("ready")
        whatsapp_server.apply(whatsapp_session.account, [Fault(Event.TIME, Drop())])
        whatsapp_contact.send_text(whatsapp_session.account, "still there?")
        assert eventually(lambda: whatsapp_contact.texts == ("STILL THERE?",))


def test_a_refused_answer_does_not_reach_the_contact(whatsapp_session, whatsapp_contact, whatsapp_server):
    with whatsapp_session.run(BOT, str(whatsapp_session.store)) as bot:
        bot.wait_for("ready")
        whatsapp_server.apply(whatsapp_session.account, SCENARIOS["ack-refused"].faults)
        whatsapp_contact.send_text(whatsapp_session.account, "hello")
        assert eventually(lambda: [m.error for m in whatsapp_session.account.messages] == [463])
        assert whatsapp_contact.texts == ()


async def test_it_works_from_asyncio_too(whatsapp_session, whatsapp_contact):
    with whatsapp_session.run(BOT, str(whatsapp_session.store)) as bot:
        await asyncio.to_thread(bot.wait_for, "ready")
        await asyncio.to_thread(whatsapp_contact.send_text, whatsapp_session.account, "hello")
        assert await asyncio.to_thread(eventually, lambda: whatsapp_contact.texts == ("HELLO",))
