"""`wadiag explain "TEXT"`: what an error means, how to check it, and what to do."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from diagnostics.catalogue import PHRASES
from diagnostics.commands import FAILED, OK, USAGE
from diagnostics.errors import UsageProblem
from diagnostics.evidence.documents import of_finding
from diagnostics.explaining.explain import Explanation, checks_of, explain, finding, nearest
from diagnostics.model import Language
from diagnostics.reporting.terminal import finding_lines, known_encoding

LIMIT = 10_000_000  # bytes; searching this much takes some seconds
IN_FULL = 3  # this many possible causes are explained; of more, each gets one line

DESCRIPTION = (
    "Takes an error message, a status, a code or a piece of a log (of Baileys, whatsmeow, their gateways, or of this "
    "suite) and says what it means, how to check it and what to do. Phone numbers and tokens in it are not repeated. "
    "Exit code 1: the text is not known."
)


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("text", nargs="*", metavar="TEXT", help='what was said; "-" or nothing: read standard input')
    parser.add_argument(
        "--lang", choices=[str(each) for each in Language], default=str(Language.ENGLISH), help="of the answer"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        text = _text(" ".join(options.text))
    except UsageProblem as problem:
        print(f"wadiag explain: {problem}", file=sys.stderr)
        return USAGE
    found = explain(text)
    try:
        _answer(text, found, as_json=options.json, language=Language(options.lang))
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK if found else FAILED


def _answer(text: str, found: Sequence[Explanation], *, as_json: bool, language: Language) -> None:
    encoding = known_encoding(sys.stdout.encoding)
    if as_json:
        answer = {
            "explanations": [_plain(each, language) for each in found],
            "nearest": "" if found else nearest(text),
        }
        print(json.dumps(answer, ensure_ascii=encoding != "utf-8", indent=2))
    else:
        lines = _known(found, language, encoding) if found else _unknown(text, language)
        print("\n".join(line.encode(encoding, "backslashreplace").decode(encoding) for line in lines))
    sys.stdout.flush()


def _text(typed: str) -> str:
    text = _pasted() if typed in {"", "-"} else typed
    if not text.strip():
        raise UsageProblem("there is no text to explain; give it as an argument or on standard input")
    return text


def _pasted() -> str:
    if sys.stdin.isatty():
        print("wadiag explain: paste the text, then end it with Ctrl-D", file=sys.stderr)
    read = sys.stdin.buffer.read(LIMIT + 1)
    if len(read) > LIMIT:
        most = LIMIT // 1_000_000
        raise UsageProblem(f"the text is longer than {most} MB; give its end: tail -n 10000 bot.log | wadiag explain")
    return read.decode("utf-8", "replace")


def _known(found: Sequence[Explanation], language: Language, encoding: str) -> list[str]:
    say = PHRASES[language]
    width = min(max(shutil.get_terminal_size().columns, 40), 100)
    lines: list[str] = []
    for certain, group in groupby(found, key=lambda each: each.certain):
        explanations = list(group)
        if not certain:
            lines += [""] * bool(lines) + [say.one_of.format(count=len(explanations))]
        if not certain and len(explanations) > IN_FULL:
            said = [finding(each, language) for each in explanations]
            lines += [f"  {each.cause:<24} {each.claim}" for each in said]
            lines += ["", f"  wadiag explain {explanations[0].cause}"]
            continue
        for number, explanation in enumerate(explanations):
            lines += [""] * bool(number)
            full = finding_lines(finding(explanation, language), width=width, encoding=encoding, language=language)
            lines += [line.text for line in full]
            lines.append(" " * 12 + _how_to_check(explanation, language))
    return lines


def _how_to_check(explanation: Explanation, language: Language) -> str:
    say, checks = PHRASES[language], checks_of(explanation.cause)
    if not checks:
        return say.no_check
    return say.check.format(checks=", ".join(checks), session=explanation.session or say.some_session)


def _unknown(text: str, language: Language) -> list[str]:
    say = PHRASES[language]
    lines = [say.not_known]
    if guess := nearest(text):
        lines.append(say.near.format(phrase=guess))
    return lines + [
        f"  {number}. {step.format(session=say.some_session)}" for number, step in enumerate(say.next_steps, start=1)
    ]


def _plain(explanation: Explanation, language: Language) -> dict[str, object]:
    document = of_finding(finding(explanation, language))
    shown = {name: document[name] for name in ("severity", "claim", "why", "remedy")}
    return {**asdict(explanation), **shown, "checks": checks_of(explanation.cause)}
