"""`wadiag explain`: pasted texts and their explanations."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostics.catalogue import CAUSE_BY_ID, CHECK_BY_ID, FOUND_BY, LABELLED, RECONNECT, SIGNS, sentence
from diagnostics.cli import main
from diagnostics.explaining.explain import checks_of, explain, finding, nearest
from diagnostics.judging.judge import judge
from diagnostics.model import Language, Mode
from diagnostics.reporting.terminal import render
from tests.evidence_samples import NOW, evidence, lost

UNKNOWN_SOCKET = {"socket-unknown", "socket-unknown-unusable"}

BAILEYS_REMOVED = """\
{"level":50,"msg":"stream errored out","node":{"tag":"stream:error","attrs":{"code":"401"},
 "content":[{"tag":"conflict","attrs":{"type":"device_removed"}}]}}
connection closed due to Error: Stream Errored (conflict), reconnecting false
"""
BAILEYS_REPLACED = """\
connection update { connection: 'close', lastDisconnect: { error: Error: Stream Errored (conflict)
    at WebSocketClient.<anonymous> (socket.js:524:13)
  isBoom: true,
  output: {
    statusCode: 440,
    payload: { statusCode: 440, error: 'Unknown', message: 'Stream Errored (conflict)' },
"""
WHATSMEOW_USYNC = (
    "Error sending message: failed to get device list: failed to send usync query: "
    "websocket disconnected before info query returned response"
)


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        # the guide, in both languages
        ("Session 'testing' tidak dalam kondisi sehat: WebSocket state unknown", UNKNOWN_SOCKET),
        ("Error: Session 'testing' is not in a healthy condition: WebSocket state unknown", UNKNOWN_SOCKET),
        ("User not authenticated (QR not scanned)", {"not-paired"}),
        ("sendMessage function not available: TypeError: sock.sendMessage is not a function", {"send-missing"}),
        ("No WebSocket reference", {"socket-absent", "socket-absent-unusable"}),
        # Baileys
        ("Stream Errored (conflict)", {"stream-replaced", "device-removed"}),
        (BAILEYS_REMOVED, {"device-removed"}),
        (BAILEYS_REPLACED, {"stream-replaced"}),
        ("Error: Stream Errored (restart required)", {"restart-required"}),
        ("Connection Failure", {"connection-refused", "client-outdated", "device-removed"}),
        ("Error: Connection Failure\n  output: { statusCode: 405 }", {"client-outdated"}),
        ("Error: Connection Closed", {"connection-lost"}),
        ("Boom: Connection Closed { output: { statusCode: 428 } }", {"connection-lost"}),
        ("Error: Connection was lost", {"connection-lost"}),
        ("408 QR refs attempts ended", {"qr-expired"}),
        ('{"statusCode":408,"message":"QR refs attempts ended"}', {"qr-expired"}),
        ("Session error:Error: Bad MAC Error: Bad MAC\n    at Object.verifyMAC (crypto.js:87:15)", {"undecryptable"}),
        ("Failed to decrypt message with any known session...", {"undecryptable"}),
        ("Waiting for this message. This may take a while.", {"undecryptable"}),
        ("Error: rate-overlimit", {"rate-limited"}),
        ("Error: Media upload failed on all hosts", {"media-upload-failed"}),
        ("Pre-key upload timeout", {"prekeys-upload-timeout"}),
        ("DisconnectReason.loggedOut", {"device-removed"}),
        ("Error: Intentional Logout", {"logged-out-here"}),
        ("reachoutTimeLock: { isActive: true, timeEnforcementEnds", {"reachout-timelock"}),
        ("reason: connectionReplaced", {"stream-replaced"}),
        ("DisconnectReason.multideviceMismatch", {"multidevice-off"}),
        ("DisconnectReason.timedOut", {"connection-lost"}),
        ("unavailableService", {"connection-refused"}),
        ("sock.ws.readyState undefined", UNKNOWN_SOCKET),
        # whatsmeow, neonize
        ("server returned error 463", {"reachout-timelock"}),
        ("server returned error 479", {"send-refused"}),
        ("server returned error 429", {"rate-limited"}),
        ("info query returned status 429: rate-overlimit", {"rate-limited"}),
        ("failed to get device list: info query returned status 503: service-unavailable", {"query-refused"}),
        ("can't send message to unknown server c.us", {"recipient-invalid"}),
        ("no LID found for 628123456789@s.whatsapp.net from server", {"lid-unknown"}),
        (WHATSMEOW_USYNC, {"connection-lost"}),
        ("failed to get device list: what is this", {"devices-unknown"}),
        ("the store doesn't contain a device JID", {"not-paired"}),
        ("client is nil", {"client-missing"}),
        ("LoggedOut(OnConnect=False, Reason=LOGGED_OUT)", {"device-removed"}),
        ("*events.LoggedOut", {"device-removed", "account-locked"}),
        ("LoggedOut(OnConnect=True, Reason=MAIN_DEVICE_GONE)", {"account-locked"}),
        ("LoggedOut: reason 403", {"account-locked"}),
        ("events.StreamReplaced", {"stream-replaced"}),
        ("Client outdated (405) connect failure", {"client-outdated"}),
        ("You've been temporarily banned: 101: You sent too many messages", {"temporarily-banned"}),
        ("Unable to verify ciphertext mac: mismatching MAC in signal message", {"undecryptable"}),
        ("couldn't dial whatsapp web websocket: websocket: bad handshake", {"whatsapp-unreachable"}),
        ("timed out waiting for message send response", {"ack-missing"}),
        ("upload failed with status code 500", {"media-upload-failed"}),
        # gateways
        ('{"name":"default","status":"FAILED","engine":"NOWEB"}', {"engine-failed"}),
        ("FAILED", {"engine-failed"}),
        ("SCAN_QR_CODE", {"not-paired"}),
        ("STOPPED", {"session-stopped"}),
        ('"status":"STARTING"', {"socket-connecting"}),
        ("connectionState close", {"socket-closed"}),
        ('{"instance":{"instanceName":"a","state":"connecting"}}', {"socket-connecting"}),
        ('{"status":"CLOSED","qrcode":null}', {"socket-closed", "session-missing"}),
        ("notLogged", {"not-paired"}),
        ('{"code":"WA_REACHOUT_TIMELOCK","message":"..."}', {"reachout-timelock"}),
        ('{"results":{"is_connected":true,"is_logged_in":false}}', {"not-paired"}),
        ("session_not_found", {"session-missing"}),
        ("Session closed. Most likely the page has been closed.", {"browser-dead"}),
        ("wa-phone-offline", {"phone-offline"}),
        ("yellowCard", {"rate-limited"}),
        ("HTTP/1.1 401 Unauthorized", {"token-refused"}),
        # the network
        ("proxyconnect tcp: Proxy Authentication Required", {"proxy-refused"}),
        ("x509: certificate signed by unknown authority", {"tls-untrusted"}),
        ("getaddrinfo ENOTFOUND web.whatsapp.com", {"whatsapp-unreachable"}),
        ("connect ECONNREFUSED 127.0.0.1:3000", {"target-unreachable"}),
        ("sqlite3.DatabaseError: database disk image is malformed", {"store-damaged"}),
        # bare codes
        ("401", {"device-removed", "token-refused"}),
        ("440", {"stream-replaced"}),
        ("515", {"restart-required"}),
        (" 402.\n", {"temporarily-banned"}),
        ("403", {"account-locked"}),
        ("408", {"connection-lost", "qr-expired"}),
        ("411", {"multidevice-off"}),
        ("503", {"connection-refused"}),
        ("code: 440", {"stream-replaced"}),
        ('<stream:error code="515"/>', {"restart-required"}),
        # our own
        ("stream-replaced", {"stream-replaced"}),
        ("socket.state", {cause.id for cause in FOUND_BY["socket.state"]}),
        ("cannot send: the phone unlinked this device", {"device-removed"}),
        ("tidak bisa mengirim: ponsel memutus tautan perangkat ini", {"device-removed"}),
    ],
)
def test_pasted_text_is_traced_to_its_cause(text, causes):
    assert {each.cause for each in explain(text)} == causes


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "the session of parliament was closed",
        "listening on port 4400",
        "sent 440 messages in 515 ms",
        "GET /whatsapp/health/testing 200",
        "code: 4401",
        "everything is connected and working",
        "reachoutTimeLock: { isActive: false }",
        "",
        "\n\n",
    ],
)
def test_unknown_text_has_no_cause(text):
    assert explain(text) == ()


def test_every_cause_is_found_by_its_id_and_by_its_sentence():
    for cause in CAUSE_BY_ID:
        assert [each.cause for each in explain(cause)] == [cause]
        for language in Language:
            assert cause in {each.cause for each in explain(sentence("testing", cause, language))}, (cause, language)
    for check in CHECK_BY_ID:
        assert {each.cause for each in explain(f"checks/test_x.py {check} F")} == {c.id for c in FOUND_BY[check]}


def test_every_code_of_the_reconnect_table_is_known_by_its_number():
    for row in RECONNECT:
        if row.code is not None:
            assert row.cause in {each.cause for each in explain(f"statusCode: {row.code}")}


def test_the_signs_name_causes_of_the_catalogue_and_are_written_so_that_they_can_be_found():
    for sign in SIGNS:
        assert set(sign.causes) <= set(CAUSE_BY_ID), sign
        assert all(phrase == phrase.lower().strip() != "" for phrase in sign.phrases), sign
    for labelled in LABELLED:
        assert {cause for causes in labelled.causes.values() for cause in causes} <= set(CAUSE_BY_ID)


def test_the_diagnosis_block_of_this_suite_can_be_pasted_back():
    diagnosis = judge(evidence(disconnect=lost(440, "replaced")), mode=Mode.PERMISSIVE, now=NOW)
    block = "\n".join(line.text for line in render([diagnosis], width=200))
    assert [each.cause for each in explain(block)] == ["stream-replaced"]


def test_a_long_log_is_searched_for_the_lines_that_matter_and_the_worst_of_them_comes_first():
    noise = [f"10:41:{n % 60:02d} INFO received message {n}" for n in range(5000)]
    noise[1200] = "Session error:Error: Bad MAC Error: Bad MAC"
    noise[1300] = "Session error:Error: Bad MAC Error: Bad MAC"
    noise[4000] = "output: { statusCode: 440, payload: …"
    first, second = explain("\n".join(noise))
    assert (first.cause, first.line, first.times) == ("stream-replaced", 4001, 1)
    assert (second.cause, second.line, second.times) == ("undecryptable", 1201, 2)
    assert second.source == "Baileys"


def test_a_vague_sign_counts_only_far_from_a_definite_one():
    near = "Stream Errored (conflict)\n" + "at x\n" * 5 + "Bad MAC"
    far = "Stream Errored (conflict)\n" + "at x\n" * 50 + "Bad MAC"
    assert {each.cause for each in explain(near)} == {"undecryptable"}
    assert {each.cause for each in explain(far)} == {"undecryptable", "stream-replaced", "device-removed"}
    settled = "Stream Errored (conflict)\n" + "at x\n" * 50 + "device_removed"
    assert {each.cause for each in explain(settled)} == {"device-removed"}


def test_the_shown_line_has_no_phone_number_no_token_and_no_control_character():
    said = "no LID found for 628123456789@s.whatsapp.net token=s3cretvalue \x1b[31m"
    (each,) = explain(said)
    for secret in ("628123456789", "s3cretvalue", "\x1b"):
        assert secret not in each.matched
        assert secret not in str(finding(each))


@pytest.mark.parametrize("language", Language)
def test_an_explanation_has_whole_sentences_without_an_observed_session(language):
    for cause in CAUSE_BY_ID:
        said = finding(explain(cause)[0], language)
        for text in (said.claim, said.why, *map(str, said.remedy)):
            assert "{" not in text
            assert "()" not in text
            assert not text.endswith(":")


def test_a_typo_of_a_known_phrase_is_recognised_and_other_text_is_not():
    assert nearest("conection closed") == "connection closed"
    assert nearest("stream-replacd") == "stream-replaced"
    assert nearest("good morning") == ""
    assert nearest("440") == ""
    assert nearest("x" * 5000) == ""


def test_what_no_check_measures_says_so():
    assert checks_of("undecryptable") == ()
    assert checks_of("reachout-timelock") == ("send.text", "send.image")


_PIECES = st.sampled_from(
    [phrase for sign in SIGNS for phrase in sign.phrases]
    + ["status", "code", ":", "=", '"', " " * 50, "401", "server returned error ", "\n", "session '", "connection", "İ"]
)


@settings(max_examples=50)
@given(st.one_of(st.text(), st.lists(_PIECES | st.text(max_size=5), max_size=30).map("".join)))
def test_any_text_can_be_explained(text):
    for each in explain(text):
        assert each.line >= 1
        assert finding(each).remedy
    nearest(text)


@pytest.mark.parametrize(
    "piece",
    ["status", "status:   '", "connection_state ", "a", "(", " ", "\n", "code   :", "session '", "4", "io", "é"],
)
def test_the_search_takes_linear_time(piece):
    text = piece * (200_000 // len(piece))
    started = time.process_time()
    explain(text)
    assert time.process_time() - started < 3  # measured: 0.1; a quadratic pattern takes minutes


def say(monkeypatch, capsys, *arguments: str, pasted: bytes | None = None):
    stream = SimpleNamespace(buffer=io.BytesIO(pasted or b""), isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", stream)
    code = main(["explain", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_prints_the_cause_the_check_and_the_remedy(monkeypatch, capsys):
    code, out, _ = say(monkeypatch, capsys, "server returned error 463")
    assert code == 0
    assert "CRITICAL  reachout-timelock" in out
    assert "fix  1. stop writing to new contacts" in out
    assert "check send.text, send.image: pytest checks --session NAME" in out


def test_the_command_answers_in_indonesian_and_names_the_session_of_the_error(monkeypatch, capsys):
    text = "Session 'toko' tidak dalam kondisi sehat: WebSocket state unknown"
    code, out, _ = say(monkeypatch, capsys, text, "--lang", "id")
    assert code == 0
    assert out.startswith("Kata-kata ini bisa berarti 2 hal:")
    assert "solusi 1. jalankan ulang bot" in out
    assert "pytest checks --session toko" in out


def test_the_command_reads_a_log_from_standard_input_and_shows_which_line_it_means(monkeypatch, capsys):
    log = b"started\nto 628123456789 \xff\nError: Stream Errored (restart required)\n"
    for arguments in ((), ("-",)):
        code, out, _ = say(monkeypatch, capsys, *arguments, pasted=log)
        assert code == 0
        assert "line 3 (Baileys): Error: Stream Errored (restart required)" in out
        assert "check by hand" in out


def test_the_command_answers_in_json(monkeypatch, capsys):
    code, out, _ = say(monkeypatch, capsys, "--json", "440")
    (answer,) = json.loads(out)["explanations"]
    assert code == 0
    assert (answer["cause"], answer["severity"], answer["checks"]) == (
        "stream-replaced",
        "critical",
        ["connection.accepted"],
    )
    code, out, _ = say(monkeypatch, capsys, "--json", "conection closed")
    assert (code, json.loads(out)) == (1, {"explanations": [], "nearest": "connection closed"})


def test_an_unknown_text_gets_next_steps_and_exit_code_1(monkeypatch, capsys):
    code, out, _ = say(monkeypatch, capsys, "something else entirely")
    assert code == 1
    assert out.startswith("This text is not known here")
    assert "pytest checks --session NAME" in out
    assert "Did you mean" not in out


def test_the_command_without_text_is_wrong_usage(monkeypatch, capsys):
    code, out, err = say(monkeypatch, capsys, pasted=b"  \n")
    assert (code, out) == (2, "")
    assert "there is no text to explain" in err


def test_a_text_that_is_too_long_is_refused_with_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr("diagnostics.commands.explain.LIMIT", 100)
    assert say(monkeypatch, capsys, pasted=b"440 " * 25)[0] == 1
    code, out, err = say(monkeypatch, capsys, pasted=b"440 " * 26)
    assert (code, out) == (2, "")
    assert "give its end" in err


def test_more_than_three_possible_causes_get_one_line_each(monkeypatch, capsys):
    _, out, _ = say(monkeypatch, capsys, "socket.state")
    assert len(out.splitlines()) == len(FOUND_BY["socket.state"]) + 3
    assert "wadiag explain socket-closed" in out
