"""How soon the gateway says how a session is, while all its sessions send.

    python -m bench.gateway [RUNS] [SESSIONS]        (default: 5 50)

Four processes that share the machine: the simulator, `wadiag serve` with its worker, the senders (this process, one
connection and one text in flight per session, the next one as soon as the server has acknowledged the last), and who
asks: 50 times a second the health of some session and 25 times /livez, over keep-alive connections, each at its time
whatever became of those before, and measured from that time on. What /livez takes is the floor of the run: it waits for
the same event loop and the same cores, and looks at nothing. Each run is done twice: "without pause", so that the cores
are the limit, and with a text per second of each session. "back" is the time from starting the process again until all
sessions are online. Medians of all runs.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import zip_longest
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.simulator import cpu_of
from diagnostics.simulator import WhatsAppServer
from diagnostics.testing.sessions import Template, eventually
from tests.gateway.fleets import place

GOAL = 50.0  # ms for health, 99 of 100
WARM_UP, MEASURED = 3.0, 10.0  # s
ASKED = {"/whatsapp/health/{}": 50, "/livez": 25}  # times a second
CONNECTIONS = 10  # of who asks; more than are needed unless answers take longer than 130 ms
PATIENCE = 60.0
PAUSES = {"without pause": 0.0, "1 text/s each": 1.0}
TOKEN = secrets.token_urlsafe(24)
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Figures:
    """One run. Milliseconds, but `back` in seconds, memory in MiB, and shares of all cores together."""

    health_p50: float
    health_p99: float
    livez_p50: float
    livez_p99: float
    sends: float
    gateway_cpu: float
    worker_cpu: float
    simulator_cpu: float
    senders_cpu: float
    gateway_memory: float
    worker_memory: float
    back: float


# ---- the processes


def simulate(pipe: Connection, state: str, names: list[str]) -> None:
    """The simulator's process: has sessions linked in the state directory, says how to reach it, ends with the pipe."""
    import asyncio  # noqa: PLC0415

    with WhatsAppServer() as server:
        template = Template.link(server, Path(state))
        asyncio.run(place(Path(state), server, template, *names))
        pipe.send((os.getpid(), server.bot_environment(), server.contact.phone))
        pipe.recv()


@contextmanager
def simulator(state: Path, names: list[str]) -> Iterator[tuple[int, dict[str, str], str]]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=simulate, args=(theirs, str(state), names), daemon=True)
    process.start()
    yield ours.recv()
    ours.send("end")
    process.join(PATIENCE)


@contextmanager
def gateway(state: Path, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`wadiag serve`, and where it listens."""
    command = [sys.executable, "-m", "diagnostics.cli", "serve", "--port", "0", "--state", str(state)]
    more = {**os.environ, **env, "WADIAG_TOKEN": TOKEN}
    with (
        (state.parent / "log").open("a", encoding="utf-8") as log,
        subprocess.Popen(command, env=more, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - it was asked to be a pipe
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(PATIENCE)


# ---- requests


class Caller:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        self._headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None, *, may_fail: bool = False) -> Any:
        """What was answered; RuntimeError unless it is 200, or 503 where it may fail."""
        self._http.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200 and not (may_fail and answer.status == 503):
            raise RuntimeError(f"{path}: {answer.status} {content.decode()}")
        return json.loads(content)


class Senders:
    """A thread for each session that sends until it is told to end."""

    def __init__(self, url: str, names: list[str], phone: str, pause: float) -> None:
        self.sent = 0
        self.problem = ""
        self._ending = threading.Event()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(url, name, phone, pause)) for name in names]
        for thread in self._threads:
            thread.start()

    def _send(self, url: str, name: str, phone: str, pause: float) -> None:
        caller, body = Caller(url), {"sessionId": name, "phone": f"+{phone}", "message": "text"}
        self._ending.wait(random.uniform(0, pause))  # noqa: S311 - no secret
        try:
            while not self._ending.is_set():
                due = time.monotonic() + pause
                caller.call("POST", "/whatsapp/send-message?wait=ack", body)
                with self._counting:
                    self.sent += 1
                self._ending.wait(max(0.0, due - time.monotonic()))
        except (RuntimeError, OSError) as error:
            self.problem = str(error)

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        if self.problem:
            raise RuntimeError(self.problem)


def ask(pipe: Connection, url: str, token: str, names: list[str]) -> None:
    """The process of who asks: for `MEASURED` seconds; sends what each path took, in milliseconds."""
    global TOKEN  # noqa: PLW0603 - of the process that started this one
    TOKEN = token
    times = sorted((n / rate, path) for path, rate in ASKED.items() for n in range(int(MEASURED * rate)))
    took: dict[str, list[float]] = {path: [] for path in ASKED}
    began = time.perf_counter() + 0.2

    def some(first: int) -> None:
        caller = Caller(url)
        caller.call("GET", "/livez")
        for due, path in times[first::CONNECTIONS]:
            time.sleep(max(0.0, began + due - time.perf_counter()))
            answer = caller.call("GET", path.format(random.choice(names)), may_fail=True)  # noqa: S311 - no secret
            took[path].append((time.perf_counter() - began - due) * 1000)
            if answer.get("verdict", "healthy") != "healthy":
                print(f"not healthy, after {took[path][-1]:.0f} ms: {answer['headline']}", file=sys.stderr)

    threads = [threading.Thread(target=some, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(took)


def asked(url: str, names: list[str]) -> dict[str, list[float]]:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=ask, args=(theirs, url, TOKEN, names), daemon=True)
    process.start()
    took: dict[str, list[float]] = ours.recv()
    process.join()
    return took


# ---- measuring


def worker_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])


def memory_of(pid: int) -> float:
    """Resident MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def wait_online(url: str) -> None:
    caller = Caller(url)

    def all_online() -> bool:
        return all(each["phase"] == "online" for each in caller.call("GET", "/whatsapp/sessions")["sessions"])

    if not eventually(all_online, PATIENCE):
        raise RuntimeError("not all sessions are online")


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def measure(size: int, pause: float) -> Figures:
    names = [f"session-{number}" for number in range(size)]
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        state.mkdir()
        with simulator(state, names) as (simulating, env, phone):
            with gateway(state, env) as (process, url):
                wait_online(url)
                pids = (process.pid, worker_of(process.pid), simulating, os.getpid())
                senders = Senders(url, names, phone, pause)
                try:
                    time.sleep(WARM_UP)
                    began, sent, used = time.perf_counter(), senders.sent, [cpu_of(pid) for pid in pids]
                    took = asked(url, names)
                    lasted, sent = time.perf_counter() - began, senders.sent - sent
                    shares = [
                        (cpu_of(pid) - before) / lasted / (os.cpu_count() or 1)
                        for pid, before in zip(pids, used, strict=True)
                    ]
                finally:
                    senders.end()
                memory = [memory_of(pid) for pid in pids[:2]]
            began = time.perf_counter()
            with gateway(state, env) as (_, url):
                wait_online(url)
                back = time.perf_counter() - began
    health, livez = took.values()
    asking = (percentile(each, share) for each in (health, livez) for share in (50, 99))
    return Figures(*asking, sent / lasted, *shares, *memory, back)


def main(runs: int, size: int) -> None:
    print(f"{size} sessions, {runs} runs, goal: health p99 < {GOAL:g} ms\n")
    print(
        "| texts | sent | health p50 | p99 | /livez p50 | p99 | p99 ratio | CPU: gateway | worker | simulator "
        "| senders | memory: gateway | worker | back |"
    )
    print("|" + "---|" * 14)
    for name, pause in PAUSES.items():
        measured = [measure(size, pause) for _ in range(runs)]
        figures = Figures(*map(statistics.median, zip(*map(astuple, measured), strict=True)))
        ratio = statistics.median(each.health_p99 / each.livez_p99 for each in measured)
        shares = (figures.gateway_cpu, figures.worker_cpu, figures.simulator_cpu, figures.senders_cpu)
        print(
            f"| {name} | {figures.sends:.0f}/s | {figures.health_p50:.1f} ms | {figures.health_p99:.1f} ms "
            f"| {figures.livez_p50:.1f} ms | {figures.livez_p99:.1f} ms | {ratio:.2f} "
            f"| {' | '.join(f'{share:.0%}' for share in shares)} "
            f"| {figures.gateway_memory:.0f} MiB | {figures.worker_memory:.0f} MiB | {figures.back:.1f} s |",
            flush=True,
        )
        print(f"  health p99 of each run: {', '.join(f'{each.health_p99:.1f}' for each in measured)}", file=sys.stderr)


if __name__ == "__main__":
    main(*(int(given or usual) for given, usual in zip_longest(sys.argv[1:], (5, 50))))
