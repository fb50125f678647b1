"""`wadiag`: the commands beside `pytest checks`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import IO

from diagnostics.simulator.errors import SimulatorError

OK, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(prog="wadiag", description="Diagnostics for WhatsApp sessions.")
    commands = parser.add_subparsers(dest="command", required=True)
    simulate = commands.add_parser(
        "simulate",
        help="a WhatsApp server on loopback, for bots to rehearse with",
        description="Serves on 127.0.0.1 until its input ends. Prints where it is and what a client must trust as one "
        'line of JSON, then answers a line of JSON to every command on its input ("help" lists them).',
    )
    simulate.add_argument(
        "--port", type=int, default=0, help="of the proxy that clients connect through (0: a free one)"
    )
    simulate.add_argument(
        "--scan", action="store_true", help="begin with one account, which scans every QR text that is pasted"
    )
    options = parser.parse_args(arguments)
    return _simulate(options.port, scan=options.scan, commands=sys.stdin, answers=sys.stdout)


def _simulate(port: int, *, scan: bool, commands: IO[str], answers: IO[str]) -> int:
    from diagnostics.simulator.console import Console  # noqa: PLC0415 - only this command needs it
    from diagnostics.simulator.server import WhatsAppServer  # noqa: PLC0415

    def say(answer: object) -> None:
        print(json.dumps(answer, ensure_ascii=False), file=answers, flush=True)

    try:
        with WhatsAppServer(port=port) as server:
            say(
                {
                    "proxy": server.proxy_url,
                    "ca_file": str(server.ca_file),
                    "noise_root": server.noise_root.hex(),
                    "contact": server.contact.phone,
                    "environment": server.bot_environment(),
                    "run": "python -m diagnostics.rehearse BOT.py, in this environment",
                    "run_node": f"node --import {server.node_preload} BOT.mjs, in this environment",
                }
            )
            console = Console(server)
            if scan:
                say(console.answer("account"))
            for line in commands:
                if line.strip() in {"quit", "exit"}:
                    break
                say(console.answer(line))
    except KeyboardInterrupt:
        return OK
    except (SimulatorError, OSError, OverflowError) as problem:
        print(f"wadiag simulate: {problem}", file=sys.stderr)
        return FAILED
    return OK


if __name__ == "__main__":
    sys.exit(main())
