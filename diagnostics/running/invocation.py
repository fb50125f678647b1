"""How a person called the suite, so that remedies can name the command that this person has.

A remedy that drops an option looks at something else: without `--send-to` a session that cannot send comes out green.
So every option that changes what is seen is repeated as it was typed. What comes from the environment or from
`diagnostics.toml` is there the next time, too, and is not repeated.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.running.options import options
from diagnostics.targets.values import has_credentials


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call of the suite.

    Attributes:
        command: its words before any session ("pytest", "checks" or "wadiag", "check").
        option: what stands before a session's name ("--session"), "" where the name stands alone.
        typed: the options that change what is seen, as words.
    """

    command: tuple[str, ...] = ("pytest", "checks")
    option: str = "--session"
    typed: tuple[str, ...] = ()

    def again(self, session: str, scenario: str | None = None) -> str:
        """The command that looks at this session again, as somebody would type it."""
        name = f"{session}={scenario}" if scenario else session
        return shlex.join([*self.command, *([self.option] if self.option else []), name, *self.typed])


def typed_words(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The options that were typed and change what is seen, as words. Never one with a password.

    Args:
        given: the parsed command line by destination name; what was not typed is missing, None, False or "".
    """
    words: list[str] = []
    for option in options():
        value = given.get(option.destination)
        if not option.repeated or value in (None, False, "") or has_credentials(str(value)):
            continue
        words += [f"--{option.name}"] if option.flag else [f"--{option.name}", str(value)]
    return tuple(words)


def typed_command(name: str, script: str) -> tuple[str, ...]:
    """How a program was called, by `sys.argv[0]`.

    Args:
        name: the program's name ("pytest").
        script: `sys.argv[0]`.

    Returns:
        `("pytest",)` where the shell finds this very program by its name, a path that works from here otherwise
        (".venv/bin/pytest"), or ("python", "-m", "pytest").
    """
    path = Path(script)
    if path.name in {"__main__.py", "-m", "-c", ""} or not path.exists():
        python = shutil.which("python")
        here = python is not None and Path(python).absolute() == Path(sys.executable).absolute()
        return ("python" if here else _shortest(sys.executable), "-m", name)
    found = shutil.which(name)
    if found is not None and Path(found).absolute() == path.absolute():
        return (name,)
    return (_shortest(script),)


def as_pytest(script: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The words before the first option of a run of pytest: the program and the paths of the checks."""
    return (*typed_command("pytest", script), *(paths or ("checks",)))


def _shortest(path: str) -> str:
    """A path as one types it from the current directory."""
    absolute = os.path.normpath(Path(path).absolute())
    relative = os.path.relpath(absolute)
    return relative if len(relative) < len(absolute) and not relative.startswith("../..") else absolute
