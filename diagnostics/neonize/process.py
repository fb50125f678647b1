"""The parent's side of the worker process: start it, call it, receive its events, and end it.

A call is one JSON line on the worker's stdin; its answer is a line with the same id on stdout (see `protocol`). Every
call ends: with its answer, with a timeout at its deadline, or with WorkerCrashed when the process exits. The last
lines of stderr are kept, so that the error quotes the Go panic or the Python traceback.

No process is left running: the worker exits when its stdin is closed, and `close` kills it if it does not.
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
from typing import IO, Any

import msgspec

from diagnostics.errors import DiagnosticsError
from diagnostics.neonize import protocol
from diagnostics.neonize.worker_environment import environment, proxy_of

GRACE = 1.0  # s for the worker to exit by itself after its stdin was closed
MAX_LINE = 64 << 20  # bytes in one line of the worker's output
_STDERR_LINES = 40  # lines of stderr that are kept
_STDERR_LINE_LENGTH = 300  # characters of each
_CRASH_LINE = re.compile(r"^(panic:|fatal error:|SIG[A-Z]+:|Fatal Python error:|unexpected fault|runtime:)")

_WORKER = (sys.executable, "-P", "-W", "ignore", "-m", "diagnostics.neonize.worker")

Listener = Callable[[protocol.Push], None]


class WorkerProblem(DiagnosticsError):
    """Base of the errors of the worker process itself."""


class WorkerTimeout(WorkerProblem):
    """The worker did not answer within the deadline."""


class WorkerCrashed(WorkerProblem):
    """The worker exited; the message has its signal or exit code and the last line of its stderr.

    Attributes:
        trace: the last lines of its stderr, where Go and Python write what was running.
    """

    def __init__(self, text: str, trace: str = "") -> None:
        super().__init__(text)
        self.trace = trace


class WorkerUnavailable(WorkerProblem):
    """The worker cannot load neonize; the message says what to install."""


class CallFailed(DiagnosticsError):
    """The worker works, and the client refused the call or failed; `kind` as in `protocol.Failure`."""

    def __init__(self, failure: protocol.Failure) -> None:
        super().__init__(failure.message)
        self.kind = failure.kind


class Worker:
    """One worker process.

    `start` may run before there is an event loop, so that the worker's imports overlap with other work. Everything
    else belongs to one loop: that of the first call. The thread that runs `start` must not end before the worker does.
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
        self._pipes_connected: asyncio.Task[None] | None = None
        self._hello_call: asyncio.Task[dict[str, Any]] | None = None
        self._pending_calls: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._last_id = 0
        self._stderr_tail: deque[str] = deque(maxlen=_STDERR_LINES)
        self._crash_line = ""
        self._crash: WorkerCrashed | None = None
        self._closing = False

    @property
    def proxy(self) -> str:
        """The proxy of its environment, which clients use that have none of their own; "" for none."""
        return proxy_of(self._env)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def crash(self) -> WorkerCrashed | None:
        """Why the worker exited; None while it runs, or if it was closed."""
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
        """Wait until neonize is loaded. The worker is asked once; later calls wait for the same answer.

        Args:
            deadline: seconds.
            noise_root_key, keepalive: see `protocol.Hello`; only those of the first call count.

        Returns:
            {"neonize", "library", "python", "pid"}: versions as text, and the worker's process id.

        Raises:
            WorkerUnavailable: neonize cannot be loaded.
            CallFailed: the root key or the keepalive could not be replaced.
            WorkerTimeout, WorkerCrashed: as for `call`.
        """
        if self._hello_call is None:
            self._hello_call = asyncio.create_task(self._ask(protocol.Hello(noise_root_key, keepalive)))
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(self._hello_call)
        except TimeoutError:
            raise WorkerTimeout(f"the worker did not start within {deadline:.1f} s") from None

    async def call(self, call: msgspec.Struct, deadline: float) -> dict[str, Any]:
        """Make one call of `protocol`, or of an extension.

        Args:
            deadline: seconds to wait for the answer; if it is not positive, nothing is sent to the worker.

        Returns:
            The result, as the call's class describes it.

        Raises:
            CallFailed: the client refused or failed.
            WorkerTimeout: there was no answer before the deadline. The call may still take effect.
            WorkerCrashed: the process exited.
            WorkerUnavailable: neonize cannot be loaded.
        """
        if deadline <= 0:
            raise WorkerTimeout("there was no time left to ask")  # and nothing takes effect
        try:
            async with asyncio.timeout(deadline):  # `wait_for` can lose a cancellation that coincides with the answer
                return await self._ask(call)
        except TimeoutError:
            raise WorkerTimeout(f"no answer within {deadline:.1f} s") from None

    def subscribe(self, session: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each later event of the session, including "worker-ended".

        Returns:
            A function that removes the listener.
        """
        listeners = self._listeners.setdefault(session, [])
        listeners.append(listener)

        def unsubscribe() -> None:
            listeners.remove(listener)

        return unsubscribe

    async def close(self, grace: float = GRACE) -> None:
        """End the process: close its stdin, wait up to `grace` seconds, then kill it.

        Calling it again, or before the process was started, does nothing.
        """
        process, already, self._closing = self._process, self._closing, True
        if process is None or already:
            return
        try:
            for transport in self._transports:
                transport.close()  # the worker exits when its stdin is closed
            if self._pipes_connected is None:
                self._close_pipes()
            await _wait_or_kill(process, grace)
        finally:
            self._fail_pending_calls(WorkerCrashed("the worker was closed"))
            tasks = [*self._tasks, *filter(None, [self._pipes_connected, self._hello_call])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close_pipes()

    def kill(self) -> None:
        """Kill the process; needs no event loop."""
        self._closing = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._pipes_connected is None:
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
        if self._pipes_connected is None:
            self.start()
            self._pipes_connected = asyncio.create_task(self._connect_pipes())
        await asyncio.shield(self._pipes_connected)
        if self._crash is not None:
            raise self._crash
        assert self._stdin is not None  # noqa: S101 - `_connect_pipes` set it
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending_calls[number] = answer
        try:
            self._stdin.write(msgspec.json.encode({"id": number, "call": call}) + b"\n")
            return await answer
        finally:
            self._pending_calls.pop(number, None)

    async def _connect_pipes(self) -> None:
        """Connect the pipes to the running loop."""
        process = self._process
        assert process is not None  # noqa: S101 - `_ask` started it
        assert process.stdin is not None  # noqa: S101 - it was asked to be a pipe
        loop = asyncio.get_running_loop()
        stdout, stderr = await self._reader(process.stdout), await self._reader(process.stderr)
        stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._stdin = stdin
        self._transports.append(stdin)
        reading_stderr = asyncio.create_task(self._read_stderr(stderr))
        self._tasks = [reading_stderr, asyncio.create_task(self._read_stdout(stdout, reading_stderr))]

    async def _reader(self, pipe: IO[bytes] | None) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=MAX_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader),
            pipe,
        )
        self._transports.append(transport)
        return reader

    async def _read_stdout(self, stdout: asyncio.StreamReader, stderr_reader: asyncio.Task[None]) -> None:
        decoder = msgspec.json.Decoder(protocol.Answer | protocol.Push)
        while line := await stdout.readline():
            self._dispatch(decoder.decode(line))
        await self._report_exit(stderr_reader)

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            text = line.decode(errors="replace").strip()[:_STDERR_LINE_LENGTH]
            if not self._crash_line and _CRASH_LINE.match(text):
                self._crash_line = text
            if text:
                self._stderr_tail.append(text)

    def _dispatch(self, line: protocol.Answer | protocol.Push) -> None:
        if isinstance(line, protocol.Push):
            for listener in tuple(self._listeners.get(line.session, ())):
                listener(line)
            return
        future = self._pending_calls.get(line.id)
        if future is None or future.done():
            return
        if line.error is None:
            future.set_result(line.result)
        elif line.error.kind == "unavailable":
            future.set_exception(WorkerUnavailable(line.error.message))
        else:
            future.set_exception(CallFailed(line.error))

    async def _report_exit(self, stderr_reader: asyncio.Task[None]) -> None:
        """After the end of stdout: wait for the exit status, fail the pending calls and push "worker-ended"."""
        process = self._process
        assert process is not None  # noqa: S101 - it had a stdout
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(stderr_reader), GRACE)
        await _wait_or_kill(process, GRACE)
        if self._closing:
            return
        self._crash = crash = WorkerCrashed(
            f"the worker {_exit_text(process.returncode)}{self._crash_text()}", "\n".join(self._stderr_tail)
        )
        self._fail_pending_calls(crash)
        for session, listeners in self._listeners.items():
            for listener in tuple(listeners):
                listener(protocol.Push(session, "worker-ended", time.time(), {"error": str(crash)}))

    def _fail_pending_calls(self, why: WorkerCrashed) -> None:
        for future in self._pending_calls.values():
            if not future.done():
                future.set_exception(why)

    def _crash_text(self) -> str:
        line = self._crash_line or (self._stderr_tail[-1] if self._stderr_tail else "")
        return f': "{line}"' if line else ""


async def _wait_or_kill(process: subprocess.Popen[bytes], grace: float) -> None:
    """Wait for the process to exit; kill it after `grace` seconds, or when cancelled."""
    until = time.monotonic() + grace
    try:
        while process.poll() is None and time.monotonic() < until:  # noqa: ASYNC110 - Popen has no event to await
            await asyncio.sleep(0.002)
    finally:
        process.kill()  # does nothing if the process has exited
        process.wait()


def _exit_text(returncode: int) -> str:
    if returncode < 0:
        with contextlib.suppress(ValueError):
            return f"died of {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"
