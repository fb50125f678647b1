"""`make accuracy`: play every case of docs/accuracy.md, and print how many were said to be something else.

python -m tests.accuracy                 all
python -m tests.accuracy gateway         those of one target
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.accuracy.accuracy_play import play
from tests.accuracy.accuracy_score import KINDS, mistakes
from tests.accuracy.accuracy_table import BOT, GATEWAY, NEONIZE, cases


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description="Play the cases of docs/accuracy.md.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{NEONIZE}, {GATEWAY} or {BOT}; without one, all")
    targets = parser.parse_args().targets
    if unknown := set(targets) - {NEONIZE, GATEWAY, BOT}:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    wanted = [case for case in cases() if not targets or case.target in targets]
    with tempfile.TemporaryDirectory(prefix="wadiag-accuracy-") as folder:
        played = list(play(wanted, Path(folder)))
    found = mistakes(played)
    for mistake in found:
        say(str(mistake))
    say(f"\n{len(played)} of {len(wanted)} cases played, each judged in both modes")
    for kind in KINDS:
        say(f"{sum(mistake.kind == kind for mistake in found):>4}  {kind}")
    return int(bool(found) or len(played) < len(wanted))


if __name__ == "__main__":
    sys.exit(main())
