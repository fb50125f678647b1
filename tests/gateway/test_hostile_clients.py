"""A real `wadiag serve` whose port is reached by somebody who means it no good."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from diagnostics.testing import eventually
from tests.serving import TOKEN, ServedGateway, served

FILES = 256  # that the gateway may open: fewer than connections are made here
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def gateway(whatsapp_server, tmp_path_factory) -> Iterator[ServedGateway]:
    with served(whatsapp_server, tmp_path_factory.mktemp("hostile"), files=FILES) as gateway:
        yield gateway


def connected(gateway: ServedGateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=30)


def answered(gateway: ServedGateway, request: bytes) -> bytes:
    """All that the gateway sends until it closes the connection."""
    with connected(gateway) as caller:
        caller.sendall(request)
        answer = b""
        while chunk := caller.recv(65536):
            answer += chunk
    return answer


def log_of(gateway: ServedGateway) -> str:
    return gateway.log.read_text(encoding="utf-8")


def test_more_connections_than_it_may_open_files_keep_nobody_from_being_answered(gateway):
    with contextlib.ExitStack() as open_ones:
        for _ in range(3 * FILES):
            caller = open_ones.enter_context(connected(gateway))
            with contextlib.suppress(OSError):  # it may be closed by now: another one came
                caller.sendall(b"G")
        for _ in range(3):
            assert httpx2.get(f"{gateway.url}/livez", timeout=30).json() == {"status": "ok"}
        opened = len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))
        assert opened < FILES * 3 // 4
    log = log_of(gateway)
    assert "too many connections" in log
    assert "out of system resource" not in log
    assert "Traceback" not in log
    assert len(log) < MEGABYTE / 10


def test_requests_without_a_token_do_not_fill_the_log(gateway):
    before = len(log_of(gateway).splitlines())
    with httpx2.Client(base_url=gateway.url, timeout=30) as http:
        for _ in range(300):
            assert http.get("/whatsapp/sessions").status_code == 401
    upgrade = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nConnection: close\r\nUpgrade: h2c\r\n\r\n"
    for junk in (b"\x16\x03\x01 TLS, perhaps\r\n\r\n", upgrade):
        for _ in range(100):
            answered(gateway, junk)
    assert len(log_of(gateway).splitlines()) - before < 250
    with httpx2.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as http:
        before = log_of(gateway).count("by=default")
        for _ in range(100):
            http.get("/whatsapp/sessions").raise_for_status()
    assert eventually(lambda: log_of(gateway).count("by=default") == before + 100)  # of a known caller every one


def test_the_log_says_how_many_lines_were_left_out(gateway):
    for _ in range(70):
        answered(gateway, b"no HTTP\r\n\r\n")

    def said() -> bool:
        answered(gateway, b"no HTTP\r\n\r\n")
        return (
            re.search(r"Invalid HTTP request received\. \(\d+ lines like this were left out\)", log_of(gateway))
            is not None
        )

    assert eventually(said)


@pytest.mark.parametrize(
    "headers",
    [b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"transfer-encoding: chunked\r\ncontent-length: 999"],
)
@pytest.mark.parametrize("path", [b"/livez", b"/whatsapp/send-message", b"/page/sign-in"])
def test_a_length_beside_a_transfer_encoding_is_refused_and_what_follows_is_no_request(gateway, path, headers):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    request = b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n" + headers
    answer = answered(gateway, request + b"\r\n\r\n0\r\n\r\n" + smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "ambiguous-length"' in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_guessing_tokens_at_the_sign_in_form_is_slowed_down_and_logged(gateway):
    with httpx2.Client(base_url=gateway.url, timeout=30) as http:
        for _ in range(10):
            assert "This token is not valid here." in http.post("/page/sign-in", data={"token": "a-guess"}).text
        for token in ("a-guess", TOKEN):
            refused = http.post("/page/sign-in", data={"token": token})
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["Retry-After"]) <= 6
            assert "Too many tokens from your address were not valid. Try again in" in refused.text
        assert http.get("/whatsapp/sessions", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert eventually(lambda: log_of(gateway).count("sign-in refused: no valid token, from 127.0.0.1") == 10)
    assert "a-guess" not in log_of(gateway)
