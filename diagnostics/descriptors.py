"""File descriptors that run out: the probe's own trouble, which looks like any other failure to reach something.

A process may open so many files and connections at a time (`ulimit -n`), and the machine so many in all. The failure
comes as EMFILE or ENFILE, or as the words of a library that was in the way (Go, SQLite), and never says anything about
a session.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator

_ERRORS = (errno.EMFILE, errno.ENFILE)
_WORDS = ("too many open files", "file table overflow")


def shortage(problem: BaseException | str) -> str:
    """That there were no file descriptors left, and what to do; "" if the problem had another reason.

    Args:
        problem: an exception, with all that led to it, or a text that somebody else wrote about one.
    """
    texts = [problem] if isinstance(problem, str) else []
    for cause in () if isinstance(problem, str) else _causes(problem):
        if isinstance(cause, OSError) and cause.errno in _ERRORS:
            return _sentence()
        texts.append(str(cause))
    if any(words in text.lower() for text in texts for words in _WORDS):
        return _sentence()
    return ""


def none_left() -> str:
    """As `shortage`, by trying: for failures that do not tell their reason (SQLite: "unable to open database file")."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return shortage(error)
    return ""


def _sentence() -> str:
    if sys.platform == "win32":
        return "no file descriptor was left: end what else is running, then try again"
    import resource  # noqa: PLC0415 - POSIX has it

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"no file descriptor was left (at most {limit} files and connections at a time): "
        f"raise the limit where this is started, for example with ulimit -n {max(4096, 2 * limit)}"
    )


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The exception, what it was raised from, and what a group holds; each once."""
    seen: set[int] = set()
    waiting = [problem]
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [each for each in (cause.__cause__, cause.__context__) if each is not None]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
