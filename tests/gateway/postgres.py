"""A PostgreSQL server for tests: real, on loopback, in a directory that is thrown away."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class NoServer(Exception):
    """There are no server binaries here."""


@dataclass(frozen=True)
class Postgres:
    url: str  # of the server, without a database

    def database(self, name: str) -> str:
        """A new database; its URL."""
        import psycopg  # noqa: PLC0415

        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"{self.url}/{name}"


def binaries() -> Path:
    """Where initdb and postgres are: on PATH, or where Debian has them.

    Raises:
        NoServer.
    """
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    for folder in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True):  # noqa: PTH207
        if Path(folder, "initdb").is_file():
            return Path(folder)
    raise NoServer("no PostgreSQL server here (Debian: apt-get install postgresql)")


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """Start one in `folder`, and stop it after the block.

    Raises:
        NoServer.
    """
    bin_ = binaries()
    user = _unprivileged(folder)
    data = folder / "data"

    def run(*command: str | Path) -> None:
        subprocess.run(
            command, check=True, user=user, cwd=folder, capture_output=True, env={**os.environ, "LC_ALL": "C"}
        )

    run(bin_ / "initdb", "-D", data, "-U", "wadiag", "-A", "trust", "-E", "UTF8", "--no-sync")
    port = _free_port()
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    run(bin_ / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    try:
        yield Postgres(f"postgresql://wadiag@127.0.0.1:{port}")
    finally:
        run(bin_ / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then it runs as nobody, who gets the folder."""
    if os.geteuid() != 0:
        return None
    user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    shutil.chown(folder, user)
    return user


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
