"""The process that owns the real neonize clients: `python -m diagnostics.neonize.worker PARENT-PID [EXTENSION…]`.

It reads `protocol.Asked` lines from stdin and writes answers and events to stdout. A thread reads stdin and ends the
process at once at end of file, or when the parent process has exited. So the worker never outlives its parent, even
if the parent is killed. On Linux the kernel kills it as well, since a worker that is stopped reads nothing.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
PARENT_CHECK = 1.0  # s between two checks of the parent, since a fork of it may keep our stdin open


def read_stdin(lines: queue.SimpleQueue[bytes], parent: int) -> None:
    """Put each line of stdin into `lines`; end the process at end of file, or when the process `parent` is gone."""
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    line: list[bytes] = []
    while True:
        if poll.poll(PARENT_CHECK * 1000):
            chunk = os.read(0, 1 << 16)
            if not chunk:
                os._exit(0)
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                lines.put(b"".join([*line, end]))
                line.clear()
            line.append(rest)
        elif os.getppid() != parent:
            os._exit(0)


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - for Linux only

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    parent = int(sys.argv[1])  # not os.getppid(): the parent may have exited already
    threading.Thread(target=read_stdin, args=(lines, parent), daemon=True).start()
    # Go and neonize print to the descriptors 1 and 2, but the pipe to the parent may only carry our lines.
    private_stdout = os.dup(1)
    os.dup2(2, 1)

    import asyncio  # noqa: PLC0415 - after the thread above, because it is slow

    from diagnostics.neonize.worker.service import serve  # noqa: PLC0415

    asyncio.run(serve(lines, private_stdout, sys.argv[2:]))


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # noqa: BLE001 - the parent reads it from stderr
        import traceback

        traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # no interpreter shutdown: it would wait for threads that hang in Go
