"""The real neonize client and a contact's private keys.

What the client hands over is taken where the server records it; what the client is given goes out on its connection.
Whether the client could read that is seen from its receipt: "inactive" (delivered, in the background) or "retry".
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import time
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from diagnostics.simulator import WhatsAppServer, messages, stream
from diagnostics.simulator.accounts import Account, Companion
from diagnostics.simulator.e2e import media, payload, retry, stanzas
from diagnostics.simulator.e2e.device import Device
from diagnostics.simulator.e2e.errors import Undecipherable
from diagnostics.simulator.e2e.media import Attachment
from diagnostics.simulator.e2e.retry import Asked
from diagnostics.simulator.e2e.stanzas import Party
from diagnostics.simulator.stanza import Node, leaf
from diagnostics.simulator.stream import State
from diagnostics.targets.neonize import pairing, protocol
from diagnostics.targets.neonize.process import Worker, environment
from tests.simulator.e2e.devices import PhoneKeys

DEADLINE = 15.0  # seconds
SESSION = "bot"


class Rehearsal:
    """A logged-in client, its account's phone and a contact, both played with their private keys."""

    def __init__(self, server: WhatsAppServer, worker: Worker, account: Account, companion: Companion) -> None:
        self.server = server
        self.worker = worker
        self.handed_over: queue.Queue[Node] = queue.Queue()
        self.receipts: queue.Queue[Node] = queue.Queue()
        self.account = account
        self.companion = companion
        self.contact_account = server.contact._account
        self.client = Party.of(account.device_jid(companion.id), account.device_lid(companion.id))
        self.phone = Party(account.jid, account.lid_jid)
        self.contact = Party(self.contact_account.jid, self.contact_account.lid_jid)
        self.devices = {
            self.phone: Device(PhoneKeys(account.primary), secrets.token_bytes),
            self.contact: Device(PhoneKeys(self.contact_account.primary), secrets.token_bytes),
        }

    async def send_text(self, text: str) -> Node:
        """What the client hands over."""
        await self.worker.call(protocol.SendText(SESSION, self.server.contact.phone, text), DEADLINE)
        return await self.next(self.handed_over)

    async def send_image(self, image: bytes, caption: str) -> Node:
        await self.worker.call(protocol.SendImage(SESSION, self.server.contact.phone, image, caption), DEADLINE)
        return await self.next(self.handed_over)

    def read(self, recipient: Party, node: Node) -> stanzas.Received:
        account_key = self.account.primary.identity.public
        return stanzas.read(self.devices[recipient], recipient, self.client, node, account_key)

    async def deliver(self, node: Node) -> Node:
        """Give the client a stanza; its receipt."""
        self.say(node)
        return await self.next(self.receipts)

    def say(self, node: Node) -> None:
        jid = self.account.device_jid(self.companion.id)
        self.server._do(lambda shell: shell.hub._online[jid]._say(node, shell.now()))

    def seal(self, sender: Party, message: Any) -> Node:
        bundle = self.companion.bundle
        return stanzas.seal(self.devices[sender], self.client.lid, message, bundle, secrets.token_bytes)

    async def next(self, stanzas_: queue.Queue[Node]) -> Node:
        return await asyncio.to_thread(stanzas_.get, timeout=DEADLINE)


@pytest.fixture
async def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rehearsal]:
    with WhatsAppServer() as server:
        worker = Worker(environment(server.client_environment()))
        try:
            await worker.hello(DEADLINE, server.noise_root)
            account, store = server.add_account(), tmp_path / "store.sqlite3"
            await pairing.pair(
                worker,
                SESSION,
                store,
                show=lambda code: server.scan(code, account),
                deadline=DEADLINE,
                proxy=server.proxy_url,
                fast_store=True,
            )
            (companion,) = account._account.companions.values()
            rehearsal = Rehearsal(server, worker, account._account, companion)
            listen(rehearsal, monkeypatch)
            connected = asyncio.Event()
            worker.subscribe(SESSION, lambda push: connected.set() if push.event == "Connected" else None)
            connect = protocol.Connect(SESSION, str(store), proxy=server.proxy_url, fast_store=True)
            await worker.call(connect, DEADLINE)
            await asyncio.wait_for(connected.wait(), DEADLINE)
            yield rehearsal
        finally:
            await worker.close()


def listen(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    take = messages.take

    def take_and_tell(node: Node, *rest: Any) -> Node | None:
        rehearsal.handed_over.put(node)
        return take(node, *rest)

    def tell(_stream: object, node: Node, _now: float) -> None:
        rehearsal.receipts.put(node)

    monkeypatch.setattr(messages, "take", take_and_tell)
    monkeypatch.setitem(stream._HANDLERS, (State.OPEN, "receipt"), tell)


async def test_the_contact_and_the_own_phone_read_what_the_client_sends(rehearsal: Rehearsal) -> None:
    for text in ("hello", "and once more: ✓"):
        node = await rehearsal.send_text(text)
        assert rehearsal.read(rehearsal.contact, node).text == text
        copy = rehearsal.read(rehearsal.phone, node)
        assert (copy.text, copy.own_copy, copy.chat) == (text, True, rehearsal.contact.lid)

    file = BytesIO()
    Image.effect_noise((200, 120), 90).save(file, "PNG")
    image = file.getvalue()
    node = await rehearsal.send_image(image, "look at this")
    received = rehearsal.read(rehearsal.contact, node)
    assert received.text == "look at this"
    attachment = Attachment.of(received.message)
    assert attachment is not None
    (upload,) = rehearsal.server.uploads
    assert upload.path == attachment.path
    opened = BytesIO()
    upload.file.seek(0)
    media.decrypt(upload.file, opened, attachment)
    assert opened.getvalue() == image


async def test_the_client_reads_what_the_contact_and_the_own_phone_send(rehearsal: Rehearsal) -> None:
    """The contact writes first, with the bundle that the client has uploaded."""
    first = rehearsal.seal(rehearsal.contact, payload.text_message("hi"))
    assert first.get("type") == "pkmsg"
    receipt = await rehearsal.deliver(stanzas.deliver([first], id="3A1", sender=rehearsal.contact, now=time.time()))
    assert (receipt.get("id"), receipt.get("type")) == ("3A1", "inactive")

    node = await rehearsal.send_text("hello yourself")
    (enc,) = stanzas.ciphertexts(node, rehearsal.contact)
    assert enc.get("type") == "msg", "the client goes on in the session that the contact has opened"
    assert rehearsal.read(rehearsal.contact, node).text == "hello yourself"

    second = rehearsal.seal(rehearsal.contact, payload.text_message("fine"))
    assert second.get("type") == "msg"
    by_number = stanzas.deliver(
        [second], id="3A2", sender=rehearsal.contact, now=time.time(), name="Eve", addressing="pn"
    )
    assert (await rehearsal.deliver(by_number)).get("type") == "inactive"

    written = payload.own_copy(payload.text_message("from the phone"), rehearsal.contact.lid)
    copy = rehearsal.seal(rehearsal.phone, written)
    node = stanzas.deliver([copy], id="3A3", sender=rehearsal.phone, now=time.time(), chat=rehearsal.contact)
    assert (await rehearsal.deliver(node)).get("type") == "sender"


async def test_what_either_side_cannot_read_is_sent_again(rehearsal: Rehearsal) -> None:
    message = payload.text_message("again")
    device = rehearsal.devices[rehearsal.contact]
    good = rehearsal.seal(rehearsal.contact, message)
    damaged = leaf("enc", good.data[:-1] + bytes((good.data[-1] ^ 1,)), v="2", type=good.get("type"))
    receipt = await rehearsal.deliver(stanzas.deliver([damaged], id="3A1", sender=rehearsal.contact, now=time.time()))
    asked = Asked.read(receipt)
    assert (receipt.get("type"), asked.id, asked.count) == ("retry", "3A1", 1)
    enc = retry.answer(device, rehearsal.client.lid, asked, message, rehearsal.companion.bundle, secrets.token_bytes)
    receipt = await rehearsal.deliver(stanzas.deliver([enc], id="3A1", sender=rehearsal.contact, now=time.time()))
    assert (receipt.get("id"), receipt.get("type")) == ("3A1", "inactive")

    rehearsal.read(rehearsal.contact, await rehearsal.send_text("hello"))
    device.forget(rehearsal.client.lid)
    node = await rehearsal.send_text("are you there?")
    with pytest.raises(Undecipherable):
        rehearsal.read(rehearsal.contact, node)
    bundle = rehearsal.contact_account.primary.bundle()
    rehearsal.say(
        retry.request(device, node, rehearsal.contact, bundle, sender=rehearsal.client, now=time.time()),
    )
    again = await rehearsal.next(rehearsal.handed_over)
    received = rehearsal.read(rehearsal.contact, again)
    assert (received.id, received.text) == (node.get("id"), "are you there?")
