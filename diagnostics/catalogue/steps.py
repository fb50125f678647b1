"""From a remedy's templates to steps: text for people, and the command in it as data.

A command stands in backquotes in the templates of both languages: "wait a minute, then: `{rerun}`". The backquotes are
the catalogue's own: they are looked for before any value is filled in, so no text of a gateway becomes a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from diagnostics.model import Step

_DEADLINE = re.compile(r" --deadline[ =](\d+(?:\.\d+)?)")
_LONGER = 60.0  # s
_LONGEST = 600.0  # s, as configuration allows


def again(rerun: str) -> dict[str, str]:
    """The command that looks again, in the forms that templates name; only our own commands take options.

    >>> again("pytest checks --session a --deadline 20")["rerun_longer"]
    'pytest checks --session a --deadline 60'
    >>> again("GET /whatsapp/health/a")["rerun_loudly"]
    'GET /whatsapp/health/a'
    """
    if rerun.startswith(("GET ", "POST ")):
        return {"rerun": rerun, "rerun_loudly": rerun, "rerun_longer": rerun}
    typed = _DEADLINE.search(rerun)
    seconds = _LONGER if typed is None else min(_LONGEST, max(_LONGER, 2 * float(typed[1])))
    longer = f"{_DEADLINE.sub('', rerun)} --deadline {seconds:g}"
    return {"rerun": rerun, "rerun_loudly": f"{rerun} -v", "rerun_longer": longer}


def steps(templates: Iterable[str], facts: Mapping[str, str], *, rerun_is_safe: bool) -> tuple[Step, ...]:
    """The steps of a remedy, in order.

    Args:
        templates: a catalogue's remedy.
        facts: what its fields stand for; `rerun` is the command that looks again, and `pair` is a command only where
            `pairs` is not empty.
        rerun_is_safe: looking again connects nothing and sends nothing.
    """
    return tuple(_step(template, facts, rerun_is_safe=rerun_is_safe) for template in templates)


def _step(template: str, facts: Mapping[str, str], *, rerun_is_safe: bool) -> Step:
    parts = template.split("`")
    text = "".join(part.format_map(facts) for part in parts)
    if len(parts) < 2 or (parts[1] == "{pair}" and not facts["pairs"]):
        return Step(text, verify=facts["rerun"])
    command = parts[1].format_map(facts)
    looks_again = parts[1].startswith("{rerun")
    return Step(
        text,
        command,
        safe=looks_again and rerun_is_safe and "--connect" not in parts[1],
        verify="" if looks_again else facts["rerun"],
    )


def plain(template: str) -> str:
    """A template without the marks of its commands."""
    return template.replace("`", "")
