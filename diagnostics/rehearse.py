"""Run an unmodified neonize bot against the simulator: `python -m diagnostics.rehearse bot.py ARGUMENTS`.

The environment has the address of the simulator (`WhatsAppServer.bot_environment()` returns it). Before the bot starts,
WhatsApp's root key is replaced by the simulator's in the memory of this process (see `neonize.worker.trust`), so a
rehearsing bot cannot log in to the real WhatsApp, and all its connections go to the simulator's proxy.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from diagnostics.errors import UsageProblem
from diagnostics.neonize.worker import library, trust

NOISE_ROOT = "WADIAG_NOISE_ROOT"  # hex


def noise_root(environ: Mapping[str, str]) -> bytes | None:
    """The simulator's root key, or None if this environment does not belong to a rehearsal.

    Raises:
        UsageProblem: the variable holds something else.
    """
    try:
        return bytes.fromhex(environ.get(NOISE_ROOT, "")) or None
    except ValueError:
        raise UsageProblem(f"{NOISE_ROOT} is not a key in hexadecimal: only the simulator sets it.") from None


def main() -> None:
    root = os.environ.get(NOISE_ROOT, "")
    if len(sys.argv) < 2 or not root:
        sys.exit(f"usage: python -m diagnostics.rehearse BOT.py [ARGUMENTS], with {NOISE_ROOT} set by the simulator")
    if not Path(sys.argv[1]).exists():
        sys.exit(f"the rehearsal cannot start: there is no {sys.argv[1]}")
    try:
        trust.replace_noise_root_key(library.load(), bytes.fromhex(root))
    except (library.Unavailable, trust.NoKeyPatch, ValueError) as problem:
        sys.exit(f"the rehearsal cannot start: {problem}")
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))  # noqa: PTH100, PTH120 - as python itself does it
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
