"""A value in the library's memory is replaced only if it occurs exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.neonize.protocol import Keepalive
from diagnostics.neonize.worker import memory
from diagnostics.neonize.worker.keepalive import replace_keepalive

NOT_LOADED = Path("not-loaded.so")


def test_a_value_that_does_not_occur_in_memory_is_not_replaced() -> None:
    with pytest.raises(memory.NotReplaced, match=r"the answer lies 0 times in the memory of not-loaded\.so, not once"):
        memory.replace(NOT_LOADED, b"old", b"new", "the answer")


@pytest.mark.parametrize("spans", [(0, 1, 2, 3), (1, 2, 2, 3), (1, -1, 2, 3)])
def test_keepalive_durations_that_would_make_go_panic_are_refused(spans: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="`most` at least 1 ms more than `least`"):
        replace_keepalive(NOT_LOADED, Keepalive(*spans))
