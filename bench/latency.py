"""How long a first diagnosis takes, against what it cannot do without.

    python bench/latency.py [RUNS]

Floor: one pytest run with 8 trivial tests, plus one process that only imports neonize (both with this interpreter).
The honest floor loads no plugins, as a user's own pytest would without us; the other one loads whatever is installed in
this environment. Measured: `wadiag check testing`, and `pytest checks --session testing` with plugin autoload, on one
healthy session (simulator, real client, pairing, login, round trip, text, image, report). All are run in turn, so that
a machine that changes its speed changes all of them; each ratio is taken per round and its median reported. Goal: the
first at most 1.5.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOAL = 1.5
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def seconds(*command: str, cwd: Path, env: dict[str, str] | None = None) -> float:
    """How long a Python process takes, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], cwd=cwd, check=True, capture_output=True, env={**os.environ, **(env or {})}
    )
    return time.perf_counter() - start


def one_round(directory: Path) -> dict[str, float]:
    """Every command once."""
    reports = ("--reports", str(directory))
    trivial = ("-m", "pytest", "-p", "no:cacheprovider", "test_trivial.py")
    return {
        "wadiag check": seconds("-m", "diagnostics", "check", "testing", *reports, cwd=ROOT),
        "pytest checks": seconds("-m", "pytest", "checks", "--session", "testing", *reports, cwd=ROOT),
        "pytest alone": seconds(*trivial, cwd=directory, env=NO_PLUGINS),
        "pytest with plugins": seconds(*trivial, cwd=directory),
        "import neonize": seconds("-c", "import neonize.aioze.client", cwd=directory),
    }


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        trivial = "".join(f"def test_{number}(): pass\n" for number in range(8))
        (directory / "test_trivial.py").write_text(trivial, encoding="utf-8")
        rounds = [one_round(directory) for _ in range(runs + 1)][1:]  # the first round warms the caches
    median = {each: statistics.median(one[each] for one in rounds) for each in rounds[0]}
    print("| run | seconds | floor | seconds | ratio (median) | goal |")
    print("|---|---|---|---|---|---|")
    for run, floor, goal in (
        ("wadiag check", "pytest alone", f"{GOAL}"),
        ("pytest checks", "pytest alone", ""),
        ("pytest checks", "pytest with plugins", ""),
    ):
        ratio = statistics.median(one[run] / (one[floor] + one["import neonize"]) for one in rounds)
        below = median[floor] + median["import neonize"]
        print(f"| {run} | {median[run]:.2f} | {floor} + import neonize | {below:.2f} | {ratio:.2f} | {goal} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
