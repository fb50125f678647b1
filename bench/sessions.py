"""How a passive look grows with the sessions in one store: `python -m bench.sessions`.

The store is one that the real client linked with the simulator; its device and prekeys are copied under new numbers.
What is measured is the run without pytest: plan, look, judgement. It is the processor time of the best round, so that
other work on the machine does not count.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path

from diagnostics.catalogue import CHECK_BY_ID
from diagnostics.config import CommandLine, plan
from diagnostics.running.run import Run
from diagnostics.simulator import WhatsAppServer
from diagnostics.testing.sessions import Template

SIZES = (50, 100, 200, 400)
ROUNDS = 5
_TABLES = {"whatsmeow_device": "jid", "whatsmeow_pre_keys": "jid", "whatsmeow_sessions": "our_jid"}


def fill(store: Path, sessions: int) -> list[str]:
    """Copy the store's only device until there are this many; their numbers."""
    numbers = [f"6281{number:09}" for number in range(sessions)]
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        (linked,) = connection.execute("SELECT jid FROM whatsmeow_device").fetchone()
        for table, key in _TABLES.items():
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            others = [column for column in columns if column not in (key, "lid")]
            lid = ["lid"] if "lid" in columns else []
            names = ", ".join([key, *lid, *others])
            for number in numbers:
                values = ", ".join(["?", *["?" for _ in lid], *others])
                copied = [f"{number}:1@s.whatsapp.net", *[f"9{number}:1@lid" for _ in lid]]
                connection.execute(
                    f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {key} = ?",  # noqa: S608
                    (*copied, linked),
                )
            connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (linked,))  # noqa: S608
        connection.commit()
    return numbers


def look(store: Path, numbers: list[str], folder: Path) -> float:
    """Processor seconds of one run that looks at every session."""
    lines = [f'[sessions.s{index}]\njid = "{number}@s.whatsapp.net"' for index, number in enumerate(numbers)]
    (folder / "diagnostics.toml").write_text("\n".join(lines))
    names = tuple(f"s{index}" for index in range(len(numbers)))
    started = time.process_time()
    run = Run(plan(CommandLine(sessions=names, target="neonize", options={"store": str(store)}), {}, cwd=folder))
    for name in names:
        for check in CHECK_BY_ID:
            run.select(name, check)
    run.diagnose()
    took = time.process_time() - started
    assert {each.findings[0].cause for each in run.diagnoses.values()} == {"passive-look"}  # noqa: S101
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as name, WhatsAppServer() as server:
        folder = Path(name)
        template = Template.link(server, folder)
        first = 0.0
        print("| sessions | store | a run | each session | against 50 |")
        print("|---|---|---|---|---|")
        for size in SIZES:
            store = folder / f"{size}.sqlite3"
            store.write_bytes(template.store.read_bytes())
            numbers = fill(store, size)
            took = min(look(store, numbers, folder) for _ in range(ROUNDS))
            each = took / size
            first = first or each
            size_mb = store.stat().st_size / 1e6
            print(f"| {size} | {size_mb:.1f} MB | {took:.2f} s | {each * 1e3:.1f} ms | {each / first:.2f} |")


if __name__ == "__main__":
    main()
