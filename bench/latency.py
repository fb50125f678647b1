"""How long a first diagnosis takes, against what it cannot do without.

    python bench/latency.py [RUNS]

Floor: one pytest run with 8 trivial tests, plus one process that only imports neonize (both with this
interpreter). Measured: `pytest checks --session testing` on one healthy session. The three are run in turn, so
that a machine that changes its speed changes all of them; the ratio is taken per round and its median reported.
Goal: at most 1.5.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOAL = 1.5


def seconds(*command: str, cwd: Path) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - start


def main(runs: int) -> None:
    rounds: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as directory:
        trivial = Path(directory) / "test_trivial.py"
        trivial.write_text("".join(f"def test_{n}(): pass\n" for n in range(8)), encoding="utf-8")
        for number in range(runs + 1):
            taken = (
                seconds("-m", "pytest", "checks", "--session", "testing", "--reports", directory, cwd=ROOT),
                seconds("-m", "pytest", trivial.name, cwd=Path(directory)),
                seconds("-c", "import neonize.aioze.client", cwd=Path(directory)),
            )
            if number:  # the first round warms the caches
                rounds.append(taken)
    ratio = statistics.median(full / (pytest_ + neonize) for full, pytest_, neonize in rounds)
    full, pytest_, neonize = (statistics.median(column) for column in zip(*rounds, strict=True))
    print("| default run | pytest, 8 trivial tests | import neonize | ratio (median) | goal |")
    print("|---|---|---|---|---|")
    print(f"| {full:.2f} s | {pytest_:.2f} s | {neonize:.2f} s | {ratio:.2f} | {GOAL} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
