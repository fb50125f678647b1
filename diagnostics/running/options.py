"""The options of a run: one table for `pytest checks`, `wadiag check` and the commands that remedies name.

Those of the kinds of targets come from the registry, the others are here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from diagnostics.targets import registry
from diagnostics.targets.base import DEFAULT_TARGET


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the command line.

    Attributes:
        name: without the dashes ("send-to").
        flag: it takes no value.
        repeated: it changes what is seen of a session, so a command that looks again must have it.
    """

    name: str
    help: str
    metavar: str = ""
    flag: bool = False
    repeated: bool = True

    @property
    def destination(self) -> str:
        """Its name as an attribute of the parsed options."""
        return self.name.replace("-", "_")


@cache
def options() -> tuple[Option, ...]:
    """All options but `--session`, in the order in which they are repeated and listed."""
    kinds = [f"{DEFAULT_TARGET} (default)", *(name for name in registry.usable() if name != DEFAULT_TARGET)]
    of_kinds = [
        Option(option.option.removeprefix("--"), option.help, option.metavar or option.name.upper(), flag=option.flag)
        for option in registry.options()
        if option.typed
    ]
    return (
        Option("target", f"{', '.join(kinds)}, or the name of a target in diagnostics.toml", "NAME"),
        *of_kinds,
        Option("send-to", "send a test text and image to this number (live sessions)", "NUMBER"),
        Option("mode", "permissive (default): non-critical findings pass with a warning; or strict", "MODE"),
        Option("lang", "of the findings: en (default), or id for Indonesian", "LANGUAGE"),
        Option("deadline", "longest time for each session, all steps together", "SECONDS"),
        Option("config", "configuration file (default: diagnostics.toml, if there is one)", "FILE"),
        Option("reports", "where latest.html and the dated report go (default: reports)", "DIR", repeated=False),
        Option("show-identities", "do not mask phone numbers in the terminal", flag=True, repeated=False),
    )


@cache
def by_name() -> dict[str, Option]:
    """All options by their names without the dashes."""
    return {option.name: option for option in options()}
