"""Whether a server closes all files and sockets."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from diagnostics.simulator import WhatsAppServer


class Belongings:
    """The files and sockets that a running server, and its clients in this process, have open.

    All files of the process cannot be compared before and after: other servers of the same test run accept and lose
    connections meanwhile, as soon as one of their clients comes back by itself.
    """

    def __init__(self, server: WhatsAppServer) -> None:
        self._folder = server.ca_file.parent
        self._port = urlsplit(server.proxy_url).port

    def open(self) -> set[str]:
        """Those that this process has open now: files by their path, sockets by their number."""
        sockets = set()
        for line in Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if self._port in {int(end.partition(":")[2], 16) for end in fields[1:3]}:
                sockets.add(f"socket:[{fields[9]}]")
        return {name for name in _open_files() if name in sockets or name.startswith(str(self._folder))}


def _open_files() -> set[str]:
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            names.add(str(link.readlink()))
        except FileNotFoundError:  # closed meanwhile, by another thread or the listing itself
            continue
    return names
