"""Which lines of the log are limited, and what is said about those that were left out."""

from __future__ import annotations

import logging

import pytest

from diagnostics.gateway.log_limits import BURST, CAUSED_BY_ANYONE, FloodLimit, LimitedFormatter


class Log:
    """What a handler with the limit writes, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limit = FloodLimit(lambda: self.now)
        self.formatter = LimitedFormatter("%(name)s %(message)s")
        self.lines: list[str] = []

    def write(self, text: str, *, name: str = "uvicorn.error", line: int = 1, anyone: bool = False) -> None:
        record = logging.LogRecord(name, logging.WARNING, "file.py", line, text, (), None)
        record.__dict__.update(CAUSED_BY_ANYONE if anyone else {})
        if self.limit.filter(record):
            self.lines.append(self.formatter.format(record))


@pytest.mark.parametrize(
    ("name", "anyone", "limited"),
    [("uvicorn.error", False, True), ("asyncio", False, True), ("wadiag.access", True, True),
     ("wadiag.access", False, False), ("wadiag.gateway", False, False)],
)  # fmt: skip
def test_what_strangers_cause_and_what_libraries_say_is_limited_and_nothing_else(name, anyone, limited):
    log = Log()
    for number in range(10 * BURST):
        log.write(f"line {number}", name=name, anyone=anyone)
    assert len(log.lines) == (BURST if limited else 10 * BURST)


def test_the_next_line_says_how_many_were_left_out_and_the_one_after_it_does_not():
    log = Log()
    for _ in range(BURST + 7):
        log.write("again")
    log.now += 2
    log.write("again")
    log.write("again")
    assert log.lines[-2:] == ["uvicorn.error again (7 lines like this were left out)", "uvicorn.error again"]


def test_each_place_in_the_code_has_a_limit_of_its_own():
    log = Log()
    for _ in range(BURST + 1):
        log.write("again")
    log.write("something else", line=2)
    assert log.lines[-1] == "uvicorn.error something else"
