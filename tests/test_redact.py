"""What is masked, what must stay readable, and that redacting takes linear time."""

from __future__ import annotations

import base64
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.identity_patterns import without_identities
from diagnostics.model import (
    Aspect,
    CheckResult,
    Diagnosis,
    Event,
    Evidence,
    Finding,
    Mode,
    Observation,
    Outcome,
    Sent,
    Severity,
    Step,
    Verdict,
)
from diagnostics.redact import Redactor, printable, redact

PHONE = "628123456789"
MASKED = "628•••••••89"
_RANDOM = random.Random(2025)  # noqa: S311 - the same keys in every run
KEY = base64.b64encode(_RANDOM.randbytes(32)).decode()
HEX = _RANDOM.randbytes(32).hex()
NOW = datetime(2025, 11, 22, 10, 41, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # phone numbers
        (f"sent to +{PHONE}", f"sent to +{MASKED}"),
        (f"sent to {PHONE}.", f"sent to {MASKED}."),
        ("call +62 812-3456-789 now", "call +62 8••-••••-•89 now"),
        ("\u202a+62\u00a0812\u20113456\u2011789\u202c", "\u202a+62\u00a08••\u2011••••\u2011•89\u202c"),
        ("0812-3456-7890", "081•-••••-••90"),
        ("(415) 555-0199", "(415) •••-••99"),
        ("62 812-3456-7890", "62 8••-••••-••90"),
        (f"tel{PHONE}, session_{PHONE}.db", f"tel{MASKED}, session_{MASKED}.db"),
        ("٠١٢٣٤٥٦٧٨٩", "٠١٢•••••٨٩"),
        (f"+{PHONE} 2 times", f"+{MASKED} 2 times"),
        # JIDs and LIDs
        (f"{PHONE}@s.whatsapp.net", f"{MASKED}@s.whatsapp.net"),
        (f"jid:{PHONE}:12@s.whatsapp.net", f"jid:{MASKED}:12@s.whatsapp.net"),
        ("123456789012345:3@lid", "123••••••••••45:3@lid"),
        ("12345@lid", "•••••@lid"),
        (f"{PHONE}-1412345678@g.us", "628••••••••••••••••••78@g.us"),
        ("120363024567890123@g.us", "120•••••••••••••23@g.us"),
        (f'User:"{PHONE}" Server:"s.whatsapp.net"', f'User:"{MASKED}" Server:"s.whatsapp.net"'),
        # names
        ('pushName: "Budi Santoso", x', 'pushName: "B•••", x'),
        ("PushName:Budi Santoso Timestamp:1", "PushName:B••• Timestamp:1"),
        ('<message notify="Budi"/>', '<message notify="B•••"/>'),
        (r"{\"verifiedName\": \"Toko\"}", r"{\"verifiedName\": \"T•••\"}"),
        # tokens
        ("Authorization: Bearer abc.def", "Authorization: [removed]"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=[removed]"),
        ("a Bearer abcdef123 b", "a Bearer [removed] b"),
        ("{'token': 'a b c', 'x': 1}", "{'token': '[removed]', 'x': 1}"),
        ("GET /qr?token=abc&x=1", "GET /qr?token=[removed]&x=1"),
        ("apikey: 429683C4C977415CAAFCCE10F7D57E11", "apikey: [removed]"),
        ("X-Api-Key=abc; y", "X-Api-Key=[removed]; y"),
        ("set password=hunter2;", "set password=[removed];"),
        ("pairingCode: ABCD-1234", "pairingCode: [removed]"),
        ("Set-Cookie: sid=1; Path=/\nnext", "Set-Cookie: [removed]\nnext"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "[key removed]"),
        # keys
        (f"noise={KEY}", "noise=[key removed]"),
        (f"key {HEX}", "key [key removed]"),
        (f"id {HEX[:32]}", "id [key removed]"),
        (f"fp {bytes.fromhex(HEX).hex(':')}", "fp [key removed]"),
        (repr(bytes(range(128, 160))), "b'[key removed]'"),
        (base64.b64encode(bytes([1] * 32)).decode(), "[key removed]"),
        # pairing
        (f"2@abc,{KEY},{KEY},{KEY},6", "[pairing QR removed]"),
        (f"https://wa.me/settings/linked_devices#2@abc,{KEY},{KEY},{KEY},6 x", "[pairing QR removed] x"),
        (f'qr="ref-1,{KEY},{KEY},{KEY}"', 'qr="[pairing QR removed]"'),
        # URLs
        ("postgres://me:p@w@db:5432/x", "postgres://[credentials removed]@db:5432/x"),
        ("https://token@host/x", "https://[credentials removed]@host/x"),
    ],
)
def test_personal_data_and_secrets_are_masked(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-22T17:04:07+00:00",
        "2025-11-22 17:04:07.123456",
        "Sat, 22 Nov 2025 17:04:07 +0000 (UTC)",
        "at 1763830000",
        "1763830000.123456",
        "1763830000123",
        "20251122",
        "20251122170407",
        "report-20251122T170407Z.html",
        "took 12345678 ms, 0.123456789 s",
        "size=73400320",
        "12345678 bytes",
        "1,234,567,890",
        "2.3000.1026043512",
        "neonize 0.5.2 (whatsmeow 2026-09-21, Go 1.26.8)",
        "3EB0C431C26A1916E07A12",
        "3EB012345678901234AB",
        "ABCDEF0123456789ABCDEF0123456789",
        "550e8400-e29b-41d4-a716-446655440000",
        "127.0.0.1:54321",
        "0x7f1234567890",
        "testing, bot-1, shop.eu_2",
        "401 device_removed, 10:41:07",
        "463 479 500",
        "/home/User1/Projects/WhatsApp-Diagnostics/reports/report-latest-and-greatest.html",
        "AssertionError: TestSomethingVeryLongIndeedForAClassNameOfAProgramX",
        "status@broadcast 0@s.whatsapp.net s.whatsapp.net",
        "bearer authentication",
        "the token is wrong",
        "is_connected=True is_logged_in=False",
        "-" * 80,
        "=" * 80,
        "pytest checks --session testing",
        "on the phone: Settings > Linked devices > Link a device",
    ],
)
def test_text_without_personal_data_stays_readable(text: str) -> None:
    assert redact(text) == text


def test_secrets_are_removed_even_if_identities_are_shown() -> None:
    shown = Redactor(show_identities=True)(f"+{PHONE} {PHONE}@lid pushName=Budi token=abc 2@r,{KEY},{KEY},{KEY}")
    assert shown == f"+{PHONE} {PHONE}@lid pushName=Budi token=[removed] [pairing QR removed]"


FRAGMENTS = [
    *(PHONE, f"+{PHONE}", "@s.whatsapp.net", "@lid", ":12", "0812-3456-7890", "(415) 555-0199", "12345678"),
    *("pushName=", "notify=", "Budi", "token", "password", "Authorization", "Bearer ", "cookie:", "2@", "wa.me"),
    *("https://", "me:pw@host", KEY, HEX, KEY[:30], "\\x00\\x01", "aa:bb:", "eyJabcdefgh", "[removed]", "•", "…"),
    *(" ", "  ", ":", "=", '"', "'", "\\", "\n", ",", ".", "-", "+", "/", "@", "a", "1", "(", ")", "s", "ms", "size="),
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.integers(min_value=10**8, max_value=10**13), st.sampled_from([" ", "", ", ", ":", '"', "(", "\n", "/", "_"]))
def test_a_number_in_international_form_never_stays_whole(number: int, around: str) -> None:
    assert str(number) not in redact(f"{around}+{number}{around}")


@given(st.binary(min_size=32, max_size=64), st.sampled_from(["", " ", ":", ",", "=", '"', "("]))
def test_a_padded_key_never_stays(key: bytes, before: str) -> None:
    text = base64.b64encode(key).decode()
    if text.endswith("="):
        assert text[:20] not in redact(f"{before}{text} ")


@pytest.mark.parametrize(
    "seed",
    [
        *(
            "a",
            "1",
            "+1 ",
            "12345678 ",
            "a@",
            "1@",
            "://",
            "://a@",
            "bearer ",
            "token=",
            "token='",
            "2@a,",
            "eyJaaaaaaaa.",
        ),
        *(
            "\\x00",
            "aa:",
            "pushname=",
            "pushname=a b ",
            "a,",
            "A" * 43 + "=,",
            "aB1",
            "(123) ",
            "•",
            "cookie:",
            "0812-",
        ),
    ],
)
def test_hostile_text_takes_linear_time(seed: str) -> None:
    text = seed * (100_000 // len(seed))
    started = time.process_time()  # independent of the load of the machine
    redact(text)
    assert time.process_time() - started < 3  # measured: 0.2; a quadratic pattern takes minutes


def test_a_megabyte_is_redacted() -> None:
    text = f"sent to {PHONE} with {KEY} at 2025-11-22T17:04:07, token=abc; " * 8000
    started = time.process_time()
    redacted = redact(text)
    assert time.process_time() - started < 20  # measured: 0.6
    assert redacted.count(MASKED) == 8000
    assert PHONE not in redacted
    assert KEY not in redacted


@dataclass(frozen=True, slots=True)
class Deep:
    names: tuple[str, ...]
    by_number: dict[str, list[str]]


def test_every_string_of_a_diagnosis_is_redacted_and_nothing_else_changes() -> None:
    finding = Finding(
        check="send.text",
        cause="refused",
        severity=Severity.CRITICAL,
        claim=f"refused for {PHONE}",
        measured=f"raw {PHONE}",
        why=f"because {PHONE}",
        remedy=(Step(f"ask {PHONE}", f"ask {PHONE}"), Step("wait")),
    )
    seen = Observation(
        Aspect.TEXT, NOW, value=Sent(False, "3EB0C431C26A1916E07A12", 463, "ack", f"to {PHONE}@lid"), raw=f"raw {PHONE}"
    )
    evidence = Evidence("testing", "store", {Aspect.TEXT: seen}, (Event(NOW, "Connected", f"as {PHONE}"),), 0.5)
    diagnosis = Diagnosis(
        session="testing",
        target=f"store of {PHONE}",
        mode=Mode.STRICT,
        verdict=Verdict.UNHEALTHY,
        headline=f"cannot send as {PHONE}",
        results=(CheckResult("send.text", Outcome.FAIL, note=f"note {PHONE}", finding=finding, at=NOW),),
        findings=(finding,),
        judged_at=NOW,
        evidence=evidence,
    )

    redacted = redact.model(diagnosis)

    assert PHONE not in repr(redacted) + repr(redacted.evidence)
    assert redacted.evidence is not None
    observation = redacted.evidence.observations[Aspect.TEXT]
    assert observation.value == Sent(False, "3EB0C431C26A1916E07A12", 463, "ack", f"to {MASKED}@lid")
    assert redacted.verdict is Verdict.UNHEALTHY
    assert redacted.mode is Mode.STRICT
    assert redacted.results[0].at == NOW
    assert redacted.findings[0].remedy == (Step(f"ask {MASKED}", f"ask {MASKED}"), Step("wait"))
    assert redact.model(redacted) == redacted


def test_strings_in_nested_data_are_redacted() -> None:
    assert redact.model(Deep((PHONE,), {PHONE: [PHONE]})) == Deep((MASKED,), {MASKED: [MASKED]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, ✔ and 漢字", "plain, ✔ and 漢字"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("one\r\ntwo\tthree\u2028four\xa0five", "one  two three four five"),
        ("a\u202eb\u200bc\ufeff", r"a\u202eb\u200bc\ufeff"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("a" * 40, "a" * 29 + "…"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, expected: str) -> None:
    assert printable(text, 30) == expected


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_printable_text_is_one_bounded_line_and_stays_the_same(text: str, limit: int) -> None:
    line = printable(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert printable(line, limit) == line


KEY_LIKE = "a9F3kQ7zL2mX8wB5tR1vC6nY4pD0sG7hJ3eK9uWq"  # forty characters that look random
HEX_LIKE = "3f2a9c0d1e4b5a69788f0d1c2b3a4958"


@pytest.mark.parametrize("name", [KEY_LIKE, HEX_LIKE, f"customer-{HEX_LIKE}", "WADIAG_TOKEN_" + "A1b2C3d4" * 4])
def test_a_configured_name_is_never_masked_as_a_key(name: str) -> None:
    assert "removed" in Redactor()(f"the session {KEY_LIKE} of {HEX_LIKE}")
    named = Redactor().for_names([name])
    assert named(f"no session {name}: pytest checks --session {name}.") == (
        f"no session {name}: pytest checks --session {name}."
    )
    assert named(named(name)) == name


def test_a_secret_beside_a_configured_name_is_removed() -> None:
    named = Redactor().for_names(["shop", HEX_LIKE])
    said = named(f"shop: token=s3cret, key {KEY_LIKE}, of {HEX_LIKE}")
    assert said == f"shop: token=[removed], key [key removed], of {HEX_LIKE}"


def test_numbers_that_would_look_the_same_get_a_suffix() -> None:
    numbers = ["628123456789", "628999456789", "628555456789"]
    shown = [Redactor().for_names(numbers)(number) for number in numbers]
    assert shown == ["628•••••••89", "628•••••••89~2", "628•••••••89~3"]


def test_names_are_not_masked_if_identities_are_shown() -> None:
    numbers = ["628123456789", "628999456789"]
    revealing = Redactor(show_identities=True).for_names([*numbers, KEY_LIKE])
    assert [revealing(name) for name in (*numbers, KEY_LIKE)] == [*numbers, KEY_LIKE]


@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", fullmatch=True), min_size=1, max_size=30))
def test_configured_names_stay_distinct_and_show_no_phone_number(names: list[str]) -> None:
    named = Redactor().for_names(names)
    shown = {name: named(name) for name in names}
    assert len(set(shown.values())) == len(shown)
    for name, said in shown.items():
        masked = without_identities(name)
        assert said == masked or said.startswith(f"{masked}~")
        assert named(said) == said


@given(st.text(max_size=60), st.sampled_from(["shop", "628123456789", HEX_LIKE]))
def test_a_configured_name_is_masked_in_any_text(text: str, name: str) -> None:
    named = Redactor().for_names(["shop", "628123456789", HEX_LIKE])
    assert "628123456789" not in named(f"{text} {name} {text}")
    assert named(f"\ue0a07\ue0a1 {name}")


def test_a_store_that_is_called_after_its_session_is_read_like_it() -> None:
    named = Redactor().for_names([KEY_LIKE, "628123456789", "628999456789"])
    assert named(f"/stores/{KEY_LIKE}.sqlite3") == f"/stores/{KEY_LIKE}.sqlite3"
    assert named("/stores/628999456789.sqlite3-wal") == "/stores/628•••••••89~2.sqlite3-wal"


def test_the_user_of_a_jid_is_masked_as_in_every_jid_though_a_session_is_called_like_it() -> None:
    named = Redactor().for_names(["628123456789", "628999456789"])
    assert named("628999456789:12@s.whatsapp.net") == "628•••••••89:12@s.whatsapp.net"
