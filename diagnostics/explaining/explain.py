"""Find the causes of the catalogue in a pasted text: an error message, a log, a status. Pure.

Theory of operation. Every sign of the catalogue is searched for in the whole text. A definite sign always counts. A
vague one ("Connection Closed", a status word) counts only if there is no definite sign within `NEAR` lines of it;
otherwise it belongs to the same incident. A vague sign with several causes ("Stream Errored (conflict)") does not count
if another sign, anywhere in the text, names just one of them.
The log of `wadiag serve` is read on its own: what counts in it is which losses still stand at its end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import accumulate

from diagnostics.catalogue import CAUSE_BY_ID, FOUND_BY, LABELLED, PHRASES, SIGNS, Sign, again, steps, words
from diagnostics.explaining.gateway_log import SOURCE, read_gateway_log
from diagnostics.model import Finding, Language, Mode
from diagnostics.redact import printable, redact

NEAR = 20  # lines: a stack trace or a pretty-printed error between a phrase and its code

_SESSION = re.compile(r"session '([a-zA-Z0-9._-]{1,64})'", re.IGNORECASE)
_QUOTED = 160  # characters of a matching line that are shown


@dataclass(frozen=True, slots=True)
class Explanation:
    """One cause that was found in a text.

    Attributes:
        cause: its id in the catalogue.
        certain: the sign has this cause only; otherwise the same words can mean several causes.
        source: the project whose words they are ("Baileys", "whatsmeow").
        matched: the first line with the sign, redacted and safe to print.
        line: that line's number, from 1.
        times: how many lines have the sign.
        session: the session that the text names, "" if it names none.
        code: the status code that was found, "" if the sign is words.
    """

    cause: str
    certain: bool
    source: str
    matched: str
    line: int
    times: int
    session: str
    code: str


@dataclass(frozen=True, slots=True)
class _Match:
    source: str
    causes: tuple[str, ...]
    vague: bool
    line: int  # from 0
    code: str = ""

    @property
    def certain(self) -> bool:
        return len(self.causes) == 1


def explain(text: str) -> tuple[Explanation, ...]:
    """What an error message, a log or a status means.

    Args:
        text: what a person pasted; the time is linear in its length.

    Returns:
        The causes: certain ones before possible ones, the worst first, then in the order of the text. Empty if no sign
        was found.

    >>> [each.cause for each in explain("server returned error 463")]
    ['reachout-timelock']
    """
    lines = text.splitlines()
    losses, remaining = read_gateway_log(lines)
    matches = list(_matches([line.lower() for line in remaining]))
    known_better = {match.line for match in matches if match.certain and not match.vague}
    matches += [
        _Match(SOURCE, (loss.cause,), vague=False, line=loss.line, code=loss.code)
        for loss in losses
        if loss.line not in known_better
    ]
    definite = [match for match in matches if not match.vague]
    near = sorted({match.line for match in definite})
    settled = {match.causes[0] for match in matches if match.certain}
    counted = definite + [
        match
        for match in matches
        if match.vague and not _is_near(match.line, near) and (match.certain or settled.isdisjoint(match.causes))
    ]

    named = _SESSION.search(text)
    session = losses[0].session if losses else redact(named[1]) if named else ""
    said: dict[str, list[_Match]] = {}
    for match in sorted(counted, key=lambda match: match.line):
        for cause in match.causes:
            said.setdefault(cause, []).append(match)
    found = [
        Explanation(
            cause,
            certain=any(match.certain for match in each),
            source=each[0].source,
            matched=printable(redact(lines[each[0].line].strip()), _QUOTED),
            line=each[0].line + 1,
            times=len({match.line for match in each}),
            session=session,
            code=next((match.code for match in each if match.code), ""),
        )
        for cause, each in said.items()
    ]
    return tuple(sorted(found, key=_worst_first))


def nearest(text: str) -> str:
    """The known phrase, id or status that a short text is probably a typo of; "" if none is close.

    >>> nearest("stream-replcaed")
    'stream-replaced'
    """
    typed = text.strip().lower()
    if not 4 <= len(typed) <= 80:
        return ""
    return next(iter(get_close_matches(typed, _VOCABULARY, n=1, cutoff=0.85)), "")


def finding(explanation: Explanation, language: Language = Language.ENGLISH) -> Finding:
    """The explanation in the words of the catalogue, as reports show a finding; its `check` is the cause's id.

    Facts that only an observed session has (codes, times) are left out of the claim.
    """
    say = PHRASES[language]
    said = words(explanation.cause, language)
    session = explanation.session or say.some_session
    facts = {
        "session": session,
        **again(f"pytest checks --session {session}"),
        "pair": say.pair,
        "pairs": "",
        "what": say.message,
        "code": explanation.code or say.some_code,
        "expires": say.end_shown,
        "prekeys": say.few,
        "variable": say.some_variable,
        "times": say.several,
    }
    place = say.line.format(number=explanation.line, source=explanation.source)
    more = f" (×{explanation.times})" if explanation.times > 1 else ""
    return Finding(
        check=explanation.cause,
        cause=explanation.cause,
        severity=CAUSE_BY_ID[explanation.cause].severity(Mode.PERMISSIVE),
        claim=_ONLY_SEEN.sub("", said.claim).format_map(facts),
        measured=f"{place}{more}: {explanation.matched}",
        why=said.why.format_map(facts),
        remedy=steps(said.remedy, facts, rerun_is_safe=False),
    )


def checks_of(cause: str) -> tuple[str, ...]:
    """Ids of the checks that find this cause; empty if no check measures it."""
    return tuple(check for check, causes in FOUND_BY.items() if any(each.id == cause for each in causes))


_ONLY_SEEN = re.compile(r" \([^()]*\{[^()]*\)|: \{detail\}$")
_VOCABULARY = [*dict.fromkeys(p for sign in SIGNS for p in sign.phrases)]


def _matches(lowered: list[str]) -> Iterator[_Match]:
    text = "\n".join(lowered)
    starts = list(accumulate((len(line) + 1 for line in lowered), initial=0))
    for sign in SIGNS:
        for at in _places(text, sign):
            yield _Match(sign.source, sign.causes, sign.vague, bisect_right(starts, at) - 1)
    for labelled in LABELLED:
        for found in labelled.pattern.finditer(text):
            if causes := labelled.causes.get(found[1]):
                line, code = bisect_right(starts, found.start(1)) - 1, found[1] if found[1].isdigit() else ""
                yield _Match(labelled.source, causes, labelled.vague, line, code)


def _places(text: str, sign: Sign) -> Iterator[int]:
    for phrase in sign.phrases:
        at = text.find(phrase)
        while at >= 0:
            end = at + len(phrase)
            if not (_joins(text[at - 1 : at], phrase[0]) or _joins(text[end : end + 1], phrase[-1])):
                yield at
            at = text.find(phrase, end)


def _joins(outside: str, inside: str) -> bool:
    """Whether the text continues the word at the phrase's end, so that the phrase is only a part of a longer word."""
    return (outside.isalnum() or outside in {"_", "-"}) and (inside.isalnum() or inside == "_")


def _is_near(line: int, sorted_lines: list[int]) -> bool:
    at = bisect_right(sorted_lines, line)
    return any(abs(line - other) <= NEAR for other in sorted_lines[max(0, at - 1) : at + 1])


def _worst_first(explanation: Explanation) -> tuple[bool, int, int]:
    severity = CAUSE_BY_ID[explanation.cause].severity(Mode.PERMISSIVE)
    return (not explanation.certain, severity.rank, explanation.line)
