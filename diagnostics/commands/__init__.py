"""The commands of `wadiag`, one module each: `describe(parser)` and `run(options) -> exit code`. Only `check`
reads its command line itself (`run_typed`), because options of pytest pass through it.

A module is imported only when its command is typed, so that none waits for another's imports.
"""

from __future__ import annotations

OK, FAILED, USAGE = 0, 1, 2
