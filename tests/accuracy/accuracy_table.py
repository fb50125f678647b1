"""The table of docs/accuracy.md, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diagnostics.model import Mode, Verdict
from diagnostics.simulator import Fault
from diagnostics.simulator.faults.fault_text import parse_faults

PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
NEONIZE, GATEWAY, BOT = "neonize", "gateway", "bot"
_SECTIONS = {"Through neonize": NEONIZE, "Through the gateway": GATEWAY, "Through an attached bot": BOT}
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    Attributes:
        name: unique among those of its target.
        target: NEONIZE, GATEWAY or BOT.
        where: of NEONIZE whose faults they are ("account", "contact", "all"), else when they are applied ("login",
            "online").
        sends: "yes", "no", or "unclear".
        cause: the root cause, "" for none.
        ci: it is played by `make test`, too.
    """

    name: str
    target: str
    where: str
    faults: tuple[Fault, ...]
    sends: str
    cause: str
    verdicts: dict[Mode, Verdict]
    ci: bool

    @property
    def session(self) -> str:
        """The name as that of a session."""
        words = "".join(each if each.isalnum() else " " for each in self.name).split()
        return "-".join(words)[:60]  # a gateway takes 64 characters


def cases() -> list[Case]:
    found: list[Case] = []
    target = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            target = _SECTIONS[line.removeprefix("## ")]
        elif target and line.startswith("| ") and not line.startswith("| Case |"):
            name, where, faults, sends, cause, permissive, strict, ci = (c.strip() for c in line.strip("|").split("|"))
            found.append(
                Case(
                    name,
                    target,
                    where,
                    () if faults == _NOTHING else parse_faults(faults.strip("`").split()),
                    sends,
                    "" if cause == _NOTHING else cause.strip("`"),
                    {Mode.PERMISSIVE: Verdict(permissive), Mode.STRICT: Verdict(strict)},
                    ci == "yes",
                )
            )
    return found
