"""Linking and unlinking by QR code and by pairing code, with the real neonize."""

from __future__ import annotations

import time

import pytest

from diagnostics.neonize import protocol
from diagnostics.simulator import ScanRefused, SimulatorError, WhatsAppServer
from diagnostics.simulator.protocol.link_code import parse_code
from tests.simulator.real import ACKNOWLEDGED, HANG_SECONDS, Client, Real, eventually


def code_of(client: Client, phone: str = "") -> str:
    client.connect()
    client.heard("qr")
    return str(client.call(protocol.PairPhone(client.name, phone or client.account.phone))["code"])


def test_a_client_is_linked_by_number_and_code(real: Real) -> None:
    client = real.client()
    code = code_of(client)
    real.server.type_code(code, client.account)
    client.heard("Connected")
    assert len(client.account.devices) == 1
    assert client.text() == ACKNOWLEDGED
    client.stop()
    client.connect()
    client.heard("Connected")


def test_a_code_is_read_however_a_person_types_it() -> None:
    assert parse_code(" abcd-efgh ") == parse_code("ABCDEFGH") == "ABCDEFGH"
    for nonsense in ("", "ABCD", "ABCD-EFGO", "ABCD-EFG0", "ABCD-EFGHJ"):
        with pytest.raises(ScanRefused, match="not a pairing code"):
            parse_code(nonsense)


def test_a_wrong_code_links_nothing_and_the_right_one_can_follow(real: Real) -> None:
    client = real.client()
    code = code_of(client)
    wrong = code.translate(str.maketrans("123456789ABC", "23456789ABCD"))
    real.server.type_code(wrong if wrong != code else "ABCDEFGH", client.account)
    assert eventually(lambda: any("the code that was typed is wrong" in line.text for line in real.server.log[-40:]))
    assert client.account.devices == ()
    again = str(client.call(protocol.PairPhone(client.name, client.account.phone))["code"])
    real.server.type_code(again, client.account)
    client.heard("Connected")


def test_a_code_is_typed_into_the_phone_that_it_was_asked_for(real: Real) -> None:
    client = real.client()
    code = code_of(client)
    with pytest.raises(ScanRefused, match="no client waits for a code"):
        real.server.type_code(code, real.server.contact)


def test_a_number_that_is_not_on_whatsapp_gets_no_code(real: Real) -> None:
    client = real.client()
    with pytest.raises(Exception, match="404"):
        code_of(client, "19995550000")


def test_a_qr_code_still_works_while_a_code_waits(real: Real) -> None:
    client = real.client()
    code_of(client)
    real.server.scan(client.heard("qr").data["code"], client.account)
    client.heard("Connected")


def test_several_devices_are_linked_to_one_account(real: Real) -> None:
    first = real.connected()
    second, third = (real.connected(first.account) for _ in range(2))
    assert [device.partition(":")[2] for device in first.account.devices] == [
        f"{number}@s.whatsapp.net" for number in (1, 2, 3)
    ]
    assert all(client.states() == (True, True) for client in (first, second, third))


def test_the_phone_unlinks_a_device(real: Real) -> None:
    client, other = real.connected(), None
    other = real.connected(client.account)
    device = client.account.devices[0]
    real.server.unlink(client.account, device)
    assert client.heard("LoggedOut").data["Reason"] == "LOGGED_OUT"
    assert device not in client.account.devices
    assert other.text() == ACKNOWLEDGED, "the other device stays"
    with pytest.raises(SimulatorError, match="no linked device"):
        real.server.unlink(client.account, device)


def test_a_device_that_was_unlinked_while_away_learns_it_at_its_next_login(real: Real) -> None:
    client = real.paired()
    real.server.unlink(client.account, client.account.devices[0])
    client.connect()
    assert client.heard("LoggedOut").data["OnConnect"] is True


def test_a_device_logs_out(real: Real) -> None:
    client = real.connected()
    client.call(protocol.Logout(client.name))
    assert client.account.devices == ()
    assert eventually(lambda: client.states() == (False, True) or client.states() == (False, False))
    assert "LoggedOut" not in client.events, "whatsmeow tells only of logouts that others decide"


def test_a_scan_of_an_expired_code_is_refused(real: Real) -> None:
    client = real.client()
    client.connect()
    code = client.heard("qr").data["code"]
    client.stop()
    assert eventually(lambda: refused(real.server, client, code))


def refused(server: WhatsAppServer, client: Client, code: str) -> bool:
    try:
        server.scan(code, client.account)
    except ScanRefused:
        return True
    time.sleep(HANG_SECONDS)
    return False
