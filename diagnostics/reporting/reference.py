"""The catalogue as a page for people: `python -m diagnostics.reporting.reference > docs/checks.md`."""

from __future__ import annotations

from string import Formatter

from diagnostics.catalogue import CAUSES, CHECKS, PHRASES, Cause, words
from diagnostics.model import Language

_INTRO = """\
# Checks and causes

Written by `python -m diagnostics.reporting.reference`; a test keeps it up to date. The ids are stable.

The checks stand in the order of dependency: a finding of an earlier one explains the later ones, which are then
reported as *blocked by* it. `store`, `connection` and `sending` are pytest markers (`-m store`).
"""


def reference() -> str:
    """Markdown: every check, then every cause with its severity per mode, why it matters and the steps that fix it."""
    lines = [_INTRO, "## Checks", "", "| Check | Passes when | Sends |", "|---|---|---|"]
    titles = PHRASES[Language.ENGLISH].titles
    lines += [f"| `{check.id}` | {titles[check.id]} | {'yes' if check.sends else 'no'} |" for check in CHECKS]
    lines += ["", "## Causes"]
    for cause in CAUSES:
        lines += ["", *_section(cause)]
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
        *(f"{number}. {_readable(step)}" for number, step in enumerate(said.remedy, start=1)),
    ]


def _readable(template: str) -> str:
    """The template with its fields as words: '{code} {reason}' becomes 'CODE REASON'."""
    return "".join(text + (name.upper() if name else "") for text, name, _, _ in Formatter().parse(template))


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - that is what the command is for
