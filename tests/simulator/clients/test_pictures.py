"""Profile pictures, with the real neonize: set by clients and phones, asked for, and fetched over TLS."""

from __future__ import annotations

import ssl
from io import BytesIO
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

import pytest
from PIL import Image

from diagnostics.neonize.process import CallFailed
from diagnostics.simulator import SimulatedAccount, SimulatorError
from diagnostics.simulator.protocol.stanza import element
from tests.simulator import calls
from tests.simulator.light_client import new_hub, paired_client
from tests.simulator.real import Client, Real, eventually


@pytest.fixture(scope="module")
def client(real: Real) -> Client:
    return real.connected()


@pytest.fixture
def friend(real: Real) -> SimulatedAccount:
    return real.server.add_account()


def jpeg(seed: int = 0) -> bytes:
    image = BytesIO()
    Image.new("RGB", (64, 64), (seed, 0, 0)).save(image, "JPEG")
    return image.getvalue()


def fetch(real: Real, url: str) -> bytes:
    """As a client fetches it: through the proxy, with the server's certificate checked."""
    context = ssl.create_default_context(cafile=str(real.server.ca_file))
    opener = build_opener(ProxyHandler({"https": real.server.proxy_url}), HTTPSHandler(context=context))
    with opener.open(url, timeout=10) as answer:
        data: bytes = answer.read()
    return data


def test_a_contacts_picture_is_found_and_fetched(real: Real, client: Client, friend: SimulatedAccount) -> None:
    friend.set_picture(jpeg())
    shown = client.call(calls.Picture(client.name, friend.jid))
    assert fetch(real, shown["url"]) == jpeg()
    assert client.call(calls.Picture(client.name, friend.lid)) == shown
    assert client.call(calls.UserInfo(client.name, (friend.jid,)))[friend.jid]["picture"] == shown["id"]
    friend.set_picture(jpeg(1))
    assert client.call(calls.Picture(client.name, friend.jid))["id"] != shown["id"]
    with pytest.raises(HTTPError, match="404"):
        fetch(real, shown["url"])


def test_a_small_one_is_asked_for_and_one_that_is_known_is_not_given_again() -> None:
    client = paired_client(new_hub())  # neonize 0.5.2 passes neither on
    client.login()
    account = client.account
    assert account is not None
    number = client.hub.picture_changes.set(account, jpeg(), account, client.now)
    (small,) = client.ask("w:profile:picture", "get", element("picture", query="url", type="preview")).children
    assert (small.get("id"), small.get("type")) == (number, "preview")
    (known,) = client.ask("w:profile:picture", "get", element("picture", query="url", id=number)).children
    assert known.get("status") == "304"


@pytest.mark.parametrize("jid", ["contact", "nobody"])
def test_an_account_without_a_picture_has_none(client: Client, friend: SimulatedAccount, jid: str) -> None:
    whose = friend.jid if jid == "contact" else "19995550000@s.whatsapp.net"
    with pytest.raises(CallFailed, match="does not have a profile picture"):
        client.call(calls.Picture(client.name, whose))


def test_a_picture_is_hidden_by_privacy_or_a_block(client: Client, friend: SimulatedAccount) -> None:
    friend.set_picture(jpeg())
    friend._account.privacy["profile"] = "contacts"
    with pytest.raises(CallFailed, match="hidden their profile picture"):
        client.call(calls.Picture(client.name, friend.jid))
    assert client.call(calls.UserInfo(client.name, (friend.jid,)))[friend.jid]["picture"] == ""
    friend._account.privacy["profile"] = "all"
    friend._account.blocked[client.account.lid] = None
    with pytest.raises(CallFailed, match="hidden their profile picture"):
        client.call(calls.Picture(client.name, friend.jid))


def test_a_client_sets_its_own_picture_and_the_other_devices_are_told(real: Real) -> None:
    client = real.connected()
    second = real.connected(client.account)
    made = client.call(calls.SetPicture(client.name, jpeg(2)))["id"]
    assert client.account.picture == jpeg(2)
    assert second.heard("Picture", jid=client.account.jid).data["by"] == client.account.lid
    assert second.call(calls.Picture(second.name, client.account.jid))["id"] == made
    with pytest.raises(CallFailed, match="not a valid image"):
        client.call(calls.SetPicture(client.name, b"\x89PNG no JPEG"))
    client.account.set_picture(None)
    second.heard("Picture", removed=True)
    assert eventually(lambda: client.account.picture is None)
    with pytest.raises(SimulatorError, match="JPEG"):
        client.account.set_picture(b"GIF89a")


def test_a_group_has_a_picture_for_its_members(real: Real, client: Client, friend: SimulatedAccount) -> None:
    group = real.server.add_group("With a picture", [friend, client.account])
    made = client.call(calls.SetPicture(client.name, jpeg(3), group))["id"]
    client.heard("Picture", jid=group, by=client.account.lid)
    shown = client.call(calls.Picture(client.name, group))
    assert shown["id"] == made
    assert fetch(real, shown["url"]) == jpeg(3)
    others = real.server.add_group("Without us", [friend])
    with pytest.raises(CallFailed, match="hidden"):
        client.call(calls.Picture(client.name, others))
    with pytest.raises(CallFailed, match="403"):
        client.call(calls.SetPicture(client.name, jpeg(), others))
