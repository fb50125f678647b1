from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from diagnostics.simulator import (
    SCENARIOS,
    NotOurHost,
    ScanRefused,
    Scenario,
    SimulatorError,
    WhatsAppServer,
)
from diagnostics.simulator.io.tunnel import Tunnel
from tests.simulator.io.leftovers import Belongings
from tests.simulator.io.websocket import WebSocket, opened

CONNECT = "CONNECT web.whatsapp.com:443 HTTP/1.1\r\nHost: web.whatsapp.com:443\r\n\r\n"
PATIENCE = 20.0  # s for what takes a few milliseconds


@pytest.fixture(scope="module")
def server() -> Iterator[WhatsAppServer]:
    with WhatsAppServer() as server:
        yield server


def dial(server: WhatsAppServer) -> socket.socket:
    address = urlsplit(server.proxy_url)
    assert address.port is not None
    return socket.create_connection(("127.0.0.1", address.port), timeout=PATIENCE)


def answer_to(server: WhatsAppServer, request: str) -> str:
    """The proxy's answer to a request, until it closes the connection."""
    with dial(server) as sock:
        sock.sendall(request.encode())
        received = b""
        while chunk := sock.recv(4096):
            received += chunk
    return received.decode()


def tunnel(server: WhatsAppServer, host: str = "web.whatsapp.com") -> socket.socket:
    """A connection on which the proxy has said yes."""
    sock = dial(server)
    sock.sendall(CONNECT.replace("web.whatsapp.com", host).encode())
    assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    return sock


def trusting(server: WhatsAppServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def websocket(server: WhatsAppServer, path: str = "/ws/chat") -> WebSocket:
    return opened(tunnel(server), trusting(server), path)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds in time: the client may see the end before the server has logged it."""
    until = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < until:
        time.sleep(0.002)
    return holds()


# The client's environment


def test_the_environment_is_known_before_the_start_and_leads_nowhere() -> None:
    server = WhatsAppServer()
    try:
        environment = server.client_environment()
        assert environment["SSL_CERT_FILE"] == str(server.ca_file)
        assert environment["NO_PROXY"] == ""
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            address = urlsplit(environment[name])
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=1)
        assert not server.ca_file.exists()
        server.start()
        assert server.ca_file.exists()
    finally:
        server.close()


def test_only_the_clients_of_this_server_trust_it(server: WhatsAppServer) -> None:
    for host in ("web.whatsapp.com", "mmg.whatsapp.net"):
        with trusting(server).wrap_socket(tunnel(server, host), server_hostname=host) as tls:
            assert tls.version() == "TLSv1.3"
    sock = tunnel(server)
    with pytest.raises(ssl.SSLCertVerificationError), sock:
        ssl.create_default_context().wrap_socket(sock, server_hostname="web.whatsapp.com")


def test_what_is_written_is_for_this_user_only(server: WhatsAppServer) -> None:
    folder = server.ca_file.parent
    assert folder.stat().st_mode & 0o077 == 0
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert files.pop("in-use.lock") == 0
    assert list(files) == ["ca.pem"], "the private key of the leaf is gone"
    assert "PRIVATE" not in server.ca_file.read_text()


# The proxy


@pytest.mark.parametrize(
    "host", ["example.org:443", "web.whatsapp.com:80", "127.0.0.1:22", "web.whatsapp.com.evil:443", ""]
)
def test_any_other_host_is_refused(server: WhatsAppServer, host: str) -> None:
    assert answer_to(server, f"CONNECT {host} HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403 ")
    assert "nothing leaves this machine" in server.log[-1].text


@pytest.mark.parametrize(
    "request_", ["GET http://web.whatsapp.com/ HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", CONNECT + "early"]
)
def test_anything_but_connect_is_refused(server: WhatsAppServer, request_: str) -> None:
    assert answer_to(server, request_).startswith("HTTP/1.1 405 ")


def test_an_endless_request_is_refused(server: WhatsAppServer) -> None:
    assert answer_to(server, "CONNECT " + "x" * 9000).startswith("HTTP/1.1 431 ")


def test_bytes_that_are_not_tls_end_that_connection_with_a_line(server: WhatsAppServer) -> None:
    with tunnel(server) as sock:
        sock.sendall(b"this is not TLS, is it? " * 10)
        while sock.recv(4096):
            pass
    assert eventually(lambda: "no TLS with a client of web.whatsapp.com" in server.log[-1].text)


def test_only_the_websocket_of_whatsapp_is_there(server: WhatsAppServer) -> None:
    with websocket(server, "/other") as refused:
        assert refused.status == 404


def test_text_on_the_websocket_is_refused(server: WhatsAppServer) -> None:
    with websocket(server) as client:
        client.send("text")
        assert client.closed() == 1003


def test_bytes_outside_the_protocol_end_the_websocket_with_a_line(server: WhatsAppServer) -> None:
    with websocket(server) as client:
        client.send(b"WA\6\2")
        client.closed()
    assert eventually(lambda: any("token dictionary 2" in line.text for line in server.log))


def test_the_media_host_speaks_http(server: WhatsAppServer) -> None:
    host = "mmg.whatsapp.net"
    with trusting(server).wrap_socket(tunnel(server, host), server_hostname=host) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: mmg.whatsapp.net\r\n\r\n")
        assert tls.recv(4096).startswith(b"HTTP/1.1 404 ")
        tls.sendall(b"\0\0\0\0\r\n\r\n")
        assert tls.recv(4096) == b""


def test_a_defect_of_the_simulator_ends_one_connection_only(
    server: WhatsAppServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(Tunnel, "_connect", broken)
        with contextlib.suppress(ConnectionResetError):
            assert answer_to(server, CONNECT) == ""
    assert "the simulator failed on a connection" in caplog.text
    tunnel(server).close()


# Calls about accounts


def test_a_scan_of_a_malformed_code_is_refused_where_it_was_called(server: WhatsAppServer) -> None:
    with pytest.raises(ScanRefused, match="not a WhatsApp QR code"):
        server.scan("hello", server.add_account())


def test_accounts_have_numbers_and_nobody_linked() -> None:
    with WhatsAppServer() as server:
        first, second = server.add_account(), server.add_account("491701234567")
        assert (first.phone, second.phone) == ("15550000001", "491701234567")
        assert (second.jid, second.messages, second.devices) == ("491701234567@s.whatsapp.net", (), ())
        assert server.contact.phone == "15550009999"
        with pytest.raises(SimulatorError, match="already"):
            server.add_account(second.phone)


def test_an_account_of_another_server_is_refused(server: WhatsAppServer) -> None:
    with WhatsAppServer() as other:
        stranger = other.add_account()
    with pytest.raises(SimulatorError, match="another server"):
        server.scan("2@a,b,c,d", stranger)
    with pytest.raises(SimulatorError, match="another server"):
        server.apply(stranger, ())


# Start and shutdown


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "localhost", "10.0.0.1", ""])  # noqa: S104 - must be refused
def test_no_address_but_loopback_is_taken(host: str) -> None:
    server = WhatsAppServer(host=host)
    with pytest.raises(NotOurHost, match=r"listens on 127\.0\.0\.1 only"):
        server.start()
    assert not server.ca_file.parent.exists()


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing(server: WhatsAppServer) -> None:
    other = WhatsAppServer(port=int(urlsplit(server.proxy_url).port or 0))
    with pytest.raises(OSError, match="in use"):
        other.start()
    assert not other.ca_file.parent.exists()


def test_a_server_runs_once() -> None:
    server = WhatsAppServer()
    with pytest.raises(SimulatorError, match="not running"):
        _ = server.proxy_url
    with server, pytest.raises(SimulatorError, match="started before"):
        server.start()
    server.close()
    with pytest.raises(SimulatorError, match="started before"):
        server.start()
    with pytest.raises(SimulatorError, match="not running"):
        server.add_account()
    assert server.log == ()


def test_a_server_that_never_started_leaves_nothing() -> None:
    server = WhatsAppServer()
    folder = server.ca_file.parent
    assert folder.exists()
    del server
    assert not folder.exists()


def test_a_client_that_never_says_who_it_is_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.simulator.io.tunnel._BEGIN_SECONDS", 0.05)
    with WhatsAppServer() as server:
        for client in (dial(server), tunnel(server)):
            with client:
                assert client.recv(1) == b""


def test_the_end_leaves_no_thread_no_socket_and_no_file() -> None:
    """With a client in every phase of a connection."""
    threads = threading.enumerate()
    server = WhatsAppServer().start()
    folder, its = server.ca_file.parent, Belongings(server)
    waiting = [dial(server), tunnel(server), tunnel(server, "mmg.whatsapp.net")]
    secure = trusting(server).wrap_socket(tunnel(server), server_hostname="web.whatsapp.com")
    socket_ = websocket(server)
    assert len(its.open()) == 12, "both ends of five connections, where it listens, and its lock"
    begun = time.perf_counter()
    server.close()
    assert time.perf_counter() - begun < 1
    assert not folder.exists()
    for client in (*waiting, secure, socket_):
        client.close()
    assert threading.enumerate() == threads
    assert its.open() == set()


def test_a_client_that_connects_during_the_shutdown_leaves_no_socket_open() -> None:
    gc.collect()
    gc.disable()  # objects that only the garbage collector frees stay
    try:
        server = WhatsAppServer().start()
        its = Belongings(server)
        late = [dial(server) for _ in range(20)]
        server.close()
        for client in late:
            client.close()
        assert its.open() == set()
    finally:
        gc.enable()


async def test_servers_in_one_process_know_nothing_of_each_other() -> None:
    servers = [WhatsAppServer() for _ in range(4)]
    await asyncio.gather(*(asyncio.to_thread(server.start) for server in servers))
    try:
        assert len({server.proxy_url for server in servers}) == 4
        assert len({server.noise_root for server in servers}) == 4
        servers[0].add_account("15550004444")
        assert servers[1].add_account("15550004444").devices == ()
    finally:
        for server in servers:
            server.close()


def test_every_scenario_has_a_name_and_a_summary() -> None:
    assert list(SCENARIOS) == [
        *("healthy", "missing", "unpaired", "logged-out", "replaced", "connecting", "closed", "zombie"),
        *("unknown-state", "outdated", "banned", "ack-refused", "ack-lost", "media-down"),
    ]
    assert all(isinstance(scenario, Scenario) and scenario.summary for scenario in SCENARIOS.values())
    assert {scenario.name for scenario in SCENARIOS.values() if scenario.store != "paired"} == {"missing", "unpaired"}
