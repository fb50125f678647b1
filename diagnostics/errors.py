"""What can go wrong between a person and the suite.

    DiagnosticsError
    ├── UsageProblem      the input is wrong: an option, a configuration file, a name. Ends a run with exit code 4.
    └── TargetProblem     the target cannot be looked at at all; becomes a finding, never a traceback.

Every message is one sentence that says what is wrong, where, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DiagnosticsError(Exception):
    """Base of all errors that are meant to be read by a person."""


class UsageProblem(DiagnosticsError):
    """The user's input cannot be used as it is."""


class TargetProblem(DiagnosticsError):
    """The target could not be looked at."""


def did_you_mean(wrong: str, valid: Iterable[str]) -> str:
    """A tail for an error message: ' Did you mean "x"? Valid: a, b, x.'

    >>> did_you_mean("helthy", ["healthy", "closed"])
    ' Did you mean "healthy"? Valid: closed, healthy.'
    """
    options = sorted(valid)
    close = difflib.get_close_matches(wrong, options, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f"{hint} Valid: {', '.join(options)}."
