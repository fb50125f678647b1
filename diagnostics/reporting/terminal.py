"""The words a person reads: the header before a run and the diagnosis after it.

Pure: diagnoses in, lines out. A `Line` carries its markup in pytest's words, so that a hook writes it with
`terminalreporter.write_line(line.text, **line.markup)` and colour stays pytest's business (`--color`, NO_COLOR). Colour
adds nothing that the words do not say. Every value is redacted and made safe to print here.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from diagnostics.catalogue import PHRASES, Phrases
from diagnostics.model import Diagnosis, Finding, Language, Mode, Severity, Verdict
from diagnostics.redact import Redactor, printable, redact
from diagnostics.reporting.ranking import SIGNS, WORST_FIRST, following, ranked, verdict_words

IN_FULL = 10  # this many sessions in trouble are explained; the others get one line each
ONE_BY_ONE = 10  # up to this many healthy sessions get a line of their own

_COLOURS = {Verdict.UNHEALTHY: "red", Verdict.UNKNOWN: "purple", Verdict.DEGRADED: "yellow", Verdict.HEALTHY: "green"}
_SEVERITY_COLOURS = {Severity.CRITICAL: "red", Severity.UNKNOWN: "purple", Severity.WARNING: "yellow"}
_ASCII = str.maketrans(
    {"✘": "x", "▲": "!", "✔": "+", "•": "*", "…": "...", "–": "-", "—": "-", "→": "->", "’": "'", "“": '"', "”": '"'}
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line, not wider than was asked for; `markup` as pytest's TerminalWriter takes it ({"red": True})."""

    text: str
    markup: Mapping[str, bool] = field(default_factory=dict)


def render(
    diagnoses: Sequence[Diagnosis],
    *,
    width: int = 80,
    report: str | None = None,
    unfinished: Sequence[str] = (),
    language: Language = Language.ENGLISH,
    encoding: str = "utf-8",
    redact: Redactor = redact,
) -> list[Line]:
    """The diagnosis of a run: trouble first, the worst of it first, and what to do about it.

    Args:
        width: columns of the terminal.
        report: path of the HTML report as a person would type it, None where none was written.
        unfinished: the sessions that a stopped run has not looked at.
        language: of the words around the findings, which are in the language that they were judged in.
        encoding: of the stream; signs and other characters that it lacks are written in ASCII.
        redact: masks what the terminal must not say.
    """
    paper = _Paper(width, encoding, redact)
    troubled, healthy = ranked(diagnoses)
    say = PHRASES[language]

    lines: list[Line] = []
    if len(diagnoses) > 1:
        lines += paper.lines(f"{say.sessions.format(count=len(diagnoses))}: {_tally(diagnoses, say)}", {"bold": True})
    for diagnosis in troubled[:IN_FULL]:
        lines += _session(paper, diagnosis)
        for finding in diagnosis.findings:
            lines += _finding(paper, diagnosis, finding, say)
    for diagnosis in troubled[IN_FULL:]:
        root = diagnosis.root
        lines += _session(paper, diagnosis, f"{root.claim} ({root.check})" if root else diagnosis.headline)
    if len(healthy) > ONE_BY_ONE:
        headlines = {diagnosis.headline for diagnosis in healthy}
        said = headlines.pop() if len(headlines) == 1 else ""
        word = verdict_words(healthy[0]) if len({d.simulated for d in healthy}) == 1 else say.verdicts[Verdict.HEALTHY]
        lines += _verdict(paper, Verdict.HEALTHY, say.sessions.format(count=len(healthy)), word.upper(), said)
    else:
        for diagnosis in healthy:
            lines += _session(paper, diagnosis)
    if unfinished:
        some = ", ".join(unfinished[:IN_FULL]) + (
            f" (+{len(unfinished) - IN_FULL})" if len(unfinished) > IN_FULL else ""
        )
        lines += paper.lines(say.unfinished.format(names=some), {"bold": True, "purple": True}, first="? ")
    if report is not None:
        lines += paper.lines(report, first="report   ")
    return lines


def header(
    *,
    targets: Sequence[str],
    mode: Mode,
    sessions: Sequence[str],
    deadline: float,
    sends: str = "",
    width: int = 80,
    encoding: str = "utf-8",
    redact: Redactor = redact,
) -> list[str]:
    """What is about to happen: where sessions are looked at, how they are judged, which, and for how long at most.

    Args:
        targets: `Target.describe()` of each target, and its notices.
        sessions: names as they should be shown ("testing", "b (scenario closed)").
        deadline: seconds for each session.
        sends: what will be sent to whom, "" where that goes without saying.
    """
    paper = _Paper(width, encoding, redact)
    lines: list[Line] = []
    for number, target in enumerate(targets):
        lines += paper.lines(target, first="target   " if number == 0 else " " * 9)
    mode_words = f"mode {mode}"
    if len(lines) == 1 and len(lines[0].text) + 6 + len(mode_words) <= width:
        lines = [Line(f"{lines[0].text}      {mode_words}")]
    else:
        lines += paper.lines(mode.value, first="mode     ")
    some = ", ".join(sessions[:ONE_BY_ONE])
    more = f" and {len(sessions) - ONE_BY_ONE} more" if len(sessions) > ONE_BY_ONE else ""
    each = " each" if len(sessions) > 1 else ""
    lines += paper.lines(f"{some}{more}, at most {deadline:g} s{each}", first="session  ")
    if sends:
        lines += paper.lines(sends, first="sends    ")
    return [line.text for line in lines]


def finding_lines(
    finding: Finding,
    *,
    width: int = 80,
    encoding: str = "utf-8",
    redact: Redactor = redact,
    language: Language = Language.ENGLISH,
) -> list[Line]:
    """One finding on its own: where pytest would print a traceback, and for `wadiag explain`.

    Args:
        language: of the labels; the finding's own words are what they are.
    """
    return _explain(_Paper(width, encoding, redact), finding, PHRASES[language])


def _tally(diagnoses: Iterable[Diagnosis], say: Phrases) -> str:
    counts = Counter(diagnosis.verdict for diagnosis in diagnoses)
    return ", ".join(f"{counts[verdict]} {say.verdicts[verdict]}" for verdict in WORST_FIRST if counts[verdict])


def _session(paper: _Paper, diagnosis: Diagnosis, said: str | None = None) -> list[Line]:
    said = diagnosis.headline if said is None else said
    return _verdict(paper, diagnosis.verdict, diagnosis.session, verdict_words(diagnosis), said)


def _verdict(paper: _Paper, verdict: Verdict, who: str, word: str, said: str) -> list[Line]:
    text = f"{who}  {word}" + (f"  {said}" if said else "")
    return paper.lines(text, {"bold": True, _COLOURS[verdict]: True}, first=f"{SIGNS[verdict]} ")


def _finding(paper: _Paper, diagnosis: Diagnosis, finding: Finding, say: Phrases) -> list[Line]:
    lines = _explain(paper, finding, say)
    if checks := following(diagnosis, finding):
        lines += paper.lines(f"{say.follows}: {checks}", {"light": True}, first=paper.indent)
    return lines


def _explain(paper: _Paper, finding: Finding, say: Phrases) -> list[Line]:
    colour = {_SEVERITY_COLOURS[finding.severity]: True}
    severity = say.severities[finding.severity].upper()
    title = f"  {severity:<8}  {finding.check}"
    labels = (say.seen, say.why, say.fix)
    seen, why, fix = (f"{label:<{max(map(len, labels))}} " for label in labels)
    if paper.narrow:
        lines = paper.lines(finding.check, colour, first=f"  {severity}  ", rest=paper.indent)
        lines += paper.lines(finding.claim, colour, first=paper.indent)
    else:
        lines = paper.lines(finding.claim, colour, first=f"{title}   ", rest=paper.indent)
    if finding.measured:
        lines += paper.lines(finding.measured, first=f"{paper.indent}{seen}")
    if finding.why:
        lines += paper.lines(finding.why, first=f"{paper.indent}{why}")
    for number, step in enumerate(finding.remedy, start=1):
        label = fix if number == 1 else " " * len(fix)
        lines += paper.lines(step.text, first=f"{paper.indent}{label}{number}. ")
    return lines


@dataclass(frozen=True, slots=True)
class _Paper:
    """Where lines are written: how wide, in which characters, and what must not be shown."""

    width: int
    encoding: str
    redact: Redactor

    @property
    def narrow(self) -> bool:
        return self.width < 60

    @property
    def indent(self) -> str:
        return " " * (4 if self.narrow else 12)

    def lines(
        self, text: str, markup: Mapping[str, bool] | None = None, *, first: str = "", rest: str | None = None
    ) -> list[Line]:
        """A value as lines: `first` opens the first one, the others start under its text or with `rest`."""
        first = self._encodable(first)
        rest = " " * len(first) if rest is None else rest
        safe = self._encodable(printable(self.redact(text)))
        return [Line(line, markup or {}) for line in _wrap(safe, first, rest, max(self.width, 20))]

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
        return text


def known_encoding(encoding: str | None) -> str:
    """The stream's encoding when it is one that Python knows, "ascii" otherwise."""
    try:
        return codecs.lookup(encoding or "ascii").name
    except LookupError:
        return "ascii"


def _wrap(text: str, first: str, rest: str, width: int) -> Iterator[str]:
    """Break at spaces, and inside a word only where it is wider than a line. Widths are columns, not characters."""
    line, room = first, width - len(first)
    empty = True
    for word in text.split(" "):
        if not empty and _columns(word) + 1 > room:
            yield line.rstrip()
            line, room, empty = rest, width - len(rest), True
        gap = "" if empty else " "
        line, room, empty = line + gap, room - len(gap), False
        for character in word:
            columns = _columns(character)
            if columns > room:
                yield line
                line, room = rest, width - len(rest)
            line, room = line + character, room - columns
    yield line.rstrip()


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
