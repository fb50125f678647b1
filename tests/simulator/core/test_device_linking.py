from __future__ import annotations

import base64

import pytest

from diagnostics.simulator.protocol.qr_code import parse_qr
from diagnostics.simulator.protocol.stanza import element
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.simulator_errors import ScanRefused, SimulatorError
from tests.simulator.light_client import NOW, LightClient, new_hub, paired_client

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "text",
    [
        ",".join(["2@ref", *KEYS]),
        ",".join(["https://wa.me/settings/linked_devices#2@ref", *KEYS, "6"]),
        ",".join(["https://wa.me/settings/linked_devices#2@ref", *KEYS, "6"]).encode(),
        "  " + ",".join(["2@ref", *KEYS]) + "\n",
    ],
    ids=["bare", "address", "bytes", "blanks"],
)
def test_both_forms_of_a_qr_code_are_read(text: str | bytes) -> None:
    code = parse_qr(text)
    assert (code.ref, code.noise, code.identity, code.adv_secret) == (
        "2@ref",
        b"\1" * 32,
        b"\2" * 32,
        b"\3" * 32,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1 parts where at least 4"),
        ("https://example.org/", "1 parts"),
        (",".join(["2@ref", *KEYS[:2]]), "3 parts"),
        ("," + ",".join(KEYS), "not a WhatsApp QR code"),
        ("2@ref,AAAA," + ",".join(KEYS[1:]), "its noise part"),
        (",".join(["2@ref", *KEYS[:2], "not base64"]), "its adv part"),
        (b"\xff\xfe", "not text"),
    ],
)
def test_a_malformed_qr_code_is_refused_by_name(text: str | bytes, complaint: str) -> None:
    with pytest.raises(ScanRefused, match=complaint):
        parse_qr(text)


def test_a_qr_code_does_not_show_its_secret() -> None:
    assert "\\x03" not in repr(parse_qr(",".join(["2@ref", *KEYS])))


def test_a_client_that_waits_for_a_phone_is_told_that_the_server_is_there_and_nothing_else() -> None:
    client = LightClient(new_hub())
    client.show_qr()
    assert client.ask("w:p", "get").get("type") == "result"
    assert client.ask("blocklist", "get").children == (element("error", code="401", text="not-authorized"),)
    assert client.stream.pairing


def test_a_scan_links_the_device_and_ends_with_515() -> None:
    hub = new_hub()
    account = hub.directory.add("15550001234")
    client = LightClient(hub)
    client.pair(account)
    companion = account.companions[1]
    assert (companion.noise, companion.identity) == (client.noise.public, client.identity.public)
    assert companion.registration == 0x1234
    assert str(client.received[-1]) == '<stream:error code="515"/>'


def test_after_515_the_client_hangs_up_first() -> None:
    """whatsmeow hangs if the server closes earlier."""
    client = LightClient(new_hub())
    client.pair(client.hub.directory.add())
    client.pong()
    client.later(1.9)
    assert client.closed is None
    client.later(0.2)
    assert client.closed is not None


def test_six_codes_are_offered_and_all_can_be_scanned() -> None:
    for number in range(6):
        hub = new_hub()
        client = LightClient(hub)
        codes = client.show_qr()
        assert len(codes) == 6
        hub.scan(codes[number], hub.directory.add(), client.now)


def test_a_code_expires_when_the_client_shows_the_next() -> None:
    hub = new_hub()
    account = hub.directory.add()
    client = LightClient(hub)
    codes = client.show_qr()
    with pytest.raises(ScanRefused, match="expired"):
        hub.scan(codes[0], account, client.now + 60)
    with pytest.raises(ScanRefused, match="expired"):
        hub.scan(codes[1], account, client.now + 80)
    hub.scan(codes[2], account, client.now + 80)


def test_the_rotation_of_codes_can_be_set() -> None:
    hub = new_hub(Settings(first_qr=1, next_qr=2))
    client = LightClient(hub)
    codes = client.show_qr()
    with pytest.raises(ScanRefused, match="expired"):
        hub.scan(codes[1], hub.directory.add(), client.now + 3)
    client.later(11)
    assert client.closed is not None


def test_the_last_code_expires_with_the_connection() -> None:
    client = LightClient(new_hub())
    codes = client.show_qr()
    client.later(159.9)
    assert client.open
    client.later(0.2)
    assert client.closed is not None
    with pytest.raises(ScanRefused, match="its client is gone"):
        client.hub.scan(codes[0], client.hub.directory.add(), client.now)


def test_a_code_is_scanned_once() -> None:
    hub = new_hub()
    client = LightClient(hub)
    first, second, *_ = client.show_qr()
    hub.scan(first, hub.directory.add(), client.now)
    for code in (first, second):
        with pytest.raises(ScanRefused, match="scanned before"):
            hub.scan(code, hub.directory.add(), client.now)


def test_a_code_of_a_client_that_left_is_unknown() -> None:
    hub = new_hub()
    client = LightClient(hub)
    code = client.show_qr()[0]
    hub.lost(client.stream, client.now)
    with pytest.raises(ScanRefused, match="unknown here"):
        hub.scan(code, hub.directory.add(), client.now)


def test_a_code_with_somebody_elses_keys_is_refused() -> None:
    hub = new_hub()
    ours, theirs = LightClient(hub, 1), LightClient(hub, 2)
    ours_ref = ours.show_qr()[0].split(",", 1)[0]
    their_keys = theirs.show_qr()[0].split(",", 1)[1]
    with pytest.raises(ScanRefused, match="does not belong"):
        hub.scan(f"{ours_ref},{their_keys}", hub.directory.add(), ours.now)


def test_a_wrong_adv_secret_is_seen_by_the_client_and_links_nothing() -> None:
    hub = new_hub()
    account = hub.directory.add()
    client = LightClient(hub)
    *parts, _adv, platform = client.show_qr()[0].split(",")
    hub.scan(",".join([*parts, base64.b64encode(bytes(32)).decode(), platform]), account, client.now)
    client.collect()
    with pytest.raises(AssertionError):
        client.sign_back()
    error = element("error", code="401", text="hmac-mismatch")
    client.say(element("iq", error, type="error", id=client.received[-1].get("id")))
    assert not account.companions
    assert client.closed is None


def test_a_wrong_signature_of_the_device_ends_the_connection() -> None:
    hub = new_hub()
    account = hub.directory.add()
    client = LightClient(hub)
    hub.scan(client.show_qr()[0], account, client.now)
    client.collect()
    client.say(client.sign_back(signer=client.noise))  # not the key that the phone signed
    assert client.closed is not None
    assert not account.companions
    assert "the device's signature of its identity is wrong" in hub.journal.lines[-1].text


def test_a_client_whose_prekey_is_not_its_own_is_refused() -> None:
    client = LightClient(new_hub())
    payload = client.registration_payload()
    client.signed = client.noise
    client.handshake(payload.replace(LightClient(new_hub()).signed.public, client.noise.public))
    assert client.closed is not None
    assert "not signed by its identity key" in client.hub.journal.lines[-1].text


def test_two_devices_that_are_linked_at_once_are_two() -> None:
    hub = new_hub()
    account = hub.directory.add()
    clients = [LightClient(hub, seed) for seed in (1, 2)]
    for client in clients:
        client.account = account
        hub.scan(client.show_qr()[0], account, client.now)
        client.collect()
    for client in clients:
        client.say(client.sign_back())
        client.login()
        assert client.received[0].tag == "success"
    assert sorted(account.companions) == [1, 2]


def test_a_device_has_a_number_that_none_had_before_it() -> None:
    """People may still have sessions with the one that is gone."""
    hub = new_hub()
    account = hub.directory.add()
    for seed in range(1, 4):
        device = paired_client(hub, account, seed).device
        assert device == seed
        hub.unlink(account, device, NOW)


def test_an_account_takes_99_devices() -> None:
    hub = new_hub()
    account = hub.directory.add()
    paired_client(hub, account)
    for number in range(2, 100):
        account.companions[number] = account.companions[1]
    client = LightClient(hub, 2)
    with pytest.raises(SimulatorError, match="99 linked devices"):
        hub.scan(client.show_qr()[0], account, client.now)
