"""The catalogue as a page for people: `python -m diagnostics.reporting.reference > docs/checks.md`."""

from __future__ import annotations

from string import Formatter

from diagnostics.catalogue import (
    CAUSES,
    CHECKS,
    KNOWN,
    PHRASES,
    RECONNECT,
    Cause,
    Reconnect,
    again,
    plain,
    reconnect_for,
    words,
)
from diagnostics.model import Language

_INTRO = """\
# Checks and causes

Written by `python -m diagnostics.reporting.reference`; a test keeps it up to date. The ids are stable.

The checks stand in the order of dependency: a finding of an earlier one explains the later ones, which are then
reported as *blocked by* it. `store`, `connection` and `sending` are pytest markers (`-m store`).
"""

_KNOWN = """\
## Causes that no check measures

People meet them in logs; `wadiag explain` knows them.
"""

_RECONNECT = """\
## Connecting again

What the gateway does about a lost connection, by WhatsApp's reason. *at-once*: without a wait, and from the second
attempt on as *backoff*; *backoff*: with growing, capped waits, for as long as it takes; *once*: a single attempt, and
the same answer again needs a person; *never*: a person has to do something first. Each attempt that fails is decided
again, by its own reason.

| Code | Name | Action | Why | Cause |
|---|---|---|---|---|
"""


_AGAIN = {name: said.replace("pytest RERUN", "RERUN") for name, said in again("pytest RERUN").items()}


def reference() -> str:
    """Markdown: every check, every cause with its severity per mode, why it matters and the steps that fix it, and the
    table of reconnects."""
    titles = PHRASES[Language.ENGLISH].titles
    lines = [_INTRO, "## Checks", "", "| Check | Passes when | Sends |", "|---|---|---|"]
    lines += [f"| `{check.id}` | {titles[check.id]} | {'yes' if check.sends else 'no'} |" for check in CHECKS]
    lines += ["", "## Causes"]
    for cause in CAUSES:
        lines += ["", *_section(cause)]
    lines += ["", _KNOWN.rstrip()]
    for cause in KNOWN:
        lines += ["", *_section(cause)]
    lines += ["", _RECONNECT.rstrip(), *map(_row, RECONNECT)]
    unknown = reconnect_for(0)
    lines.append(f"| any other | – | {unknown.action} | {unknown.why()} | {_linked(unknown.cause)} |")
    return "\n".join(lines) + "\n"


def _section(cause: Cause) -> list[str]:
    said = words(cause.id)
    severity = (
        f"{cause.permissive} in both modes"
        if cause.permissive is cause.strict
        else f"{cause.permissive} in permissive mode, {cause.strict} in strict mode"
    )
    return [
        f"### {cause.id}",
        "",
        f"*{_readable(said.claim)}*: {severity}.",
        "",
        f"Why it matters: {_readable(said.why)}.",
        "",
        *(f"{number}. {_readable(plain(step))}" for number, step in enumerate(said.remedy, start=1)),
    ]


def _row(row: Reconnect) -> str:
    action = f"{row.action} before its end, then once" if row.until_end else row.action
    return f"| {row.code or '–'} | {row.name} | {action} | {row.why()} | {_linked(row.cause)} |"


def _linked(cause_id: str) -> str:
    return f"[{cause_id}](#{cause_id})"


def _readable(template: str) -> str:
    """The template with its fields as words: '{code} {reason}' becomes 'CODE REASON'."""
    return "".join(
        text + (_AGAIN.get(name, name.upper()) if name else "") for text, name, _, _ in Formatter().parse(template)
    )


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - that is what the command is for
