"""The options of a run: one table for `pytest checks`, `wadiag check` and the commands that remedies name."""

from __future__ import annotations

from dataclasses import dataclass


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


OPTIONS: tuple[Option, ...] = (
    Option("target", "simulator (default), neonize, gateway, or the name of a target in diagnostics.toml", "NAME"),
    Option("store", "session store to read (target neonize)", "PATH"),
    Option(
        "connect",
        "open the real client with the store's credentials, if no bot holds them (target neonize)",
        flag=True,
    ),
    Option("proxy", "proxy that the real client connects through (with --connect)", "URL"),
    Option("url", "where the gateway answers (target gateway)", "URL"),
    Option("token-env", "what holds the gateway's token (default: WADIAG_TOKEN)", "VARIABLE"),
    Option("send-to", "send a test text and image to this number (live sessions)", "NUMBER"),
    Option("scenario", "what the simulator plays for every session that names none itself", "NAME"),
    Option("mode", "permissive (default): non-critical findings pass with a warning; or strict", "MODE"),
    Option("lang", "of the findings: en (default), or id for Indonesian", "LANGUAGE"),
    Option("deadline", "longest time for each session, all steps together", "SECONDS"),
    Option("config", "configuration file (default: diagnostics.toml, if there is one)", "FILE"),
    Option("reports", "where latest.html and the dated report go (default: reports)", "DIR", repeated=False),
    Option("show-identities", "do not mask phone numbers in the terminal", flag=True, repeated=False),
)
OPTION_BY_NAME = {option.name: option for option in OPTIONS}
