"""A neonize client that a bot holds, listened to and asked in the bot's own process without being in its way.

Works with `neonize.client.NewClient` and `neonize.aioze.client.NewAClient`, from before they connect. neonize keeps one
handler for each kind of event, and delivers only those kinds that have one when it connects. So the client's `event`
object gets a class of ours between it and its own: that hears first and passes everything on, whichever handlers the
bot registers and whenever. For kinds without a handler one that does nothing stands in until the bot sets its own.

What is asked runs on daemon threads: a call into the Go library cannot be taken back, may hang for 75 s, and shall
delay neither an answer nor the bot's end.
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
from typing import Any

from diagnostics.errors import UsageProblem
from diagnostics.neonize import client_facts
from diagnostics.neonize.protocol import Push

IDENTIFIED = "identified"  # pushed when Go knows the client, with its JID; no call into Go before that (or a QR code)
CONNECTING = "connecting"  # pushed when the bot opens its client
STOPPED = "stopped"  # pushed when the bot closed it, without an error
_ATTRIBUTES = ("is_connected", "is_logged_in")
_CONNECTED = 3  # the code of the one event that neonize itself takes note of

_log = logging.getLogger(__name__)


class AttachedClient:
    """The client and what can be asked of it. Every question is for one asker at a time; who comes meanwhile, shares.

    Args:
        client: a NewClient or NewAClient that has not connected yet.
        push: takes what the client does, under the session's name. Called on threads of Go and of the bot.

    Raises:
        UsageProblem: it is something else, connected already, or attached to already.
    """

    def __init__(self, client: Any, session: str, push: Callable[[Push], None]) -> None:
        _refuse_what_cannot_be_hooked(client)
        self._client = client
        self._session = session
        self._push = push
        self.version = f"neonize {getattr(sys.modules.get('neonize'), '__version__', '')}".strip()
        self.state = Question(self._read_state, "state")
        self.round_trip = Question(self._ask_server, "round trip")
        _hook_events(client, self.tell)
        _hook_connect(client, self.tell)

    def offers(self) -> dict[str, bool]:
        """What it has a method to send."""
        return client_facts.offers(self._client)

    def tell(self, event: str, data: Mapping[str, Any] | None = None) -> None:
        """Never raises: this runs within the bot's calls."""
        try:
            self._push(Push(self._session, event, time.time(), dict(data or {})))
        except Exception:  # noqa: BLE001 - whatever it is, it is not the bot's
            _log.exception("an event of the attached client could not be taken in")

    async def _read_state(self) -> dict[str, dict[str, Any]]:
        return {name: await client_facts.read(self._client, name) for name in _ATTRIBUTES}

    async def _ask_server(self) -> dict[str, Any]:
        answer = self._client.get_blocklist()  # as the worker's round trip, and for its reasons
        if inspect.isawaitable(answer):
            await answer
        return {"asked": "blocklist"}


class Question:
    """A call into the library that may hang. It runs at most once at a time."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, dict[str, Any]]], name: str) -> None:
        self._call = call
        self._name = name
        self._turn = threading.Lock()
        self._running: Future[dict[str, Any]] | None = None
        self._since = 0.0

    async def ask(self, limit: float) -> dict[str, Any]:
        """Its answer.

        Raises:
            TimeoutError: there is none `limit` seconds after it was asked, perhaps by somebody before.
            Exception: whatever the library raises.
        """
        with self._turn:
            if self._running is None or self._running.done():
                self._running, self._since = Future(), time.monotonic()
                self._running.set_running_or_notify_cancel()  # from now on nobody can cancel it
                threading.Thread(
                    target=self._run, args=(self._running,), name=f"wadiag {self._name}", daemon=True
                ).start()
            left = max(0.0, self._since + limit - time.monotonic())
        return await asyncio.wait_for(asyncio.wrap_future(self._running), left)

    def _run(self, future: Future[dict[str, Any]]) -> None:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(_InPlace())
        try:
            future.set_result(loop.run_until_complete(self._call()))
        except BaseException as error:  # noqa: BLE001 - whoever asked gets it
            future.set_exception(error)
        finally:
            loop.close()


class _InPlace(ThreadPoolExecutor):
    """Runs what it is given on the caller's thread.

    NewAClient sends every call to its loop's executor, whose threads Python waits for at exit.
    """

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - belongs to the future
            future.set_exception(error)
        return future


# --- hooks ---


def _refuse_what_cannot_be_hooked(client: Any) -> None:
    event = getattr(client, "event", None)
    needed = (hasattr(event, name) for name in ("execute", "list_func", "_qr"))
    if not all(needed) or not hasattr(client, "connect_with_proxy"):
        raise UsageProblem(
            f"cannot attach to a {type(client).__name__}: it must be a NewClient of neonize.client or a NewAClient of "
            "neonize.aioze.client (of a ClientFactory: each of its clients)"
        )
    if isinstance(event, _Hooked):
        raise UsageProblem("this client is attached to already: call attach once for each client")
    if hasattr(client, "_connect_refs"):
        raise UsageProblem("this client has connected already: call attach before connect, which fixes its events")


class _Hooked:
    """Marks the class of an `event` object that is listened to."""


Tell = Callable[..., None]


def _hook_events(client: Any, tell: Tell) -> None:
    kind: Any = type(client.event)
    messages = next(
        module.INT_TO_EVENT
        for module in (sys.modules[each.__module__] for each in kind.__mro__)
        if hasattr(module, "INT_TO_EVENT")
    )
    heard = {code: message for code, message in messages.items() if message.DESCRIPTOR.name in client_facts.EVENTS}
    nothing = _nothing_async if _is_async(client) else _nothing

    class Hooked(kind, _Hooked):  # type: ignore[misc]
        def execute(self, uuid: int, binary: int, size: int, code: int) -> None:
            if code == client_facts.IDENTITY:
                super().execute(uuid, binary, size, code)
                tell(IDENTIFIED, _identity(self.client))
                return
            if code in heard:
                _hear(tell, heard[code], binary, size)
                if self.list_func.get(code) is nothing and code != _CONNECTED:
                    return  # the bot did not ask for it; its loop may be gone by now
            super().execute(uuid, binary, size, code)

        @property
        def _qr(self) -> Callable[..., Any]:
            shown: Callable[..., Any] = self.__dict__["_qr"]

            @functools.wraps(shown)
            def told(*args: Any) -> Any:
                tell("qr")  # without the code, which is a credential
                return shown(*args)

            return told

        @_qr.setter
        def _qr(self, show: Callable[..., Any]) -> None:
            self.__dict__["_qr"] = show

    client.event.__class__ = Hooked
    for code in heard:
        client.event.list_func.setdefault(code, nothing)


def _hear(tell: Tell, message: Any, binary: int, size: int) -> None:
    try:
        data = client_facts.plain(message.FromString(ctypes.string_at(binary, size)))
    except Exception:  # noqa: BLE001 - whatever it is, it is not the bot's
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


def _hook_connect(client: Any, tell: Tell) -> None:
    """Hear when the client is opened, and how that ends: neither is an event."""
    connect = client.connect_with_proxy

    def ended(error: BaseException | None) -> None:
        if error is None or isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
            tell(STOPPED)
        else:
            tell("connect-task-ended", {"error": str(error)})

    @functools.wraps(connect)
    def connect_and_tell(*args: Any, **kwargs: Any) -> Any:
        tell(CONNECTING)
        try:
            result = connect(*args, **kwargs)
        except BaseException as error:
            ended(error)
            raise
        ended(None)
        return result

    @functools.wraps(connect)
    async def connect_and_tell_async(*args: Any, **kwargs: Any) -> Any:
        tell(CONNECTING)
        task = await connect(*args, **kwargs)
        # `exception()` would count as having looked at it, and Python would not report it to the bot's log any more.
        task.add_done_callback(lambda task: ended(None if task.cancelled() else task._exception))  # noqa: SLF001
        return task

    client.connect_with_proxy = connect_and_tell_async if _is_async(client) else connect_and_tell
