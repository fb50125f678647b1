"""`wadiag`: the commands beside `pytest checks`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# Each is a module of `diagnostics.commands`.
_COMMANDS = {
    "explain": "what an error message, a status or a log means, and what to do",
    "simulate": "a WhatsApp server on loopback, for bots to rehearse with",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="wadiag", description="Diagnostics for WhatsApp sessions.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if typed[:1] == [name]:
            importlib.import_module(f"diagnostics.commands.{name}").describe(command)
    options = parser.parse_args(typed)
    code: int = importlib.import_module(f"diagnostics.commands.{options.command}").run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
