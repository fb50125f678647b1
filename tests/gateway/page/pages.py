"""The status page opened in a real browser, and what a reader does first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

from tests.serving import TOKEN

PATIENCE = 20_000  # ms
# A page asks every 3 s. Its clock runs six times as fast here.
FAST = "const plain = setTimeout; window.setTimeout = (call, ms, ...more) => plain(call, ms / 6, ...more);"

expect.set_options(timeout=PATIENCE)


@contextmanager
def open_page(browser: Browser, url: str, *, may_fail: bool = False) -> Iterator[Page]:
    """The page before anybody has signed in.

    Args:
        may_fail: requests may fail; otherwise nothing may go wrong in the page unnoticed.
    """
    page = browser.new_page(locale="en-GB", base_url=url)
    page.add_init_script(FAST)
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/")
    try:
        yield page
    finally:
        page.close()
    assert may_fail or wrong == []


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_label(re.compile("Access token|Token akses")).fill(token)
    page.get_by_role("button", name=re.compile("Sign in|Masuk")).click()
