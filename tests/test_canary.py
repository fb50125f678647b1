"""A secret is planted in every input of real runs, and looked for in everything that they write and hand on.

Inputs: options, environment, configuration file, the store's own texts, a proxy's and a gateway's answers, pasted logs.
Outputs: the terminal, JSON, JUnit, the page, environment and command line of child processes, files in TMPDIR.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from diagnostics.evidence.documents import of_evidence
from diagnostics.model import Absence, SocketState
from tests.check_runs import ROOT, environment
from tests.evidence_samples import evidence, lost
from tests.neonize.stores import change
from tests.secret_forms import CODES, FORMS, PHONES

CANARY = "hunter2S3cret"
PHONE = "628123450987"
ENVIRONMENT = {
    "SHOP_TOKEN": CANARY,
    "WADIAG_TOKEN": CANARY,
    "GITHUB_TOKEN": CANARY,
    "PGPASSWORD": CANARY,
    "DATABASE_URL": f"postgres://u:{CANARY}@127.0.0.1/db",
    "NO_PROXY": "",
}
SOMEHOW = "\n".join([*FORMS, *CODES, *(f"to {phone}" for phone in PHONES), f"+{PHONE}", f"{PHONE}@s.whatsapp.net"])
IN_BASE64 = base64.b64encode(f"me:{CANARY}".encode()).decode()


@dataclass
class Ran:
    """Everything that came out of a run, by where it came out."""

    code: int = 0
    seen: dict[str, str] = field(default_factory=dict)

    def keep(self, where: str, what: bytes | str) -> None:
        text = what if isinstance(what, str) else what.decode("utf-8", "replace")
        self.seen[where] = self.seen.get(where, "") + text

    def assert_nothing_leaked(self) -> None:
        for where, text in self.seen.items():
            for form in (text, unquote(text), text.replace("\\", ""), text.replace("\n", " ")):
                for secret in (CANARY, CANARY.lower(), IN_BASE64, "ABCD-EFGH", PHONE):
                    assert secret not in form, (where, form[max(0, form.find(secret) - 120) :][:200])


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def run(tmp_path: Path, *arguments: str, cwd: Path | None = None, text: str = "", **env: str) -> Ran:
    """Run a command with a TMPDIR of its own, and watch its children and their files while it runs.

    Its reports are written to `tmp_path`, whatever folder it runs in: only there are they looked at.
    """
    arguments = tuple(str(tmp_path / word) if word in OUTPUTS and word[0] != "-" else word for word in arguments)
    temporary = tmp_path / "tmp"
    temporary.mkdir(exist_ok=True)
    whole = environment(PYTHONPATH=str(ROOT), TMPDIR=str(temporary), **{**ENVIRONMENT, **env})
    ran = Ran()
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd or tmp_path,
        env=whole,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, temporary, ran, ended))
        watcher.start()
        out, err = process.communicate(text.encode(), timeout=120)
        ended.set()
        watcher.join()
    ran.code = process.returncode
    ran.keep("stdout", out)
    ran.keep("stderr", err)
    for folder in (tmp_path / "reports", temporary):
        for path in folder.rglob("*"):
            if path.is_file():
                ran.keep(f"file {path.relative_to(tmp_path)}", path.read_bytes())
    assert "Traceback" not in ran.seen["stdout"] + ran.seen["stderr"]
    return ran


def _watch(pid: int, temporary: Path, ran: Ran, ended: threading.Event) -> None:
    """Until the run has ended: what its workers were started with, and what lies in its TMPDIR."""
    known: set[object] = set()
    while not ended.wait(0.005):
        for child in set(children(pid)) - known:
            with suppress(OSError):
                command = Path(f"/proc/{child}/cmdline").read_bytes()
                if b"diagnostics.neonize.worker" in command:  # and so no copy of its parent any more
                    known.add(child)
                    ran.keep(f"command of worker {child}", command)
                    ran.keep(f"environment of worker {child}", Path(f"/proc/{child}/environ").read_bytes())
        for path in set(temporary.rglob("*")) - known:
            with suppress(OSError):
                if path.is_file() and path.stat().st_size:
                    known.add(path)
                    ran.keep(f"meanwhile {path.name}", path.read_bytes())


WADIAG = ("-m", "diagnostics")
OUTPUTS = ("--reports", "reports", "--junitxml", "reports/junit.xml", "-vv")


class Echo(BaseHTTPRequestHandler):
    """Says secrets, and repeats what it is asked with, in every way that an answer has room for."""

    def do_GET(self) -> None:
        heard = f"{SOMEHOW}\nyou said {self.headers.get('Authorization', '')} and {self.headers.get('X-Api-Key', '')}"
        session = self.path.rpartition("/")[2].partition("?")[0]
        problem = {"code": heard, "title": heard, "detail": heard}
        good = evidence(
            session,
            text=Absence.NOT_ASKED,
            image=Absence.NOT_ASKED,
            socket=SocketState.CLOSED,
            disconnect=lost(None, heard, raw=heard),
        )
        document = msgspec.json.encode({"session": session, "evidence": of_evidence(good)}).decode()
        spoken = document.replace("raw socket", json.dumps(heard)[1:-1]).replace('"test"', json.dumps(heard))
        answers = {
            "sick": (200, "application/json", spoken),
            "refused": (401, "application/json", json.dumps(problem)),
            "broken": (500, "application/json", json.dumps(problem)),
            "page": (200, "text/html", f"<h1>{heard}</h1>"),
            "typed": (200, f"x/{CANARY}; token={CANARY}", heard),
            "moved": (302, "text/html", ""),
        }
        status, kind, body = answers.get(session, (404, "application/json", json.dumps(problem)))
        self.send_response(status, f"{CANARY} password is {CANARY}")
        self.send_header("Content-Type", kind)
        self.send_header("Location", f"http://u:{CANARY}@127.0.0.1:9/{CANARY}?token={CANARY}")
        self.end_headers()
        self.wfile.write(body.encode())

    def do_CONNECT(self) -> None:
        self.send_response(407, f"{self.headers.get('Proxy-Authorization', '')} {CANARY}")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echo() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("command", [WADIAG, (*WADIAG, "--json")], ids=["text", "json"])
def test_a_gateway_that_says_secrets_makes_nobody_else_say_them(tmp_path: Path, command: tuple[str, ...]) -> None:
    sessions = ["sick", "refused", "broken", "page", "typed", "moved", "unknown"]
    with echo() as port:
        target = ("--target", "gateway", "--url", f"http://127.0.0.1:{port}", "--token-env", "SHOP_TOKEN")
        json_wanted = command[2:]
        ran = run(tmp_path, *WADIAG, "check", *sessions, *json_wanted, *target, *OUTPUTS)
    assert ran.code == 1
    assert "file reports/junit.xml" in ran.seen
    assert "file reports/latest.html" in ran.seen
    ran.assert_nothing_leaked()


@pytest.mark.parametrize("way", ["--proxy", "HTTPS_PROXY"])
def test_a_proxys_password_reaches_the_proxy_and_nobody_else(
    tmp_path: Path, whatsapp_session: object, way: str
) -> None:
    store: Path = whatsapp_session.store  # type: ignore[attr-defined]
    change(store, "UPDATE whatsmeow_device SET push_name = ?, business_name = ?", values=(SOMEHOW, SOMEHOW))
    os.utime(store, (0, 0))
    with echo() as port:
        proxy = f"http://me:{CANARY}@127.0.0.1:{port}"
        look = (*WADIAG, "check", "bot", "--target", "neonize", "--store", str(store), "--connect")
        if way == "--proxy":
            ran = run(tmp_path, *look, "--proxy", proxy, "--json", *OUTPUTS)
        else:
            ran = run(tmp_path, *look, "--json", *OUTPUTS, **{way: proxy, way.lower(): proxy})
    workers = [where for where in ran.seen if where.startswith("environment of worker")]
    assert workers
    assert "whatsapp-unreachable" in ran.seen["stdout"]
    ran.assert_nothing_leaked()


STORES = [
    f"postgresql://u:{CANARY}@h/db",
    f"postgresql+psycopg://u:{CANARY}@h/db",
    f"POSTGRES://u:{CANARY}@h/db",
    f"mysql://u:a/{CANARY}@h/db",
    f"postgresql://u:a'{CANARY}@h/db",
    f"postgresql://u:a {CANARY}@h/db",
    f"postgresql:/u:{CANARY}@h/db",
    f"postgresql://h/db?password={CANARY}",
    f"file:///x.db?_auth&_auth_user=u&_auth_pass={CANARY}",
    f"host=h password={CANARY}",
    f"u:{CANARY}@h:5432/db",
]


@pytest.mark.parametrize("store", STORES)
def test_a_password_in_the_address_of_a_store_is_nowhere(tmp_path: Path, store: str) -> None:
    for number, store_words in enumerate((("--store", store), ())):
        env = {} if store_words else {"WADIAG_STORE": store}
        checks = ("-m", "pytest", str(ROOT / "checks"), "-p", "no:cacheprovider", "-p", "html", "-p", "metadata")
        ran = run(
            tmp_path, *checks, "--session", "bot", "--target", "neonize", *store_words, *OUTPUTS, "--tb=long",
            cwd=ROOT if number else tmp_path, **env,
        )  # fmt: skip
        assert ran.code in (1, 4)
        ran.assert_nothing_leaked()


CONFIGURATIONS = [
    f'[targets.bots]\nkind = "neonize"\nstore = "postgresql://u:{CANARY}@h/db"',
    f'[targets.bots]\nkind = "neonize"\nproxy = "http://u:{CANARY}@127.0.0.1:9"\nstore = "x"',
    f'[targets.bots]\nkind = "gateway"\ntoken = "{CANARY}"',
    f'[targets.bots]\nkind = "gateway"\nurl = "http://u:{CANARY}@127.0.0.1:9"',
    f'[targets.bots]\nkind = "gateway"\ntoken_env = "Bearer {CANARY}"',
    f'[targets.bots]\nkind = "gateway"\npassword = "{CANARY}',
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_secret_in_the_configuration_is_refused_without_being_repeated(tmp_path: Path, configuration: str) -> None:
    (tmp_path / "diagnostics.toml").write_text(f'{configuration}\n\n[sessions.shop]\ntarget = "bots"\n')
    ran = run(tmp_path, *WADIAG, "check", "shop", *OUTPUTS)
    assert ran.code == 4
    ran.assert_nothing_leaked()


@pytest.mark.parametrize("option", ["--url", "--token-env", "--proxy", "--deadline", "--mode", "--target", "--send-to"])
def test_an_option_that_holds_a_secret_by_mistake_does_not_repeat_it(tmp_path: Path, option: str) -> None:
    wrong = f"http://u:{CANARY}@127.0.0.1:9/?token={CANARY}"
    kind = () if option == "--target" else ("--target", "gateway")
    ran = run(tmp_path, *WADIAG, "check", "shop", *kind, option, wrong, *OUTPUTS)
    assert ran.code == 4
    ran.assert_nothing_leaked()


SIGNS = ["Stream Errored (conflict)", "device_removed", "timed out waiting for message", "connect ECONNREFUSED", "429"]


@pytest.mark.parametrize("answer", [(), ("--json",), ("--lang", "id")])
def test_a_pasted_log_is_explained_without_its_secrets(tmp_path: Path, answer: tuple[str, ...]) -> None:
    lines = "\n".join(
        f"{sign}: {form}" for number, form in enumerate(SOMEHOW.splitlines()) for sign in (SIGNS[number % len(SIGNS)],)
    )
    ran = run(tmp_path, *WADIAG, "explain", *answer, "-", text=lines)
    assert ran.seen["stdout"]
    ran.assert_nothing_leaked()
    for form in FORMS:
        ran.keep("typed", _explained(f"unknown words 428 {form}"))
    ran.assert_nothing_leaked()


def _explained(text: str) -> str:
    """What `wadiag explain` says of a text, in this process."""
    from diagnostics.explaining.explain import explain, nearest  # noqa: PLC0415

    return repr(explain(text)) + repr(nearest(text))
