"""`wadiag pair` in a process of its own, against the simulator: what it draws is read by an independent reader."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from diagnostics.cli import main
from diagnostics.neonize.lease import acquire
from diagnostics.neonize.store import read_store
from diagnostics.reporting.qr import Screen, drawn
from diagnostics.simulator import SimulatedAccount, WhatsAppServer
from diagnostics.simulator.server_settings import Settings
from diagnostics.testing import eventually
from tests.check_runs import ROOT, environment
from tests.serving import TOKEN, serving

_COLOURS = re.compile(r"\x1b\[(?:38;5;(\d+);)?48;5;(\d+)m|\x1b\[0m")
_PIXELS = 6  # of a half block


def rendered(lines: list[str], *, theme: tuple[int, int]) -> Image.Image:
    """A picture of the screen, as a terminal with these colours (letters, ground) shows it.

    Half blocks, spaces and the two colour sequences that the drawing uses.
    """
    rows: list[bytes] = []
    for line in lines:
        upper, lower = bytearray(), bytearray()
        letters, ground = theme
        at = 0
        while at < len(line):
            if match := _COLOURS.match(line, at):
                letters, ground = theme
                if match[2]:
                    letters = {"231": 255, "16": 0, None: letters}[match[1]]
                    ground = {"231": 255, "16": 0}[match[2]]
                at = match.end()
                continue
            halves = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}[line[at]]
            upper.append(letters if halves[0] else ground)
            lower.append(letters if halves[1] else ground)
            at += 1
        rows += [bytes(upper), bytes(lower)]
    picture = Image.new("L", (len(rows[0]) + 8, len(rows) + 8), theme[1])  # some of the terminal around it
    picture.paste(Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows)), (4, 4))
    return picture.resize((picture.width * _PIXELS, picture.height * _PIXELS), Image.Resampling.NEAREST)


DARK_THEME, LIGHT_THEME = (220, 30), (20, 250)


def read(lines: list[str], theme: tuple[int, int] = DARK_THEME) -> list[str]:
    picture = rendered(lines, theme=theme)
    return [found.text for found in zxingcpp.read_barcodes(picture, try_invert=False)]


CODE = (
    "https://wa.me/settings/linked_devices#2@"
    + "a1" * 24
    + ("," + "jaTftEVXfZSmfbkAdONX7qk0TDPjxDDW0b3qKHV5t34=") * 3
    + ",6"
)


@pytest.mark.parametrize("theme", [DARK_THEME, LIGHT_THEME], ids=["dark", "light"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_camera_reads_the_code_from_dark_and_light_terminals(theme, encoding):
    lines = drawn(CODE, encoding=encoding)
    assert "".join(lines).encode(encoding)
    assert read(lines, theme) == [CODE]


def test_a_terminal_without_colours_is_taken_to_be_dark():
    lines = drawn(CODE, plain=True)
    assert "\x1b" not in "".join(lines)
    assert read(lines) == [CODE]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_the_next_code_is_drawn_over_the_last_one_where_there_is_room(monkeypatch):
    monkeypatch.setenv("LINES", "60")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("TERM", raising=False)
    out = Terminal()
    screen = Screen(out)
    screen.show("first", "code 1")
    height = out.getvalue().count("\n")
    screen.show("second", "code 2")
    before, _, after = out.getvalue().partition(f"\x1b[{height}F\x1b[J")
    assert read(before.splitlines()[:-1]) == ["first"]
    assert read(after.splitlines()[:-1]) == ["second"]


@pytest.mark.parametrize("terminal", [io.StringIO, Terminal], ids=["file", "low terminal"])
def test_elsewhere_the_codes_follow_one_another(terminal, monkeypatch):
    monkeypatch.setenv("LINES", "10")
    out = terminal()
    screen = Screen(out)
    screen.show("first", "code 1")
    screen.show("second", "code 2")
    assert "\x1b[J" not in out.getvalue()


@pytest.mark.parametrize(("columns", "lines"), [("56", "60"), ("100", "30")])
def test_on_a_terminal_that_is_too_small_it_is_said_how_large_it_must_be(monkeypatch, columns, lines):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", lines)
    out = Terminal()
    Screen(out).show(CODE, "code 1")
    assert "it needs 57 columns and 31 lines" in out.getvalue()


# --- the command ---


@pytest.fixture(scope="module")
def server() -> Iterator[WhatsAppServer]:
    with WhatsAppServer() as server:
        yield server


@pytest.fixture
def account(server: WhatsAppServer) -> SimulatedAccount:
    return server.add_account()


class Pairing:
    """The command, running; what it prints is read line by line."""

    def __init__(self, server: WhatsAppServer, cwd: Path, *arguments: str, **more: str) -> None:
        env = environment(**server.bot_environment(), PYTHONPATH=str(ROOT), **more)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "diagnostics.cli", "pair", *arguments],
            cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        self.lines: list[str] = []

    def until(self, start: str) -> str:
        """Read up to the line that starts so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.lines[-1].startswith(start):
                return self.lines[-1]
        raise AssertionError(f"no line {start!r} in {self.lines[-5:]}, {self.ended()}")

    def code(self) -> str:
        self.until("code ")
        (text,) = read([line for line in self.lines if line.startswith("\x1b")])
        self.lines.clear()
        return text

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        assert "Traceback" not in out + err
        return self.process.returncode, "\n".join(self.lines) + out, err


@pytest.fixture
def pairing(server: WhatsAppServer, tmp_path: Path) -> Iterator[object]:
    started: list[Pairing] = []

    def start(*arguments: str, **more: str) -> Pairing:
        started.append(Pairing(server, tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


@pytest.fixture
def pair_here(tmp_path, capfd, monkeypatch):
    """The command in this process, where it has nothing to wait for."""

    def pair(*arguments: str, **more: str) -> tuple[int, str, str]:
        with monkeypatch.context() as here:
            here.chdir(tmp_path)
            for name, value in more.items():
                here.setenv(name, value)
            return main(["pair", *arguments]), *capfd.readouterr()

    return pair


def test_a_session_is_linked_by_scanning_what_the_terminal_shows(pairing, pair_here, server, account, tmp_path):
    running = pairing("shop")
    server.scan(running.code(), account)
    code, out, err = running.ended()
    store = tmp_path / "shop.sqlite3"
    assert (code, err) == (0, "")
    assert "shop is linked\n" in out
    assert f"next: wadiag check shop --target neonize --store {store}" in out
    assert account.phone not in out
    assert read_store(store, "shop").paired
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    again = pair_here("shop")
    assert again[0] == 0
    assert again[1].startswith("shop is linked to a phone already; to link another, unlink it on the phone first")


def test_a_phone_is_linked_by_typing_a_code_and_the_account_is_named_on_request(pairing, server, account, tmp_path):
    (tmp_path / "diagnostics.toml").write_text(
        "[targets.bots]\nkind='neonize'\nstore='bots.db'\n[sessions.shop]\ntarget='bots'\n"
    )
    running = pairing("shop", "--phone", f"+{account.phone}", "--show-identities")
    server.type_code(running.until("type this code:").rpartition(" ")[2], account)
    code, out, _ = running.ended()
    assert code == 0
    assert f"shop is linked as {account.phone}:" in out
    assert "next: wadiag check shop --target bots\n" in out
    assert read_store(tmp_path / "bots.db", "shop").paired


def test_a_session_of_a_gateway_is_linked_through_it(pairing, pair_here, server, account, tmp_path):
    (tmp_path / "gateway").mkdir()
    with serving(server, tmp_path / "gateway") as url:
        running = pairing("shop", "--gateway", url, WADIAG_TOKEN=TOKEN)
        server.scan(running.code(), account)
        code, out, err = running.ended()
        again = pair_here("shop", "--gateway", url, WADIAG_TOKEN=TOKEN)
        wrong = pair_here("shop", "--gateway", url, WADIAG_TOKEN="wrong" * 5)
    assert (code, err) == (0, "")
    assert f"shop is linked\nnext: wadiag check shop --target gateway --url {url}\n" in out
    assert again[0] == 0
    assert again[1].startswith("shop is linked to a phone already")
    assert wrong[0] == 1
    assert "the gateway does not know the token in the variable WADIAG_TOKEN (401)" in wrong[2]


def test_ctrl_c_leaves_nothing_behind(pairing, tmp_path):
    running = pairing("shop", "--store", "new.db")
    running.code()
    running.process.send_signal(signal.SIGINT)
    assert running.ended()[::2] == (130, "\nstopped; nothing was linked\n")
    assert list(tmp_path.iterdir()) == []


def test_codes_that_nobody_scans_run_out(tmp_path):
    with WhatsAppServer(settings=Settings(first_qr=0.2, next_qr=0.2)) as impatient:
        running = Pairing(impatient, tmp_path, "shop")
        running.code()
        code, _, err = running.ended()
    assert code == 1
    assert err.startswith("wadiag pair: no code was scanned before the last one expired")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_somebody_holds_is_refused(pairing, tmp_path):
    store = tmp_path / "shop.sqlite3"
    store.touch()
    os.utime(store, (0, 0))
    with acquire(store):
        code, _, err = pairing("shop").ended()
    assert code == 1
    assert f"process {os.getpid()}" in err
    assert store.exists()


def test_on_a_terminal_the_code_is_drawn_where_it_can_be_scanned(server, account, tmp_path):
    """Through a pseudo-terminal, as a person has it."""
    ours, theirs = pty.openpty()
    env = environment(**server.bot_environment(), PYTHONPATH=str(ROOT), TERM="xterm-256color", LINES="50")
    command = [sys.executable, "-m", "diagnostics.cli", "pair", "shop"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        text = ""
        with (
            os.fdopen(ours, encoding="utf-8", newline="\n") as screen,
            contextlib.suppress(OSError),
        ):  # its end, on Linux
            for line in screen:
                text += line.replace("\r", "")
                if line.startswith("code 1;"):
                    (found,) = read([line for line in text.split("\n") if line.startswith("\x1b[38")])
                    server.scan(found, account)
        assert running.wait(30) == 0
    assert "shop is linked" in text


@pytest.mark.parametrize(
    ("arguments", "toml", "code", "said"),
    [
        (["a b"], "", 2, "has no usable name"),
        (["shop", "--deadline", "1"], "", 2, '--deadline is "1"; valid: a number of seconds from 5 to 600.'),
        (["shop", "--phone", "x"], "", 2, '--phone is "x"; valid: a phone number'),
        (["shop", "--store", "no/where.db"], "", 1, "there is no directory "),
        (["shop", "--store", "diagnostics.toml"], "# x", 1, "shop cannot be linked in this store: "),
        (["shop", "--store", "postgres://u:hunter2@h/x"], "", 2, "lives in a database, where only its gateway can"),
        (["shop", "--gateway", "http://u:hunter2@h"], "", 2, "is not the address of a gateway"),
        (["shop"], "target = 'simulator'", 2, "is looked at through target simulator, which links by itself"),
        (["shop", "--gateway", "http://127.0.0.1:9"], "", 1, "127.0.0.1:9/whatsapp/qr-image/shop was not answered"),
        (["shop"], "[gateway]\nport = 9", 1, "127.0.0.1:9/whatsapp/qr-image/shop was not answered"),
    ],
)  # fmt: skip
def test_what_cannot_be_linked_is_said_in_one_sentence(tmp_path, capfd, monkeypatch, arguments, toml, code, said):
    monkeypatch.chdir(tmp_path)
    if toml:
        (tmp_path / "diagnostics.toml").write_text(toml)
    assert main(["pair", *arguments]) == code
    out, err = capfd.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)
    assert "hunter2" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_client_is_still_loading_ends_it_and_leaves_nothing(tmp_path, number):
    """It once hung: the signal was raised in the middle of the event loop."""
    command = [sys.executable, "-m", "diagnostics.cli", "pair", "shop", "--proxy", "http://127.0.0.1:9"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert eventually(lambda: process.poll() is not None or children.read_text().strip() != ""), "no worker"
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped; nothing was linked" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
