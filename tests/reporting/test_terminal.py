"""The block that a person reads: what stands first, what is said, and that it fits where it is printed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.model import CheckResult, Diagnosis, Finding, Mode, Outcome, Severity, Step, Verdict
from diagnostics.redact import Redactor, redact
from diagnostics.reporting.terminal import finding_lines, header, known_encoding, render

NOW = datetime(2025, 11, 22, 10, 41, 7, tzinfo=UTC)
UNLINKED = Finding(
    check="session.authenticated",
    cause="device-removed",
    severity=Severity.CRITICAL,
    claim="the phone unlinked this device",
    measured="401 device_removed at 10:41:07, for 628123456789:12@s.whatsapp.net",
    why="WhatsApp refuses every message until the device is linked again",
    remedy=(
        Step("wadiag pair testing", "wadiag pair testing"),
        Step("on the phone: Settings > Linked devices > Link a device, scan the code"),
        Step("pytest checks --session testing", "pytest checks --session testing", safe=True),
    ),
)
CONNECTING = Finding(
    check="socket.state",
    cause="connecting",
    severity=Severity.WARNING,
    claim="the socket is still connecting",
    measured="CONNECTING (0)",
    why="messages wait until it is open",
    remedy=(Step("wait a minute"),),
)


def diagnosis(
    name: str, verdict: Verdict, headline: str, *findings: Finding, blocked: tuple[str, ...] = ()
) -> Diagnosis:
    results = [CheckResult(finding.check, Outcome.FAIL, finding=finding, at=NOW) for finding in findings]
    results += [CheckResult(check, Outcome.BLOCKED, blocked_by=findings[0].check) for check in blocked]
    return Diagnosis(name, "simulator", Mode.PERMISSIVE, verdict, headline, tuple(results), findings, NOW)


SICK = diagnosis("testing", Verdict.UNHEALTHY, "cannot send", UNLINKED, blocked=("socket.state", "send.text"))
WARNED = diagnosis("shop", Verdict.DEGRADED, "can send, with warnings", CONNECTING)
UNSEEN = diagnosis("far", Verdict.UNKNOWN, "could not look")


def healthy(count: int) -> list[Diagnosis]:
    return [diagnosis(f"bot-{number}", Verdict.HEALTHY, "can send") for number in range(count)]


def text(*diagnoses: Diagnosis, width: int = 80, encoding: str = "utf-8", redact: Redactor = redact) -> str:
    lines = render(diagnoses, width=width, encoding=encoding, redact=redact)
    return "\n".join(line.text for line in lines)


def test_a_sick_session_says_what_why_and_how_to_fix_it() -> None:
    lines = render([SICK], report="reports/latest.html")
    assert [line.text for line in lines] == [
        "✘ testing  UNHEALTHY  cannot send",
        "  CRITICAL  session.authenticated   the phone unlinked this device",
        "            seen 401 device_removed at 10:41:07, for",
        "                 628•••••••89:12@s.whatsapp.net",
        "            why  WhatsApp refuses every message until the device is linked again",
        "            fix  1. wadiag pair testing",
        "                 2. on the phone: Settings > Linked devices > Link a device,",
        "                    scan the code",
        "                 3. pytest checks --session testing",
        "            follows from it: socket.state, send.text",
        "report   reports/latest.html",
    ]
    assert lines[0].markup == {"bold": True, "red": True}


def test_on_a_narrow_terminal_nothing_is_lost() -> None:
    lines = text(SICK, width=40).split("\n")
    assert lines[:7] == [
        "✘ testing  UNHEALTHY  cannot send",
        "  CRITICAL  session.authenticated",
        "    the phone unlinked this device",
        "    seen 401 device_removed at 10:41:07,",
        "         for",
        "         628•••••••89:12@s.whatsapp.net",
        "    why  WhatsApp refuses every message",
    ]
    assert max(map(len, lines)) <= 40


def test_a_healthy_session_is_one_line() -> None:
    assert text(*healthy(1)) == "✔ bot-0  HEALTHY  can send"


def test_trouble_stands_first_and_the_worst_of_it_before_the_rest() -> None:
    lines = text(*healthy(1), WARNED, UNSEEN, SICK).split("\n")
    assert lines[0] == "4 sessions: 1 unhealthy, 1 unknown, 1 degraded, 1 healthy"
    heads = [line for line in lines[1:] if not line.startswith(" ")]
    assert heads == [
        "✘ testing  UNHEALTHY  cannot send",
        "? far  UNKNOWN  could not look",
        "▲ shop  DEGRADED  can send, with warnings",
        "✔ bot-0  HEALTHY  can send",
    ]


def test_many_healthy_sessions_are_one_line() -> None:
    assert text(*healthy(10)).count("HEALTHY") == 10
    assert text(*healthy(11)) == "11 sessions: 11 healthy\n✔ 11 sessions  HEALTHY  can send"


def test_of_very_many_sick_sessions_the_first_are_explained_and_each_is_named() -> None:
    sick = [diagnosis(f"s{number}", Verdict.UNHEALTHY, "cannot send", UNLINKED) for number in range(12)]
    said = text(*sick)
    assert said.count("fix  1.") == 10
    assert said.endswith("✘ s11  UNHEALTHY  the phone unlinked this device (session.authenticated)")


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "no-such-encoding"])
def test_a_stream_without_the_signs_gets_them_in_ascii(encoding: str) -> None:
    said = text(SICK, WARNED, UNSEEN, *healthy(1), encoding=encoding)
    assert "x testing  UNHEALTHY  cannot send" in said
    assert "! shop  DEGRADED" in said
    assert "? far  UNKNOWN" in said
    assert "+ bot-0  HEALTHY" in said
    assert "628*******89:12@s.whatsapp.net" in said
    said.encode("ascii")


def test_identities_are_shown_to_those_who_ask() -> None:
    assert "628123456789:12@s.whatsapp.net" in text(SICK, redact=Redactor(show_identities=True))


@given(
    st.text(max_size=80),
    st.integers(min_value=20, max_value=120),
    st.sampled_from(["utf-8", "ascii", "latin-1"]),
)
def test_hostile_text_neither_moves_the_cursor_nor_leaves_its_line(said: str, width: int, encoding: str) -> None:
    finding = Finding("send.text", "x", Severity.UNKNOWN, said, said, said, (Step(said), Step(said)))
    for line in render([diagnosis("s", Verdict.UNKNOWN, said, finding)], width=width, encoding=encoding, report=said):
        assert line.text.isprintable()
        assert len(line.text) <= width
        line.text.encode(encoding)


def test_wide_characters_count_as_two_columns() -> None:
    lines = text(diagnosis("s", Verdict.UNKNOWN, "漢字" * 30), width=40).split("\n")
    assert len(lines) == 5
    assert lines[1] == "  " + "漢字" * 9 + "漢"


def test_a_single_finding_stands_in_for_a_traceback() -> None:
    lines = finding_lines(CONNECTING)
    assert [line.text for line in lines] == [
        "  WARNING   socket.state   the socket is still connecting",
        "            seen CONNECTING (0)",
        "            why  messages wait until it is open",
        "            fix  1. wait a minute",
    ]
    assert lines[0].markup == {"yellow": True}


def test_the_header_says_where_how_which_and_how_long() -> None:
    target = "simulator (embedded, nothing leaves this machine)"
    assert header(targets=[target], mode=Mode.PERMISSIVE, sessions=["testing"], deadline=30.0) == [
        f"target   {target}      mode permissive",
        "session  testing, at most 30 s",
    ]
    assert header(targets=["a", "b of +628123456789"], mode=Mode.STRICT, sessions=["x", "y"], deadline=0.5) == [
        "target   a",
        "         b of +628•••••••89",
        "mode     strict",
        "session  x, y, at most 0.5 s each",
    ]
    many = header(targets=["a"], mode=Mode.STRICT, sessions=[f"s{n}" for n in range(12)], deadline=1)
    assert many[1] == "session  s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more, at most 1 s each"


@pytest.mark.parametrize(
    ("encoding", "known"), [("UTF-8", "utf-8"), (None, "ascii"), ("", "ascii"), ("no-such-encoding", "ascii")]
)
def test_an_unknown_stream_is_taken_for_ascii(encoding: str | None, known: str) -> None:
    assert known_encoding(encoding) == known
