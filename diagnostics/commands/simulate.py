"""`wadiag simulate`: a WhatsApp server on loopback, for bots to rehearse with."""

from __future__ import annotations

import argparse
import json
import sys

from diagnostics.commands import FAILED, OK
from diagnostics.simulator.io.console import Console
from diagnostics.simulator.io.server import WhatsAppServer
from diagnostics.simulator.simulator_errors import SimulatorError

DESCRIPTION = (
    "Serves on 127.0.0.1 until its input ends. Prints where it is and what a client must trust as one line of JSON, "
    'then answers a line of JSON to every command on its input ("help" lists them).'
)


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--port", type=int, default=0, help="of the proxy that clients connect through (0: a free one)")
    parser.add_argument(
        "--scan", action="store_true", help="begin with one account, which scans every QR text that is pasted"
    )


def run(options: argparse.Namespace) -> int:
    def say(answer: object) -> None:
        print(json.dumps(answer, ensure_ascii=False), flush=True)

    try:
        with WhatsAppServer(port=options.port) as server:
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
            if options.scan:
                say(console.answer("account"))
            for line in sys.stdin:
                if line.strip() in {"quit", "exit"}:
                    break
                say(console.answer(line))
    except KeyboardInterrupt:
        return OK
    except (SimulatorError, OSError, OverflowError) as problem:
        print(f"wadiag simulate: {problem}", file=sys.stderr)
        return FAILED
    return OK
