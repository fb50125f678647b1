"""`wadiag check`, in a process of its own and in any folder, as somebody without a checkout runs it."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from diagnostics.commands.check import take_apart
from diagnostics.errors import UsageProblem
from diagnostics.evidence.documents import schema
from tests.check_runs import FAILED, INTERRUPTED, NOTHING_CHECKED, OK, ROOT, USAGE, environment

WADIAG = [sys.executable, "-m", "diagnostics"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Somebody's project, whose configuration of pytest fits its own tests only."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --cov --no-such-option\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise SystemExit('not to be imported')\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def check(elsewhere: Path):
    def run(*arguments: str, **env: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*WADIAG, "check", *arguments],
            cwd=elsewhere,
            env=environment(PYTHONPATH=str(ROOT), **env),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_healthy_session_is_healthy_in_any_folder_and_the_report_is_written_there(check, elsewhere):
    code, out, _ = check("testing")
    assert code == OK
    assert out.startswith("target   simulator (embedded, nothing leaves this machine)")
    assert "✔ testing  HEALTHY (simulated)" in out
    assert (elsewhere / "reports/latest.html").is_file()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["conftest.py", "pytest.ini", "reports"]


def test_the_remedy_names_this_command_with_its_options(check):
    code, out, _ = check("testing=logged-out", "--deadline", "20")
    assert code == FAILED
    again = "-m diagnostics check testing=logged-out --deadline 20"
    assert again in " ".join(out.split())


def test_options_of_pytest_pass_through(check, elsewhere):
    code, out, _ = check("testing", "--mode", "strict", "-k", "exists or intact", "--junitxml=results.xml", "-v")
    assert code == OK
    assert "2 passed, 8 deselected" in out
    assert (elsewhere / "results.xml").is_file()


def test_options_of_pytest_may_come_from_the_environment(check):
    code, out, _ = check("testing", PYTEST_ADDOPTS="-v -k exists --deadline 20")
    assert code == OK
    assert "1 passed, 9 deselected" in out
    assert "at most 20 s" in out


def test_checks_of_ones_own_run_beside(check, tmp_path_factory):
    mine = tmp_path_factory.mktemp("mine") / "test_mine.py"
    mine.write_text("def test_mine(diagnosis):\n    assert diagnosis.session == 'testing'\n", encoding="utf-8")
    code, out, _ = check("testing", "--checks", str(mine), "-k", "mine or exists")
    assert code == OK
    assert "2 passed" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no session is named"),
        (["-k", "exists"], "names come before pytest's options"),
        (["testing", "--deadline"], "--deadline needs a value"),
        (["testing=healty"], 'Did you mean "healthy"?'),
        (["testing", "--deadline", "0"], '--deadline is "0"'),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_4(check, arguments, said):
    code, out, err = check(*arguments)
    assert (code, out) == (USAGE, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_nothing_selected_is_exit_code_5(check):
    code, _, _ = check("testing", "-k", "nothing-at-all")
    assert code == NOTHING_CHECKED


# --- JSON ---


def valid(document: dict[str, Any], part: str = "") -> dict[str, Any]:
    form = schema()
    jsonschema.validate(document, {**form, "$ref": part} if part else form)
    return document


class _Believed(http.server.BaseHTTPRequestHandler):
    """A gateway that tells what its client believes, and nothing that proves it."""

    def do_GET(self) -> None:
        body = json.dumps({"exists": True, "authenticated": True, "socket": "OPEN"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Standard error is the run's."""


def test_a_full_run_that_ends_unknown_does_not_end_well(check):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Believed) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            code, out, _ = check("testing", "--target", "gateway", "--url", url, WADIAG_TOKEN="believed")
        finally:
            server.shutdown()
    assert code == FAILED
    assert "UNKNOWN  not known whether it can send: nothing proves it" in out
    assert "--send-to NUMBER" in " ".join(out.split())


def test_the_published_schema_is_the_one_of_the_code():
    assert json.loads((ROOT / "docs/diagnosis.schema.json").read_text(encoding="utf-8")) == schema()


def test_json_is_one_document_and_nothing_else_on_standard_output(check):
    code, out, err = check("testing", "shop=logged-out", "628123456789=zombie", "--json")
    assert (code, err) == (FAILED, "")
    document = valid(json.loads(out))
    assert document["exit_code"] == FAILED
    assert document["complete"] is True
    assert document["counts"] == {"healthy": 1, "degraded": 0, "unhealthy": 2, "unknown": 0}
    by_name = {each["session"]: each for each in document["sessions"]}
    assert by_name["testing"]["findings"] == []
    assert by_name["shop"]["causes"] == ["device-removed"]
    assert {each["check"]: each["outcome"] for each in by_name["shop"]["checks"]}["send.text"] == "blocked"
    assert by_name["shop"]["evidence"]["observations"]["disconnect"]["value"]["code"] == 401
    assert "628123456789" not in out


def test_ndjson_is_a_line_for_each_session_as_it_finishes_and_a_last_one_for_the_run(check):
    code, out, _ = check("slow=zombie", "fast=missing", "--ndjson", "--deadline", "10")
    assert code == FAILED
    first, second, last = map(json.loads, out.splitlines())
    assert [first.pop("kind"), second.pop("kind"), last["kind"]] == ["diagnosis", "diagnosis", "run"]
    assert [first["session"], second["session"]] == ["fast", "slow"]
    valid(first, "#/$defs/DiagnosisDocument")
    assert last["counts"]["unhealthy"] == 2
    assert "sessions" not in last


@pytest.mark.parametrize("form", ["--json", "--ndjson"])
def test_a_reader_that_has_seen_enough_changes_nothing_of_the_run(elsewhere, form):
    with subprocess.Popen(
        [*WADIAG, "check", "a=missing", form],
        cwd=elsewhere,
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == FAILED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_reports_what_is_finished_and_says_what_is_not(elsewhere, number):
    with subprocess.Popen(
        [*WADIAG, "check", "soon=missing", "never=ack-lost", "--ndjson", "--deadline", "60"],
        cwd=elsewhere,
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (INTERRUPTED, "")
    assert first["session"] == "soon"
    last = json.loads(rest)
    assert (last["complete"], last["stopped_by"], last["unfinished"]) == (False, number.name, ["never"])
    assert last["exit_code"] == INTERRUPTED
    page = (elsewhere / "reports/latest.html").read_text(encoding="utf-8")
    assert f"stopped by {number.name}, not looked at" in page


# --- the command line ---


def test_names_and_our_options_may_mix_and_what_follows_an_option_of_pytest_is_its_own():
    typed = take_apart(["a", "--mode", "strict", "b=closed", "--connect", "-m", "store", "--send-to=628123456789", "x"])
    assert typed.names == ["a", "b=closed"]
    assert typed.given == {"mode": "strict", "connect": True, "send_to": "628123456789"}
    assert typed.passed == ["-m", "store", "x"]


def test_an_option_without_its_value_is_refused():
    with pytest.raises(UsageProblem, match="--store needs a value"):
        take_apart(["a", "--store"])
