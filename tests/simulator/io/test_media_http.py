from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import tempfile
from io import BytesIO
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostics.simulator.faults.actions import CutShort, Drop, Event, Garbage, HttpStatus, Silence, Slow
from diagnostics.simulator.faults.fault_plan import Fault, Plan
from diagnostics.simulator.io.media_http import MediaConnection
from diagnostics.simulator.simulator_errors import ProtocolError
from diagnostics.simulator.world import media_store
from diagnostics.simulator.world.account import Account
from diagnostics.simulator.world.media_store import MediaStore
from tests.simulator.light_client import NOW, seeded

BODY = b"encrypted image" * 1000


class Host:
    """A media host with one account that may upload, and one connection to it."""

    def __init__(self) -> None:
        self.files: list[BinaryIO] = []
        self.service = MediaStore(seeded(), self.open)
        self.account = Account("15550000001", "100000000000001", "", seeded(1))
        self.auth = self.service.credential(self.account)
        self.log: list[str] = []
        self.connection = MediaConnection(self.service, self.log.append)

    def open(self) -> BinaryIO:
        self.files.append(BytesIO())
        return self.files[-1]

    def post(self, body: bytes = BODY, *, token: str | None = None, auth: str | None = None, head: str = "") -> bytes:
        token = token or base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
        head = head or f"POST /mms/image/{token}?auth={self.auth if auth is None else auth}&token={token} HTTP/1.1"
        request = f"{head}\r\nHost: mmg.whatsapp.net\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        return b"".join(self.connection.receive(request[at : at + 4096], NOW) for at in range(0, len(request), 4096))


@pytest.fixture
def host() -> Host:
    return Host()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_an_upload_is_answered_with_its_address(host: Host) -> None:
    answer = host.post()
    assert status(answer) == 200
    address = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert address["direct_path"].startswith("/v/")
    assert "?" in address["direct_path"], "clients cut the path at its query"
    assert address["url"] == "https://mmg.whatsapp.net" + address["direct_path"]
    (kept,) = host.service.uploads
    assert (kept.account, kept.kind, kept.size) == ("15550000001", "image", len(BODY))
    kept.file.seek(0)
    assert kept.file.read() == BODY


def test_a_connection_takes_one_upload_after_another(host: Host) -> None:
    assert [status(host.post(body)) for body in (b"first", b"second", b"first")] == [200, 200, 200]
    assert [kept.size for kept in host.service.uploads] == [6, 5]
    assert host.files[0].closed, "the same file again replaces the one before"


def test_a_client_that_waits_for_100_is_told_to_go_on(host: Host) -> None:
    token = base64.urlsafe_b64encode(hashlib.sha256(b"abc").digest()).decode()
    head = f"POST /mms/image/{token}?auth={host.auth} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
    assert status(host.connection.receive(f"{head}Content-Length: 3\r\n\r\n".encode(), NOW)) == 100
    assert status(host.connection.receive(b"abc", NOW)) == 200


def test_a_file_that_somebody_else_uploads_again_stays_whose_it_was(host: Host) -> None:
    path = uploaded(host)
    other = Account("15550000002", "100000000000002", "", seeded(2))
    assert status(host.post(auth=host.service.credential(other))) == 200
    assert [kept.owner for kept in host.service.uploads] == [host.account]
    assert host.files[1].closed
    assert get(host, path)[1] == BODY


@pytest.mark.parametrize("auth", ["", "wrong"])
def test_an_upload_without_a_valid_credential_is_refused(host: Host, auth: str) -> None:
    assert status(host.post(auth=auth)) == 401
    assert host.files == []


def test_bytes_that_are_not_those_of_the_address_are_refused(host: Host) -> None:
    assert status(host.post(token=base64.urlsafe_b64encode(bytes(32)).decode())) == 400
    assert host.files[0].closed
    assert status(host.post()) == 200, "and the connection goes on"


@pytest.mark.parametrize(
    "head",
    [
        *("PUT / HTTP/1.1", "POST /mms/poem/x HTTP/1.1", "POST /other HTTP/1.1", "HEAD /v/x HTTP/1.1"),
        *("POST //[/mms/image/x HTTP/1.1", "CONNECT mmg.whatsapp.net:443 HTTP/1.1"),
    ],
)
def test_anything_but_an_upload_is_unknown(host: Host, head: str) -> None:
    assert status(host.post(head=head)) == 404
    assert status(host.post()) == 200, "and the connection goes on"


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "x"]),
    target=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
    | st.builds("/mms/image/{}?auth={}".format, st.text("ab%=/-_", max_size=9), st.sampled_from(["", "%", "AUTH"])),
    fields=st.lists(
        st.sampled_from(["Range: bytes=9-1", "Expect: 100-continue", "Connection: Upgrade", "Upgrade: h2c"])
        | st.sampled_from(["Content-Length: 3", "Transfer-Encoding: chunked", "Connection: close"]),
        unique=True,
        max_size=4,
    ),
    rest=st.binary(max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_no_request_is_too_much_for_it(method: str, target: str, fields: list[str], rest: bytes) -> None:
    """It is answered or refused; nothing else is raised, and nothing loops."""
    host = Host()
    head = [f"{method} {target.replace('AUTH', host.auth)} HTTP/1.1", "Host: h", *fields]
    with contextlib.suppress(ProtocolError):
        host.connection.receive("\r\n".join([*head, "", ""]).encode() + rest, NOW)
        host.connection.receive(b"GET /v/x HTTP/1.1\r\nHost: h\r\n\r\n", NOW)
    host.connection.lost()


def test_too_much_is_refused_and_thrown_away(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_store, "MAX_UPLOAD", 9_999)
    assert status(host.post()) == 413
    assert host.files[0].closed


def test_the_oldest_upload_makes_room(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_store, "_MAX_KEPT", 12)
    for body in (b"first", b"second", b"third"):
        host.post(body)
    assert [kept.size for kept in host.service.uploads] == [6, 5]
    assert host.files[0].closed


def test_a_client_that_leaves_in_the_middle_leaves_no_file(host: Host) -> None:
    host.connection.receive(
        f"POST /mms/image/x?auth={host.auth} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc".encode(), NOW
    )
    host.connection.lost()
    assert host.files[0].closed
    assert host.service.uploads == ()


def test_bytes_that_are_not_http_are_a_protocol_error(host: Host) -> None:
    with pytest.raises(ProtocolError, match="no HTTP"):
        host.post(head="\x16\x03\x01 TLS?")


def test_a_fault_answers_instead(host: Host) -> None:
    host.account.plan = Plan((Fault(Event.UPLOAD, HttpStatus(500), times=1),))
    assert [status(host.post()) for _ in range(2)] == [500, 200]
    assert len(host.service.uploads) == 1


def test_an_upload_can_stay_unanswered(host: Host) -> None:
    host.account.plan = Plan((Fault(Event.UPLOAD, Silence()),))
    assert host.post() == b""
    assert host.post() == b"", "nor what follows on the same connection"
    assert not host.connection.closing
    assert host.files[0].closed
    assert len(host.files) == 1


def test_an_upload_can_end_the_connection(host: Host) -> None:
    host.account.plan = Plan((Fault(Event.UPLOAD, Drop()),))
    assert host.post() == b""
    assert host.connection.closing


def test_a_large_file_is_spooled_to_disk() -> None:
    service = MediaStore(seeded(), lambda: cast(BinaryIO, tempfile.SpooledTemporaryFile(1000)))  # noqa: SIM115
    account = Account("15550000001", "1", "", seeded(1))
    upload = service.begin("POST", f"/mms/video/x?auth={service.credential(account)}")
    for _ in range(4):
        upload.write(bytes(500))
    assert upload._file._rolled  # type: ignore[attr-defined]
    upload.discard()


# Download


def get(host: Host, path: str, head: str = "") -> tuple[bytes, bytes]:
    """Head and body of what is answered, however many pieces it comes in."""
    request = f"GET {path} HTTP/1.1\r\nHost: mmg.whatsapp.net\r\n{head}\r\n".encode()
    answer = host.connection.receive(request, NOW)
    while host.connection.streaming:
        answer += host.connection.more()
    begin, _, body = answer.partition(b"\r\n\r\n")
    return begin, body


def uploaded(host: Host, body: bytes = BODY) -> str:
    return str(json.loads(host.post(body).partition(b"\r\n\r\n")[2])["direct_path"])


def test_what_was_uploaded_can_be_fetched_as_clients_do(host: Host) -> None:
    path = uploaded(host)
    for address in (path, f"{path}&hash=abc&mms-type=image&__wa-mms="):
        head, body = get(host, address)
        assert status(head) == 200
        assert body == BODY


@pytest.mark.parametrize(
    ("wanted", "code", "span"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=10-99999999", 206, slice(10, None)),
        ("bytes=0-", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
        ("bytes=99999999-", 416, slice(0, 0)),
    ],
)
def test_a_part_of_a_file_can_be_fetched(host: Host, wanted: str, code: int, span: slice) -> None:
    head, body = get(host, uploaded(host), f"Range: {wanted}\r\n")
    assert status(head) == code
    assert code == 416 or body == BODY[span]


def test_what_was_never_uploaded_is_not_there(host: Host) -> None:
    assert status(get(host, "/v/nothing?x=1")[0]) == 404
    assert get(host, uploaded(host))[1] == BODY, "and the connection goes on"


def test_a_file_is_given_in_pieces(host: Host) -> None:
    body = bytes(1_000_000)
    path = uploaded(host, body)
    host.connection.receive(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode(), NOW)
    pieces = []
    while host.connection.streaming:
        pieces.append(len(host.connection.more()))
    assert sum(pieces) == len(body)
    assert max(pieces) <= 64 << 10


@pytest.mark.parametrize("action", [HttpStatus(410), Drop(), Silence(), CutShort()])
def test_a_download_goes_wrong(host: Host, action: HttpStatus | Drop | Silence | CutShort) -> None:
    path = uploaded(host)
    host.account.plan = Plan((Fault(Event.DOWNLOAD, action),))
    head, body = get(host, path)
    assert host.connection.closing is isinstance(action, Drop | CutShort)
    if isinstance(action, HttpStatus):
        assert status(head) == 410
    elif isinstance(action, CutShort):
        assert f"content-length: {len(BODY)}".encode() in head.lower()
        assert len(body) == len(BODY) // 2
    else:
        assert (head, body) == (b"", b"")


def test_a_download_is_nonsense_of_the_right_size(host: Host) -> None:
    path = uploaded(host)
    host.account.plan = Plan((Fault(Event.DOWNLOAD, Garbage(), times=1),))
    assert get(host, path)[1] == bytes(len(BODY))
    assert get(host, path)[1] == BODY, "and the connection goes on"


def waits(host: Host, answer: bytes) -> tuple[list[float], bytes]:
    """The seconds that the shell is told to wait, and all that is answered."""
    told = []
    while host.connection.streaming:
        told.append(host.connection.wait)
        answer += host.connection.more()
    return told, answer


def test_a_slow_download_begins_late_and_goes_on_at_its_pace(host: Host) -> None:
    path = uploaded(host)
    host.account.plan = Plan((Fault(Event.DOWNLOAD, Slow(latency=0.5, bandwidth=20_000)),))
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    told, answer = waits(host, host.connection.receive(request, NOW))
    assert told[0] == 0.5
    assert sum(told[1:]) == pytest.approx(len(BODY) / 20_000)
    assert max(told[1:]) <= 0.05
    assert answer.endswith(b"\r\n\r\n" + BODY)


def test_a_slow_upload_is_answered_when_the_line_would_have_carried_it(host: Host) -> None:
    host.account.plan = Plan((Fault(Event.UPLOAD, Slow(latency=0.5, bandwidth=len(BODY)), times=1),))
    told, answer = waits(host, host.post())
    assert told == [1.5]
    assert status(answer) == 200
    assert status(host.post()) == 200, "and the connection goes on"


def test_a_file_that_had_to_make_room_ends_early(host: Host) -> None:
    path = uploaded(host, bytes(200_000))
    host.connection.receive(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode(), NOW)
    host.connection.more()
    host.service.close()
    while host.connection.streaming:
        host.connection.more()
    assert host.connection.closing


def delete(host: Host, query: str) -> int:
    request = f"DELETE /mms/image/token?{query} HTTP/1.1\r\nHost: mmg.whatsapp.net\r\n\r\n"
    return status(host.connection.receive(request.encode(), NOW))


def test_a_client_deletes_its_own_file_and_no_other(host: Host) -> None:
    path = uploaded(host).partition("?")[0]
    named = base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")
    other = host.service.credential(Account("15550000002", "100000000000002", "", seeded(2)))
    assert delete(host, f"auth={other}&d_md={named}") == 404
    assert delete(host, f"auth=wrong&d_md={named}") == 401
    assert host.service.uploads
    assert delete(host, f"auth={host.auth}&d_md={named}") == 200
    assert host.service.uploads == ()
    assert delete(host, f"auth={host.auth}&d_md={named}") == 404


@pytest.mark.parametrize("named", ["", "!", "A", "%FF", "%C3%A4", "_-8"])
def test_what_names_no_file_deletes_none(host: Host, named: str) -> None:
    uploaded(host)
    assert delete(host, f"auth={host.auth}&d_md={named}") == 404
    assert host.service.uploads
