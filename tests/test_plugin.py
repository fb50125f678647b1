"""`pytest checks --session …` as a person runs it: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.check_runs import (
    FAILED,
    INTERRUPTED,
    NOTHING_CHECKED,
    OK,
    ROOT,
    USAGE,
    Ran,
    command,
    environment,
    runner,
    runner_here,
)


@pytest.fixture
def run(tmp_path: Path):
    return runner_here(tmp_path / "reports")


@pytest.fixture
def run_alone(tmp_path: Path):
    """In a process of its own."""
    return runner(tmp_path / "reports")


# --- the main path ---


def test_a_healthy_session_passes_every_check_without_any_warning_and_writes_the_report(run_alone):
    ran = run_alone("--session", "testing")
    assert ran.code == OK
    assert "10 passed" in ran.out
    assert "warn" not in ran.out.lower()
    said = " ".join(ran.out.split())
    assert "✔ testing HEALTHY (simulated) can send (text and image acknowledged by the server)" in said
    assert "target   simulator (embedded, nothing leaves this machine)" in ran.out
    assert "HEALTHY" in ran.page
    dated = [path.name for path in ran.reports.iterdir() if path.name != "latest.html"]
    assert len(dated) == 1
    assert re.fullmatch(r"report-\d{8}T\d{6}Z\.html", dated[0])


def test_the_findings_speak_indonesian_where_that_is_asked_for(run):
    ran = run("--session", "testing=missing", "--lang", "id")
    assert ran.code == FAILED
    assert "✘ testing  TIDAK SEHAT (simulasi)  tidak bisa mengirim" in ran.out
    assert "solusi" in ran.out
    assert "UNHEALTHY" not in ran.out


def test_several_sessions_play_several_scenarios_and_the_sick_one_is_told_first(run, tmp_path):
    results = tmp_path / "results.xml"
    ran = run("--session", "a=healthy", "--session", "b=logged-out", "--mode", "strict", f"--junitxml={results}")
    assert ran.code == FAILED
    diagnosis = ran.out.partition("= diagnosis =")[2]
    assert diagnosis.index("✘ b  UNHEALTHY (simulated)  cannot send: the phone unlinked this device") < diagnosis.index(
        "✔ a  HEALTHY (simulated)"
    )
    assert "follows from it: connection.accepted, socket.state" in diagnosis
    cases = ET.parse(results).getroot().iter("testcase")  # noqa: S314 - our own file
    properties = {
        (case.get("name"), found.get("name")): found.get("value") for case in cases for found in case.iter("property")
    }
    assert '"cause":"device-removed"' in properties["test_session_authenticated[b]", "finding"]
    assert properties["test_session_authenticated[a]", "outcome"] == "pass"
    assert properties["test_socket_state[b]", "blocked_by"] == "session.authenticated"


def test_an_unknown_socket_state_warns_in_permissive_mode_and_fails_in_strict_mode(run):
    permissive = run("--session", "testing=unknown-state")
    assert permissive.code == OK
    assert "9 passed, 1 warned" in permissive.out
    assert "▲ testing  DEGRADED (simulated)" in permissive.out
    strict = run("--session", "testing=unknown-state", "--mode", "strict")
    assert strict.code == FAILED
    assert "✘ testing  UNHEALTHY (simulated)" in strict.out


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run that fails, with tracebacks asked for."""
    return runner(tmp_path_factory.mktemp("failed"))("--session", "shop", "--tb", "long")


def test_a_session_that_nobody_described_does_not_exist_in_the_simulator(failed):
    assert failed.code == FAILED
    assert "CRITICAL  session.exists   there is no session with this name" in failed.out
    assert "1 failed, 1 passed, 8 blocked" in failed.out


def test_the_output_fits_80_columns_and_carries_no_colour_codes_when_none_are_wanted(failed):
    diagnosis = failed.out.partition("= diagnosis =")[2]
    assert max(map(len, diagnosis.splitlines())) <= 80
    assert "\x1b" not in failed.out


def test_a_failing_check_shows_its_finding_and_no_code_of_ours_even_where_tracebacks_are_asked_for(failed):
    assert "FAILURES" in failed.out
    failures = failed.out.partition("FAILURES")[2].partition("= diagnosis =")[0]
    assert "there is no session with this name" in failures
    assert "plugin.py" not in failures
    assert "def test_" not in failures


def test_a_session_that_is_called_by_its_phone_number_is_judged_and_the_number_stays_inside(run, tmp_path):
    results = tmp_path / "results.xml"
    ran = run("--session", "628123456789=healthy", "-v", f"--junitxml={results}")
    assert ran.code == OK
    for text in (ran.out, ran.page, results.read_text(encoding="utf-8")):
        assert "628123456789" not in text


# --- selection ---


def test_an_unhealthy_session_is_never_green_even_if_the_selected_check_passes(run):
    ran = run("--session", "testing=unknown-state", "--mode", "strict", "-k", "text")
    assert "1 passed" in ran.out
    assert ran.code == FAILED


def test_a_send_that_was_not_tried_did_not_pass(run):
    ran = run("--session", "testing=connecting", "-m", "sending", "--deadline", "5")
    assert "2 blocked" in ran.out
    assert ran.code == NOTHING_CHECKED


def test_collect_only_lists_the_checks_and_looks_at_nothing(run):
    ran = run("--session", "testing=missing", "--collect-only", "-q")
    assert ran.code == OK
    assert "checks/test_sending.py::test_image_is_sent[testing]" in ran.out
    assert "diagnosis" not in ran.out
    assert not ran.reports.exists()


def test_a_selected_check_fails_with_the_root_cause_even_where_that_check_was_deselected(run):
    ran = run("--session", "testing=missing", "-k", "image")
    assert ran.code == FAILED
    assert "session.exists   there is no session with this name" in ran.out
    assert "1 failed, 9 deselected" in ran.out


def test_selecting_the_store_checks_connects_nothing_and_does_not_call_the_session_healthy(run):
    ran = run("--session", "testing", "-m", "store")
    assert ran.code == OK
    assert "2 passed, 8 deselected" in ran.out
    assert "? testing  UNKNOWN (simulated)  nothing wrong so far" in ran.out


def test_with_xdist_every_session_is_still_looked_at_once(run_alone):
    ran = run_alone("--session", "testing", "-p", "xdist", "-n", "2")
    assert ran.code == OK
    assert "10 passed" in ran.out
    assert "workers" not in ran.out
    assert len(list(ran.reports.glob("report-*.html"))) == 1


# --- wrong input ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no --session given: nothing would be checked"),
        (["--collect-only"], "no --session given: nothing would be checked"),
        (["--session", "a=healty"], 'there is no scenario "healty". Did you mean "healthy"?'),
        (["--session", "a", "--deadline", "0"], '--deadline is "0"; valid: a number of seconds from 5 to 600'),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_4(run, arguments, said):
    """All that can be wrong is in test_config.py."""
    ran = run(*arguments)
    assert ran.code == USAGE
    assert said in ran.out
    assert not ran.reports.exists()


def test_the_configuration_file_is_used_and_a_broken_one_says_where(run, run_alone, tmp_path):
    good, broken = tmp_path / "good.toml", tmp_path / "broken.toml"
    good.write_text('mode = "strict"\n[sessions.bot]\nscenario = "unknown-state"\n', encoding="utf-8")
    broken.write_text("mode = \n", encoding="utf-8")
    assert run("--session", "bot", "--config", str(good)).code == FAILED
    ran = run_alone("--session", "bot", WADIAG_CONFIG=str(broken))
    assert ran.code == USAGE
    assert "not valid TOML" in ran.out
    assert "line 1" in ran.out


# --- endings ---


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text(encoding="ascii").split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False


def until(condition, seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_survives_a_run_that_is_ended(tmp_path, how):
    with subprocess.Popen(
        command(tmp_path, "--session", "testing=ack-lost", "--deadline", "60"),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert until(lambda: children_of(process.pid)), "the worker never started"
        workers = children_of(process.pid)
        time.sleep(0.3)  # somewhere in its imports, or in the look itself
        process.send_signal(how)
        process.communicate(timeout=30)
        assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else INTERRUPTED)
    assert until(lambda: not any(map(alive, workers))), f"{workers} survived"
