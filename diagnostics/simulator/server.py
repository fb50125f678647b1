"""`WhatsAppServer`: a WhatsApp Web server on loopback, in a thread of its own.

Importing this costs next to nothing: what the server needs is imported by `start`. Constructing gives the
environment for a client process, so a client may be started first and load while the server starts.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from diagnostics.scratch import Folder
from diagnostics.simulator.account import SimulatedAccount
from diagnostics.simulator.errors import SimulatorError
from diagnostics.simulator.settings import Settings

if TYPE_CHECKING:
    import asyncio

    from diagnostics.simulator import accounts
    from diagnostics.simulator.faults import Fault
    from diagnostics.simulator.groups import GroupInfo
    from diagnostics.simulator.journal import Line
    from diagnostics.simulator.media import Media
    from diagnostics.simulator.shell import Shell

T = TypeVar("T")

_ANSWER_SECONDS = 10.0  # for the server's own thread, which never waits for anything
_DEAD_PROXY = "http://127.0.0.1:9"  # the discard port: nobody listens, so a forgotten proxy fails closed


class WhatsAppServer:
    """A WhatsApp Web server on 127.0.0.1, to be used as a context manager.

        with WhatsAppServer() as server:
            account = server.add_account()
            ...start a client with server.client_environment(), server.proxy_url, server.noise_root...
            server.scan(qr_text_of_the_client, account)

    All methods may be called from any thread.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, settings: Settings | None = None) -> None:
        """`port` 0 takes a free one. The address is taken by `start`, which refuses any other than 127.0.0.1."""
        self._host = host
        self._port = port
        self._settings = settings or Settings()
        self._scratch = Folder("whatsapp-simulator-")
        self._thread: threading.Thread | None = None
        self._shell: Shell | None = None
        self._stop: asyncio.Event | None = None
        self._closed = False

    # ---- life

    def start(self) -> Self:
        """Serve. Returns when the port is open.

        Raises:
            SimulatorError: it runs already, was closed, or was asked for an address other than 127.0.0.1.
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
        from diagnostics.simulator.shell import Shell  # noqa: PLC0415 - see the module's docstring

        shell = Shell(self._scratch.path, self.ca_file, self._settings)
        await shell.listen(self._host, self._port)
        self._shell, self._stop = shell, stop
        if self._closed:  # meanwhile, by a Ctrl-C in `start`
            stop.set()
        started.set_result(None)
        try:
            await stop.wait()
        finally:
            await shell.close()

    def close(self) -> None:
        """End all connections and the thread, and remove every file. Harmless when called again."""
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

    # ---- for the client process

    @property
    def ca_file(self) -> Path:
        """The certificate authority that a client's TLS must trust (PEM). Written by `start`, removed by `close`."""
        return self._scratch.path / "ca.pem"

    @property
    def proxy_url(self) -> str:
        """The HTTP proxy through which a client reaches this server, "http://127.0.0.1:PORT"."""
        return f"http://{self._host}:{self._running().port}"

    @property
    def noise_root(self) -> bytes:
        """The public key, 32 bytes, that a client must trust in place of WhatsApp's own."""
        return self._running().hub.identity.root

    def client_environment(self) -> dict[str, str]:
        """What the environment of a client process must say. Known before `start`.

        The client gets the proxy by its own settings. The environment's proxy leads nowhere, so a client that
        forgets it reaches nothing.
        """
        proxies = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
        names = (name for proxy in proxies for name in (proxy, proxy.lower()))
        # Go reads the one, Node the other.
        authority = dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(self.ca_file))
        return {**authority, "NO_PROXY": "", "no_proxy": "", **dict.fromkeys(names, _DEAD_PROXY)}

    def bot_environment(self) -> dict[str, str]:
        """For an unmodified bot that `python -m diagnostics.rehearse`, or `node --import` with `rehearse.mjs`, runs:
        all it dials comes here. After `start`.
        """
        env = {
            name: self.proxy_url if value == _DEAD_PROXY else value for name, value in self.client_environment().items()
        }
        return {**env, "WADIAG_NOISE_ROOT": self.noise_root.hex()}

    @property
    def node_preload(self) -> Path:
        """The module that `node --import` takes, to run an unmodified Baileys bot in `bot_environment()`."""
        return Path(__file__).parents[1] / "rehearse.mjs"

    # ---- people

    @property
    def contact(self) -> SimulatedAccount:
        """Somebody on WhatsApp to write to."""
        return self._public(self._running().hub.contact)

    def add_account(self, phone: str | None = None, *, name: str = "") -> SimulatedAccount:
        """A new account, with the next free number when `phone` is not given.

        Raises:
            SimulatorError: the number is none, or taken.
        """
        return self._do(lambda shell: self._public(shell.hub.directory.add(phone, name)))

    def add_group(self, subject: str, members: Iterable[SimulatedAccount]) -> str:
        """A new group of these accounts, the first of which has created it; its JID.

        Raises:
            SimulatorError: it has no member, one is another server's, or the subject has more than 100 characters.
        """
        people = tuple(member._account for member in members)  # noqa: SLF001
        return self._do(lambda shell: shell.hub.add_group(subject, people, shell.now()).jid)

    def group(self, jid: str) -> GroupInfo:
        """The group as it stands. Raises SimulatorError where there is none with that JID."""
        return self._do(lambda shell: shell.hub.group(jid).info)

    def scan(self, qr_text: str | bytes, account: SimulatedAccount) -> None:
        """The account's phone scans the code that a client shows, and confirms.

        Raises:
            ScanRefused: the code is none, expired, scanned before, or not from this server's client.
            SimulatorError: the account is another server's, or has no room for a further device.
        """
        self._do(lambda shell: shell.hub.scan(qr_text, account._account, shell.now()))  # noqa: SLF001

    def copy_session(self, store: Path, original: SimulatedAccount, to: Path, account: SimulatedAccount) -> None:
        """Copy a linked store that nobody has open, under another account's name, in a few milliseconds.

        Raises:
            SimulatorError: the original has no linked device, or the store does not hold exactly one.
        """
        from diagnostics.simulator.copying import copy_device, copy_store  # noqa: PLC0415 - for tests only

        number = self._do(lambda _: copy_device(original._account, account._account))  # noqa: SLF001
        copy_store(store, to, account._account, number)  # noqa: SLF001

    def type_code(self, code: str, account: SimulatedAccount) -> None:
        """Somebody types the pairing code that a client shows into the account's phone. A wrong code links nothing.

        Raises:
            ScanRefused: it is no code, or no client has asked for one to be typed into this phone.
            SimulatorError: the account is another server's, or has no room for a further device.
        """
        self._do(lambda shell: shell.hub.type_code(code, account._account, shell.now()))  # noqa: SLF001

    def unlink(self, account: SimulatedAccount, device: str) -> None:
        """The account's phone unlinks a device, one of `account.devices`: it is told so, and can never log in again.

        Raises:
            SimulatorError: the account is another server's, or has no such device.
        """
        self._do(lambda shell: shell.hub.unlink(account._account, _number(device), shell.now()))  # noqa: SLF001

    @property
    def settings(self) -> Settings:
        """What it was made with."""
        return self._settings

    def apply(self, account: SimulatedAccount | None, faults: Iterable[Fault]) -> None:
        """From now on exactly these faults hold for the account; () heals it. Events and seconds are counted anew.

        `None` stands for all clients, before they have said whose they are (`faults.NOBODYS`).

        Raises:
            SimulatorError: the account is another server's, or a fault cannot be of an account, or of all.
        """
        faults = tuple(faults)
        whose = account._account if account is not None else None  # noqa: SLF001
        self._do(lambda shell: shell.hub.apply(whose, faults, shell.now()))

    # ---- what happened

    @property
    def log(self) -> tuple[Line, ...]:
        """The last 2,000 lines of what was said, oldest first; `str(line)` is for a person. No key is in it.

        Can still be read after `close`.
        """
        if self._shell is None:
            raise SimulatorError("the server was never started")
        return self._shell.hub.journal.lines

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The media that clients uploaded, encrypted as it came, oldest first."""
        return self._do(lambda shell: shell.hub.media.uploads)

    # ----

    def _public(self, account: accounts.Account) -> SimulatedAccount:
        return SimulatedAccount(account.phone, account.jid, account.lid_jid, account, self._do)

    def _running(self) -> Shell:
        if self._shell is None or self._thread is None or not self._thread.is_alive():
            raise SimulatorError("the server is not running")
        return self._shell

    def _do(self, what: Callable[[Shell], T]) -> T:
        """Run `what` in the server's thread and carry out what it led to."""
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
    """The number of a device in its JID, -1 where there is none."""
    number = device.partition("@")[0].partition(":")[2]
    return int(number) if number.isdecimal() else -1
