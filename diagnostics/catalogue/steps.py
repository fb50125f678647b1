"""Turn a remedy's templates into steps: text for people, and the command in it as data.

In the templates of both languages, a command is written in backquotes: "wait a minute, then: `{rerun}`". Backquotes are
found before any value is filled in, so text from a gateway can never become a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from diagnostics.model import Step

_DEADLINE = re.compile(r" --deadline[ =](\d+(?:\.\d+)?)")
_LONGER = 60.0  # s, the shortest deadline that is recommended after a timeout
_LONGEST = 600.0  # s, the longest that the configuration allows


def again(rerun: str) -> dict[str, str]:
    """The command that checks again, in the forms that templates name. Options are added to our own commands only.

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
        facts: what its fields stand for; `rerun` is the command that checks again, and `pair` is a command only if
            `pairs` is not empty.
        rerun_is_safe: checking again connects nothing and sends nothing.
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
    """A template without the backquotes around its command."""
    return template.replace("`", "")
