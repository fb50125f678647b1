"""Observe a neonize client that belongs to a bot, in the bot's own process.

Works with `neonize.client.NewClient` and `neonize.aioze.client.NewAClient` that have not connected yet. neonize keeps
one handler for each kind of event, and at connect subscribes only to kinds that have a handler. So the class of the
client's `event` object is replaced by a subclass that reads each event first and then passes it on to the bot's
handlers, whenever those are registered. Kinds without a handler get one that does nothing, until the bot sets its own.

Calls into the library run on daemon threads: a call into Go cannot be cancelled and may hang for 75 s, and it must
delay neither an answer nor the exit of the bot.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import inspect
import logging
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from diagnostics.errors import UsageProblem
from diagnostics.neonize import client_facts, questions
from diagnostics.neonize.client_log import ClientLog
from diagnostics.neonize.protocol import Push

IDENTIFIED = "identified"  # pushed with the JID when Go knows the client; before it (or a QR code) calls into Go crash
CONNECTING = "connecting"  # pushed when the bot opens its client
STOPPED = "stopped"  # pushed when the bot closed it, without an error
_ATTRIBUTES = ("is_connected", "is_logged_in")
_CONNECTED = 3  # the code of the one event that neonize itself handles, too

_log = logging.getLogger(__name__)


class AttachedClient:
    """The client, and the calls that can be made through it.

    Args:
        client: a NewClient or NewAClient that has not connected yet.
        session: the name for its events.
        push: called with each event, on threads of Go and of the bot.

    Attributes:
        version: of neonize, as text.
        state: call that reads the client's attributes.

    Raises:
        UsageProblem: it is something else, has connected already, or is attached to already.
    """

    def __init__(self, client: Any, session: str, push: Callable[[Push], None]) -> None:
        _refuse_what_cannot_be_hooked(client)
        self._client = client
        self._session = session
        self._push = push
        self.version = f"neonize {getattr(sys.modules.get('neonize'), '__version__', '')}".strip()
        self.state = SharedCall(self._read_state, "state")
        self._questions = {kind: SharedCall(functools.partial(self._ask, kind), kind) for kind in questions.KINDS}
        _hook_events(client, self.tell)
        _hook_log(client)
        _hook_connect(client, self.tell)

    def offers(self) -> dict[str, bool]:
        """Which kinds of message it has a method to send: {"text": bool, "image": bool}."""
        return client_facts.offers(self._client)

    def tell(self, event: str, data: Mapping[str, Any] | None = None) -> None:
        """Push an event. Never raises, because it runs within the bot's calls."""
        try:
            self._push(Push(self._session, event, time.time(), dict(data or {})))
        except Exception:  # noqa: BLE001 - an error of ours must not reach the bot
            _log.exception("an event of the attached client could not be taken in")

    async def _read_state(self) -> dict[str, dict[str, Any]]:
        return {name: await client_facts.read(self._client, name) for name in _ATTRIBUTES}

    async def round_trip(self, limit: float) -> questions.Answers:
        """Ask the server what the worker's round trip asks; see `questions.ask`."""
        return await questions.ask(lambda kind: self._questions[kind].ask(limit), limit)

    async def _ask(self, kind: str) -> dict[str, Any]:
        answer = questions.call(self._client, kind)
        if inspect.isawaitable(answer):
            await answer
        return {}


class SharedCall:
    """A call into the library that may hang. It runs once at a time; callers meanwhile get the same result."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, dict[str, Any]]], name: str) -> None:
        self._call = call
        self._name = name
        self._lock = threading.Lock()
        self._running: Future[dict[str, Any]] | None = None
        self._since = 0.0

    async def ask(self, limit: float) -> dict[str, Any]:
        """The result of the call that is running, or of a new one.

        Args:
            limit: seconds from the start of the call, which an earlier caller may have started.

        Raises:
            TimeoutError: the limit passed.
            Exception: whatever the library raises.
        """
        with self._lock:
            if self._running is None or self._running.done():
                self._running, self._since = Future(), time.monotonic()
                self._running.set_running_or_notify_cancel()  # so that a caller's cancellation does not cancel it
                threading.Thread(
                    target=self._run, args=(self._running,), name=f"wadiag {self._name}", daemon=True
                ).start()
            left = max(0.0, self._since + limit - time.monotonic())
        return await asyncio.wait_for(asyncio.wrap_future(self._running), left)

    def _run(self, future: Future[dict[str, Any]]) -> None:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(_CallerThreadExecutor())
        try:
            future.set_result(loop.run_until_complete(self._call()))
        except BaseException as error:  # noqa: BLE001 - raised to the callers
            future.set_exception(error)
        finally:
            loop.close()


class _CallerThreadExecutor(ThreadPoolExecutor):
    """An executor that runs each call on the caller's thread.

    NewAClient submits every call to its loop's executor; Python waits for the threads of an ordinary one at exit.
    """

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - raised by `future.result`
            future.set_exception(error)
        return future


def _refuse_what_cannot_be_hooked(client: Any) -> None:
    event = getattr(client, "event", None)
    needed = (hasattr(event, name) for name in ("execute", "list_func", "_qr"))
    if not all(needed) or not hasattr(client, "connect_with_proxy"):
        raise UsageProblem(
            f"cannot attach to a {type(client).__name__}: it must be a NewClient of neonize.client or a NewAClient of "
            "neonize.aioze.client (of a ClientFactory: each of its clients)"
        )
    if isinstance(event, _HookedEvents):
        raise UsageProblem("this client is attached to already: call attach once for each client")
    if hasattr(client, "_connect_refs"):
        raise UsageProblem("this client has connected already: call attach before connect, which fixes its events")


class _HookedEvents:
    """Marks the class of an `event` object that has been hooked."""


PushEvent = Callable[..., None]


def _hook_events(client: Any, tell: PushEvent) -> None:
    kind: Any = type(client.event)
    messages = next(
        module.INT_TO_EVENT
        for module in (sys.modules[each.__module__] for each in kind.__mro__)
        if hasattr(module, "INT_TO_EVENT")
    )
    heard = {code: message for code, message in messages.items() if message.DESCRIPTOR.name in client_facts.EVENTS}
    nothing = _nothing_async if _is_async(client) else _nothing

    class Hooked(kind, _HookedEvents):  # type: ignore[misc]
        def execute(self, uuid: int, binary: int, size: int, code: int) -> None:
            if code == client_facts.IDENTITY:
                super().execute(uuid, binary, size, code)
                tell(IDENTIFIED, _identity(self.client))
                return
            if code in heard:
                _push_message(tell, heard[code], binary, size)
                if self.list_func.get(code) is nothing and code != _CONNECTED:
                    return  # the bot has no handler for it, and its loop may be closed
            super().execute(uuid, binary, size, code)

        @property
        def _qr(self) -> Callable[..., Any]:
            shown: Callable[..., Any] = self.__dict__["_qr"]

            @functools.wraps(shown)
            def push_and_show(*args: Any) -> Any:
                tell("qr")  # without the code, which is a credential
                return shown(*args)

            return push_and_show

        @_qr.setter
        def _qr(self, show: Callable[..., Any]) -> None:
            self.__dict__["_qr"] = show

    client.event.__class__ = Hooked
    for code in heard:
        client.event.list_func.setdefault(code, nothing)


def _push_message(tell: PushEvent, message: Any, binary: int, size: int) -> None:
    try:
        data = client_facts.plain(message.FromString(ctypes.string_at(binary, size)))
    except Exception:  # noqa: BLE001 - an error of ours must not reach the bot
        _log.exception("an event of the attached client could not be read")
        data = {}
    tell(message.DESCRIPTOR.name, data)


def _identity(client: Any) -> dict[str, str]:
    jid = getattr(getattr(client, "me", None), "JID", None)
    return {name.lower(): str(getattr(jid, name, "")) for name in ("User", "Device", "Server")}


def _nothing(_: Any, __: Any) -> None:
    pass


async def _nothing_async(_: Any, __: Any) -> None:
    pass


def _is_async(client: Any) -> bool:
    return inspect.iscoroutinefunction(client.connect_with_proxy)


_log_of_connecting: ContextVar[ClientLog | None] = ContextVar("_log_of_connecting", default=None)


def _hook_log(client: Any) -> None:
    """Read the lines that the client logs, at the level that the bot has chosen, and pass them on.

    neonize gives every client the same function for its log. What makes a callback of it is replaced, so that a client
    that connects while `_log_of_connecting` is set gets a function of its own.
    """
    module: Any = next(
        m for each in type(client).__mro__ if hasattr(m := sys.modules[each.__module__], "log_whatsmeow")
    )
    original = module.func_callback_bytes2
    if getattr(original, "tees_logs", False):
        return

    def callback(function: Callable[[int, int], None]) -> Any:
        log = _log_of_connecting.get()
        if log is None or function is not module.log_whatsmeow:
            return original(function)

        def read_and_pass_on(binary: int, size: int) -> None:
            _read_line(log, binary, size)
            function(binary, size)

        return original(read_and_pass_on)

    callback.tees_logs = True  # type: ignore[attr-defined]
    module.func_callback_bytes2 = callback


def _read_line(log: ClientLog, binary: int, size: int) -> None:
    try:
        entry = sys.modules["neonize.proto.Neonize_pb2"].LogEntry.FromString(ctypes.string_at(binary, size))
        log.line(entry.Name, entry.Message)
    except Exception:  # noqa: BLE001 - an error of ours must not reach the bot
        _log.exception("a line of the attached client's log could not be read")


def _hook_connect(client: Any, tell: PushEvent) -> None:
    """Push when the client is opened and how that ends; neonize has no events for either."""
    connect = client.connect_with_proxy
    log = ClientLog(tell)

    def ended(error: BaseException | None) -> None:
        if error is None or isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
            tell(STOPPED)
        else:
            tell("connect-task-ended", {"error": str(error)})

    @functools.wraps(connect)
    def connect_and_tell(*args: Any, **kwargs: Any) -> Any:
        tell(CONNECTING)
        reading = _log_of_connecting.set(log)
        try:
            result = connect(*args, **kwargs)
        except BaseException as error:
            ended(error)
            raise
        finally:
            _log_of_connecting.reset(reading)  # the next client of this thread need not be this one
        ended(None)
        return result

    @functools.wraps(connect)
    async def connect_and_tell_async(*args: Any, **kwargs: Any) -> Any:
        tell(CONNECTING)
        reading = _log_of_connecting.set(log)
        try:
            task = await connect(*args, **kwargs)
        finally:
            _log_of_connecting.reset(reading)
        # `task.exception()` marks the exception as retrieved; then Python would not write it to the bot's log.
        task.add_done_callback(lambda task: ended(None if task.cancelled() else task._exception))  # noqa: SLF001
        return task

    client.connect_with_proxy = connect_and_tell_async if _is_async(client) else connect_and_tell
