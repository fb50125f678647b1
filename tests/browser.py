"""A real browser for pages: the machine's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

ELSEWHERE = "elsewhere.test"  # this machine under a name that a browser does not trust as it trusts localhost
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # None of its own errands to hosts of its maker's.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
)


def launch(playwright: Playwright) -> Iterator[Browser]:
    """The browser until the test is through; the test is skipped where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on this machine (Debian: apt install chromium)")
    browser = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
    yield browser
    browser.close()
