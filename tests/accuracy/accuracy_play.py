"""Play cases, each with the means of its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.accuracy import bot_cases, gateway_cases, neonize_cases
from tests.accuracy.accuracy_score import Played
from tests.accuracy.accuracy_table import BOT, GATEWAY, NEONIZE, Case

_PLAYERS = {NEONIZE: neonize_cases.play, GATEWAY: gateway_cases.play, BOT: bot_cases.play}


def play(cases: Sequence[Case], folder: Path) -> Iterator[Played]:
    """Play the cases, in any order; stores and logs go into `folder`."""
    for target, player in _PLAYERS.items():
        theirs = [case for case in cases if case.target == target]
        if theirs:
            (place := folder / target).mkdir()
            yield from player(theirs, place)
