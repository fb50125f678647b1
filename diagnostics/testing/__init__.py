"""pytest fixtures for tests of WhatsApp bots: a server, linked sessions, and a contact to write to.

    def test_the_bot_answers(whatsapp_session, whatsapp_contact):
        with whatsapp_session.run("bot.py", str(whatsapp_session.store)) as bot:
            bot.wait_for("ready")
            whatsapp_contact.send_text(whatsapp_session.account, "ping")
            assert eventually(lambda: whatsapp_contact.texts == ("pong",))

Each test has accounts of its own, so tests may run in parallel in one process and under xdist. Nothing leaves
127.0.0.1. A bot runs in a process of its own, because neonize reads the environment that its process was started with.
Calls of the fixtures block; in asyncio code, run them with `asyncio.to_thread`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from diagnostics.simulator import SimulatedAccount, WhatsAppServer
    from diagnostics.testing.sessions import PairedSession, Template, eventually

__all__ = ["eventually", "whatsapp_contact", "whatsapp_server", "whatsapp_session", "whatsapp_template"]

# Every pytest run loads this plugin, so modules are imported only when a test uses a fixture.
# ruff: noqa: PLC0415


def __getattr__(name: str) -> object:
    if name != "eventually":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from diagnostics.testing.sessions import eventually

    return eventually


@pytest.fixture(scope="session")
def whatsapp_server() -> Iterator[WhatsAppServer]:
    """A simulated WhatsApp server on 127.0.0.1, one for the whole run."""
    from diagnostics.simulator import Settings, WhatsAppServer

    with WhatsAppServer(settings=Settings(share_settings=True)) as server:
        yield server


@pytest.fixture(scope="session")
def whatsapp_template(whatsapp_server: WhatsAppServer, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The session that the others are copied from; `whatsapp_template.copy(whatsapp_server, path)` makes a copy."""
    from diagnostics.testing.sessions import Template

    return Template.link(whatsapp_server, tmp_path_factory.mktemp("whatsapp-template"))


@pytest.fixture
def whatsapp_session(whatsapp_server: WhatsAppServer, whatsapp_template: Template, tmp_path: Path) -> PairedSession:
    """A neonize store that is linked to an account of its own and can log in."""
    return whatsapp_template.copy(whatsapp_server, tmp_path / "whatsapp.sqlite3")


@pytest.fixture
def whatsapp_contact(whatsapp_server: WhatsAppServer) -> SimulatedAccount:
    """A contact with a phone, for this test only."""
    return whatsapp_server.add_account(name="contact")
