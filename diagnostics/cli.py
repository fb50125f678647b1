"""`wadiag`: the commands of the suite."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from diagnostics import __version__
from diagnostics.errors import UsageProblem
from diagnostics.extras import explain_missing_extra

# Each is a module of `diagnostics.commands`.
_COMMANDS = {
    "check": "look at sessions: can they send; if not, why, and what to do",
    "pair": "link a session to a phone: shows the QR code and waits until it is scanned",
    "serve": "sessions over HTTP: link them, ask how they are, send",
    "explain": "what an error message, a status or a log means, and what to do",
    "simulate": "a WhatsApp server on loopback, for bots to rehearse with",
}
USAGE = 2
INTERRUPTED = 130  # as shells have it for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with explain_missing_extra():
            return _run(typed)
    except UsageProblem as problem:
        sys.stderr.write(f"wadiag {' '.join(typed[:1])}: {problem}\n")
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        return INTERRUPTED


def _run(typed: list[str]) -> int:
    if typed[:1] == ["check"] and not {"-h", "--help"} & set(typed):  # pytest's options pass through it
        from diagnostics.commands.check import run_typed  # noqa: PLC0415 - as every command

        return run_typed(typed[1:])
    parser = argparse.ArgumentParser(prog="wadiag", description="Diagnostics for WhatsApp sessions.")
    parser.add_argument("--version", action="version", version=f"whatsapp-diagnostics {__version__}")
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
