"""The troubleshooting guide's whole path as one test: from no session to the first message, and back after a logout."""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx2
import pytest
import zxingcpp
from PIL import Image

from diagnostics.evidence import probe_messages
from diagnostics.testing.sessions import eventually
from tests.serving import TOKEN, serving


@pytest.fixture
def curl(whatsapp_server, tmp_path) -> Iterator[httpx2.Client]:
    """Plain requests with the token, as the guide makes them."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(whatsapp_server, tmp_path) as url, httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        yield client


def scan(curl: httpx2.Client, whatsapp_server, account) -> None:
    """Get the QR code's picture, and read it off with a camera."""
    picture = curl.get("/whatsapp/qr-image/testing")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.headers["cache-control"] == "no-store"
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    whatsapp_server.scan(code.text, account)


def healthy(curl: httpx2.Client) -> bool:
    answer = curl.get("/whatsapp/health/testing")
    return answer.status_code == 200 and answer.json()["verdict"] == "healthy"


def test_from_the_first_qr_code_to_the_first_message_and_again_after_a_logout(curl, whatsapp_server):
    account, friend = whatsapp_server.add_account(), whatsapp_server.add_account()
    to = {"sessionId": "testing", "phone": f"+{friend.phone}"}

    # Step 1: the session does not exist, and nothing can be sent with it.
    missing = curl.get("/whatsapp/health/testing")
    assert (missing.status_code, missing.json()["code"]) == (404, "no-such-session")
    assert curl.post("/whatsapp/send-message", json={**to, "message": "too early"}).status_code == 404

    # Step 2: scan the QR code.
    scan(curl, whatsapp_server, account)

    # Step 3: it is connected, which its health says in the words of the guide.
    assert eventually(lambda: healthy(curl))
    health = curl.get("/whatsapp/health/testing").json()
    assert (health["exists"], health["authenticated"], health["send_available"]) == (True, True, True)
    assert (health["socket"]["state"], health["socket"]["value"], health["findings"]) == ("open", 1, [])
    assert curl.get("/whatsapp/qr-image/testing").status_code == 409

    # Step 4: a text, which the friend's phone decrypts, and an image.
    text = curl.post("/whatsapp/send-message?wait=delivered", json={**to, "message": "halo dari gateway"})
    assert (text.status_code, text.json()["status"]) == (200, "delivered")
    files = {"image": ("probe.png", probe_messages.image(), "image/png")}
    image = curl.post("/whatsapp/send-image?wait=delivered", data={**to, "caption": "gambar"}, files=files)
    assert (image.status_code, image.json()["status"]) == (200, "delivered")
    assert friend.texts[0] == "halo dari gateway"
    assert [message.kind for message in friend.inbox] == ["text", "image"]

    # The phone unlinks the device: unhealthy, and the caller is told why, and what to do.
    whatsapp_server.unlink(account, account.devices[0])
    assert eventually(lambda: not healthy(curl))
    sick = curl.get("/whatsapp/health/testing", headers={"Accept-Language": "id"})
    assert sick.status_code == 503
    assert sick.json()["findings"][0]["cause"] == "device-removed"
    assert sick.json()["message"].startswith("Session 'testing' tidak dalam kondisi sehat: ")
    refused = curl.post("/whatsapp/send-message", json={**to, "message": "too late"})
    assert (refused.status_code, refused.json()["code"]) == (409, "session-unhealthy")
    assert refused.json()["remedy"]

    # And again.
    scan(curl, whatsapp_server, account)
    assert eventually(lambda: healthy(curl))
    again = curl.post("/whatsapp/send-message", json={**to, "message": "halo lagi"})
    assert (again.status_code, again.json()["status"] in {"acknowledged", "delivered"}) == (200, True)
    assert eventually(lambda: friend.texts[-1] == "halo lagi")
