"""`WhatsAppServer`: a WhatsApp Web server on loopback, in a thread of its own.

Importing this module is cheap: what the server needs is imported by `start`. The environment for a client process is
known before `start`, so a client can be started first and load while the server starts.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from diagnostics.scratch import Folder
from diagnostics.simulator.io.simulated_account import SimulatedAccount
from diagnostics.simulator.server_settings import Settings
from diagnostics.simulator.simulator_errors import SimulatorError

if TYPE_CHECKING:
    import asyncio

    from diagnostics.simulator.core.journal import Line
    from diagnostics.simulator.faults.fault_plan import Fault
    from diagnostics.simulator.io.shell import Shell
    from diagnostics.simulator.world.account import Account
    from diagnostics.simulator.world.group import GroupInfo
    from diagnostics.simulator.world.media_store import Media

T = TypeVar("T")

_ANSWER_SECONDS = 10.0  # for a call in the server's thread, which never waits for anything
# The discard port, on which nothing listens: a client that ignores its own proxy setting reaches nothing.
_DEAD_PROXY = "http://127.0.0.1:9"


class WhatsAppServer:
    """A WhatsApp Web server on 127.0.0.1, to be used as a context manager, or with `start` and `close`.

        with WhatsAppServer() as server:
            account = server.add_account()
            ...start a client with server.client_environment(), server.proxy_url, server.noise_root...
            server.scan(qr_text_of_the_client, account)

    All methods may be called from any thread.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, settings: Settings | None = None) -> None:
        """Create a server that does not run yet.

        Args:
            host: the address to listen on; `start` refuses any but 127.0.0.1.
            port: of the proxy; 0 takes a free one.
            settings: None for the defaults.
        """
        self._host = host
        self._port = port
        self._settings = settings or Settings()
        self._scratch = Folder("whatsapp-simulator-")
        self._thread: threading.Thread | None = None
        self._shell: Shell | None = None
        self._stop: asyncio.Event | None = None
        self._closed = False

    def start(self) -> Self:
        """Start serving. Returns when the port is open.

        Raises:
            SimulatorError: the server was started or closed before, or `host` is not 127.0.0.1.
            OSError: the port is taken.
        """
        if self._thread is not None or self._closed:
            raise SimulatorError("this server was started before; make a new one")
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="whatsapp-simulator", daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self.close()
            raise
        return self

    def _run(self, started: concurrent.futures.Future[None]) -> None:
        """The server's thread."""
        try:
            import asyncio  # noqa: PLC0415 - see the module's docstring

            asyncio.run(self._serve(started, asyncio.Event()))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _serve(self, started: concurrent.futures.Future[None], stop: asyncio.Event) -> None:
        from diagnostics.simulator.io.shell import Shell  # noqa: PLC0415 - see the module's docstring

        shell = Shell(self._scratch.path, self.ca_file, self._settings)
        await shell.listen(self._host, self._port)
        self._shell, self._stop = shell, stop
        if self._closed:  # meanwhile, by a Ctrl-C in `start`
            stop.set()
        started.set_result(None)
        try:
            await shell.preload()
            await stop.wait()
        finally:
            await shell.close()

    def close(self) -> None:
        """End all connections and the thread, and delete every file. Calling it again does nothing."""
        self._closed = True
        if self._stop is not None and self._shell is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._shell.loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
        self._scratch.remove()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ca_file(self) -> Path:
        """The certificate authority (PEM) that a client's TLS must trust. Written by `start`, deleted by `close`."""
        return self._scratch.path / "ca.pem"

    @property
    def proxy_url(self) -> str:
        """The HTTP proxy through which a client reaches this server, "http://127.0.0.1:PORT"."""
        return f"http://{self._host}:{self._running().port}"

    @property
    def noise_root(self) -> bytes:
        """The root public key, 32 bytes, that a client must trust instead of WhatsApp's."""
        return self._running().hub.identity.root

    def client_environment(self) -> dict[str, str]:
        """The environment variables for a client process. Known before `start`.

        The client itself must be configured with `proxy_url`. The proxy in the environment does not exist, so a client
        that is not configured reaches nothing.
        """
        proxies = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
        names = (name for proxy in proxies for name in (proxy, proxy.lower()))
        # Go reads the one, Node the other.
        authority = dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(self.ca_file))
        return {**authority, "NO_PROXY": "", "no_proxy": "", **dict.fromkeys(names, _DEAD_PROXY)}

    def bot_environment(self) -> dict[str, str]:
        """The environment variables for an unmodified bot that is run by `python -m diagnostics.rehearse`, or by
        `node --import` with `node_preload`: all its connections lead to this server. Known after `start`.
        """
        env = {
            name: self.proxy_url if value == _DEAD_PROXY else value for name, value in self.client_environment().items()
        }
        return {**env, "WADIAG_NOISE_ROOT": self.noise_root.hex()}

    @property
    def node_preload(self) -> Path:
        """The module for `node --import`, with which an unmodified Baileys bot runs in `bot_environment()`."""
        return Path(__file__).parents[2] / "rehearse.mjs"

    @property
    def contact(self) -> SimulatedAccount:
        """An account to write to, which exists from the start."""
        return self._public(self._running().hub.contact)

    def add_account(self, phone: str | None = None, *, name: str = "") -> SimulatedAccount:
        """Create an account.

        Args:
            phone: its number, digits with the country code; None for the next free number.
            name: its push name.

        Raises:
            SimulatorError: `phone` is not a phone number, or is taken.
        """
        return self._do(lambda shell: self._public(shell.hub.directory.add(phone, name)))

    def add_group(self, subject: str, members: Iterable[SimulatedAccount]) -> str:
        """Create a group of these accounts, whose creator is the first one.

        Returns:
            The JID of the group.

        Raises:
            SimulatorError: there are no members, one is another server's, or the subject is longer than 100 characters.
        """
        people = tuple(member._account for member in members)  # noqa: SLF001
        return self._do(lambda shell: shell.hub.add_group(subject, people, shell.now()).jid)

    def group(self, jid: str) -> GroupInfo:
        """The group with that JID at this moment. Raises SimulatorError if there is none."""
        return self._do(lambda shell: shell.hub.group(jid).info)

    def scan(self, qr_text: str | bytes, account: SimulatedAccount) -> None:
        """Have the account's phone scan the QR code that a client shows, and confirm.

        Raises:
            ScanRefused: it is not a QR code, has expired, was scanned before, or is not of a client of this server.
            SimulatorError: the account is another server's, or has no room for another device.
        """
        self._do(lambda shell: shell.hub.scan(qr_text, account._account, shell.now()))  # noqa: SLF001

    def copy_session(self, store: Path, original: SimulatedAccount, to: Path, account: SimulatedAccount) -> None:
        """Copy a linked session to another account, in a few milliseconds.

        Args:
            store: the store of the original's device, which no process has open.
            original: the account of that device.
            to: the path of the copy.
            account: the account of the copy.

        Raises:
            SimulatorError: the original has no linked device, or the store does not hold exactly one.
        """
        from diagnostics.simulator.io.session_copy import copy_device, copy_store  # noqa: PLC0415 - for tests only

        number = self._do(lambda _: copy_device(original._account, account._account))  # noqa: SLF001
        copy_store(store, to, account._account, number)  # noqa: SLF001

    def type_code(self, code: str, account: SimulatedAccount) -> None:
        """Have a person type the pairing code that a client shows into the account's phone. A wrong code links nothing.

        Raises:
            ScanRefused: it is not a pairing code, or no client waits for one to be typed into this phone.
            SimulatorError: the account is another server's, or has no room for another device.
        """
        self._do(lambda shell: shell.hub.type_code(code, account._account, shell.now()))  # noqa: SLF001

    def unlink(self, account: SimulatedAccount, device: str) -> None:
        """Have the account's phone unlink a device, one of `account.devices`. It is told so, and cannot log in again.

        Raises:
            SimulatorError: the account is another server's, or has no such device.
        """
        self._do(lambda shell: shell.hub.unlink(account._account, _number(device), shell.now()))  # noqa: SLF001

    @property
    def settings(self) -> Settings:
        """The settings of this server."""
        return self._settings

    def apply(self, account: SimulatedAccount | None, faults: Iterable[Fault]) -> None:
        """Replace the faults of an account; () removes them. Events and seconds are counted from now.

        Args:
            account: None for all clients, before they have said which account they belong to.
            faults: see `faults.fault_plan`.

        Raises:
            SimulatorError: the account is another server's, or a fault cannot belong to an account, or to all clients.
        """
        faults = tuple(faults)
        whose = account._account if account is not None else None  # noqa: SLF001
        self._do(lambda shell: shell.hub.apply(whose, faults, shell.now()))

    @property
    def log(self) -> tuple[Line, ...]:
        """The last 2,000 stanzas and events, oldest first; `str(line)` is for a person. It contains no key.

        It can still be read after `close`.

        Raises:
            SimulatorError: the server was never started.
        """
        if self._shell is None:
            raise SimulatorError("the server was never started")
        return self._shell.hub.journal.lines

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The media that clients uploaded, encrypted as it arrived, oldest first."""
        return self._do(lambda shell: shell.hub.media.uploads)

    def _public(self, account: Account) -> SimulatedAccount:
        return SimulatedAccount(account.phone, account.jid, account.lid_jid, account, self._do)

    def _running(self) -> Shell:
        if self._shell is None or self._thread is None or not self._thread.is_alive():
            raise SimulatorError("the server is not running")
        return self._shell

    def _do(self, what: Callable[[Shell], T]) -> T:
        """Run `what` in the server's thread, and carry out the effects that it had."""
        shell = self._running()
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                done.set_result(what(shell))
            except BaseException as error:  # noqa: BLE001 - it is raised where the method was called
                done.set_exception(error)
            shell.carry_out()

        shell.loop.call_soon_threadsafe(run)
        return done.result(_ANSWER_SECONDS)


def _number(device: str) -> int:
    """The number of a device in its JID, -1 if there is none."""
    number = device.partition("@")[0].partition(":")[2]
    return int(number) if number.isdecimal() else -1
