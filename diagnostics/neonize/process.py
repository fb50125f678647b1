"""The parent's side of the worker: start it, call it, hear from it, and be rid of it.

A call never hangs: it ends with the answer, at its deadline, or with the process. Nothing is left behind: the worker
ends with its stdin, and `close` waits for it and kills it if need be.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

import diagnostics
from diagnostics.errors import DiagnosticsError
from diagnostics.neonize import protocol

GRACE = 1.0  # s for the worker to end by itself once its stdin is closed
MAX_LINE = 64 << 20  # bytes of one line of the worker
_LAST_WORDS = 40  # lines of stderr that are kept
_LAST_WORD_LENGTH = 300
_HEADLINES = re.compile(r"^(panic:|fatal error:|SIG[A-Z]+:|Fatal Python error:|unexpected fault|runtime:)")

_WORKER = (sys.executable, "-P", "-W", "ignore", "-m", "diagnostics.neonize.worker")

Listener = Callable[[protocol.Push], None]


class WorkerProblem(DiagnosticsError):
    """Base of what can go wrong with the worker itself."""


class WorkerTimeout(WorkerProblem):
    """The worker did not answer within the deadline."""


class WorkerCrashed(WorkerProblem):
    """The worker is gone; the message has its signal or exit code and its last words."""


class WorkerUnavailable(WorkerProblem):
    """The worker cannot load neonize; the message says what to install."""


class CallFailed(DiagnosticsError):
    """The worker is fine and the client said no; `kind` as in `protocol.Failure`."""

    def __init__(self, failure: protocol.Failure) -> None:
        super().__init__(failure.message)
        self.kind = failure.kind


def environment(more: Mapping[str, str] | None = None, *, proxy: str | None = None) -> dict[str, str]:
    """The environment for a worker: this process's, so changed that the worker finds this package.

    Args:
        more: variables to put over it. Go reads the environment that a process was *started* with, so what the
            library must see (`SSL_CERT_FILE`) belongs here.
        proxy: whatever dials without having been told a proxy goes here, and nowhere else.
    """
    env = {**os.environ, **(more or {})}
    package_root = str(Path(diagnostics.__file__).parents[1])
    env["PYTHONPATH"] = os.pathsep.join([package_root, *filter(None, [env.get("PYTHONPATH")])])
    if proxy is not None:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            env[name] = env[name.lower()] = proxy
        for name in ("NO_PROXY", "no_proxy"):
            env.pop(name, None)
    return env


class Worker:
    """One worker process.

    `start` may run before there is an event loop, so that the worker's imports overlap with other work. Everything
    else belongs to one loop: that of the first call.
    """

    def __init__(self, env: Mapping[str, str] | None = None, *, extensions: Sequence[str] = ()) -> None:
        """
        Args:
            env: the worker's whole environment; None for `environment()`.
            extensions: modules with further calls, which the worker imports (`worker.extensions`).
        """
        self._extensions = tuple(extensions)
        self._env = environment() if env is None else dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._transports: list[asyncio.BaseTransport] = []
        self._attached: asyncio.Task[None] | None = None
        self._greeting: asyncio.Task[dict[str, Any]] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._last_id = 0
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._headline = ""
        self._crash: WorkerCrashed | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def crash(self) -> WorkerCrashed | None:
        """Why the worker is gone, once it is (and was not closed)."""
        return self._crash

    def start(self) -> None:
        """Start the process and return at once; its imports take some 0.3 s."""
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*_WORKER, str(os.getpid()), *self._extensions],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._env,
                start_new_session=True,  # Ctrl-C reaches the parent only
            )

    async def hello(
        self, deadline: float, noise_root_key: bytes | None = None, keepalive: protocol.Keepalive | None = None
    ) -> dict[str, Any]:
        """Wait until neonize is loaded; {neonize, library, python, pid}. Asked once, however often it is called.

        Args:
            deadline: seconds.
            noise_root_key, keepalive: see `protocol.Hello`; only the first call can give them.

        Raises:
            WorkerUnavailable: it cannot be loaded.
            CallFailed: root key or keepalive could not be replaced.
            WorkerTimeout, WorkerCrashed: as for `call`.
        """
        if self._greeting is None:
            self._greeting = asyncio.create_task(self._ask(protocol.Hello(noise_root_key, keepalive)))
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(self._greeting)
        except TimeoutError:
            raise WorkerTimeout(f"the worker did not start within {deadline:.1f} s") from None

    async def call(self, call: msgspec.Struct, deadline: float) -> dict[str, Any]:
        """Make one call of `protocol`, or of an extension; the result is as the call's class says.

        Raises:
            CallFailed: the client refused or failed.
            WorkerTimeout: no answer within `deadline` seconds. The call may still take effect.
            WorkerCrashed: the process is gone.
            WorkerUnavailable: neonize cannot be loaded.
        """
        if deadline <= 0:
            raise WorkerTimeout("there was no time left to ask")  # and nothing takes effect
        try:
            async with asyncio.timeout(deadline):  # `wait_for` loses a cancellation that meets the answer
                return await self._ask(call)
        except TimeoutError:
            raise WorkerTimeout(f"no answer within {deadline:.1f} s") from None

    def subscribe(self, session: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each event of the session from now on, "worker-ended" included; returns the undo."""
        listeners = self._listeners.setdefault(session, [])
        listeners.append(listener)

        def unsubscribe() -> None:
            listeners.remove(listener)

        return unsubscribe

    async def close(self, grace: float = GRACE) -> None:
        """End the process: close its stdin, wait `grace` seconds, kill it. Safe to call twice, or unstarted."""
        process, already, self._closing = self._process, self._closing, True
        if process is None or already:
            return
        try:
            for transport in self._transports:
                transport.close()  # the end of its stdin ends the worker
            if self._attached is None:
                self._close_pipes()
            await _reap(process, grace)
        finally:
            self._give_up(WorkerCrashed("the worker was closed"))
            tasks = [*self._tasks, *filter(None, [self._attached, self._greeting])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close_pipes()

    def kill(self) -> None:
        """End the process at once, also without an event loop."""
        self._closing = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._attached is None:
                self._close_pipes()

    def _close_pipes(self) -> None:
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    async def _ask(self, call: msgspec.Struct) -> dict[str, Any]:
        if self._closing:
            raise WorkerCrashed("the worker was closed")
        if self._attached is None:
            self.start()
            self._attached = asyncio.create_task(self._attach())
        await asyncio.shield(self._attached)
        if self._crash is not None:
            raise self._crash
        assert self._stdin is not None  # noqa: S101 - `_attach` set it
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._stdin.write(msgspec.json.encode({"id": number, "call": call}) + b"\n")
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _attach(self) -> None:
        """Connect the pipes to the running loop."""
        process = self._process
        assert process is not None  # noqa: S101 - `_ask` started it
        assert process.stdin is not None  # noqa: S101 - it was asked to be a pipe
        loop = asyncio.get_running_loop()
        stdout, stderr = await self._reader(process.stdout), await self._reader(process.stderr)
        stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._stdin = stdin
        self._transports.append(stdin)
        words = asyncio.create_task(self._hear_last_words(stderr))
        self._tasks = [words, asyncio.create_task(self._hear(stdout, words))]

    async def _reader(self, pipe: IO[bytes] | None) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=MAX_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader),
            pipe,
        )
        self._transports.append(transport)
        return reader

    async def _hear(self, stdout: asyncio.StreamReader, last_words: asyncio.Task[None]) -> None:
        decoder = msgspec.json.Decoder(protocol.Answer | protocol.Push)
        while line := await stdout.readline():
            self._received(decoder.decode(line))
        await self._bury(last_words)

    async def _hear_last_words(self, stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            text = line.decode(errors="replace").strip()[:_LAST_WORD_LENGTH]
            if not self._headline and _HEADLINES.match(text):
                self._headline = text
            if text:
                self._last_words.append(text)

    def _received(self, line: protocol.Answer | protocol.Push) -> None:
        if isinstance(line, protocol.Push):
            for listener in tuple(self._listeners.get(line.session, ())):
                listener(line)
            return
        future = self._waiting.get(line.id)
        if future is None or future.done():
            return
        if line.error is None:
            future.set_result(line.result)
        elif line.error.kind == "unavailable":
            future.set_exception(WorkerUnavailable(line.error.message))
        else:
            future.set_exception(CallFailed(line.error))

    async def _bury(self, last_words: asyncio.Task[None]) -> None:
        """The worker's stdout ended: find out how it died, and tell everybody who waits."""
        process = self._process
        assert process is not None  # noqa: S101 - it had a stdout
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(last_words), GRACE)
        await _reap(process, GRACE)
        if self._closing:
            return
        self._crash = crash = WorkerCrashed(f"the worker {_how(process.returncode)}{self._epitaph()}")
        self._give_up(crash)
        for session, listeners in self._listeners.items():
            for listener in tuple(listeners):
                listener(protocol.Push(session, "worker-ended", time.time(), {"error": str(crash)}))

    def _give_up(self, why: WorkerCrashed) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(why)

    def _epitaph(self) -> str:
        words = self._headline or (self._last_words[-1] if self._last_words else "")
        return f': "{words}"' if words else ""


async def _reap(process: subprocess.Popen[bytes], grace: float) -> None:
    """Wait for the end of the process; after `grace` seconds, or when cancelled, kill it."""
    until = time.monotonic() + grace
    try:
        while process.poll() is None and time.monotonic() < until:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(0.002)
    finally:
        process.kill()  # which does nothing to a process that has ended
        process.wait()


def _how(returncode: int) -> str:
    if returncode < 0:
        with contextlib.suppress(ValueError):
            return f"died of {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"
