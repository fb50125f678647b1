"""The status page in a real browser, in front of a real gateway whose sessions are on the simulator.

Everything is found as a screen reader finds it: by role, by label, by name.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Error, Locator, Page, expect

from tests.browser import ELSEWHERE
from tests.gateway.page.pages import open_page, sign_in
from tests.serving import TOKEN, serving

HEALTHY = re.compile(r"healthy\s+\w+\s+online")


@pytest.fixture(scope="module")
def url(whatsapp_server, tmp_path_factory) -> Iterator[str]:
    with serving(whatsapp_server, tmp_path_factory.mktemp("gateway")) as url:
        yield url


@pytest.fixture
def page(browser, url) -> Iterator[Page]:
    """The page before anybody has signed in; nothing may go wrong in it unnoticed."""
    with open_page(browser, url) as page:
        yield page


def make(page: Page, name: str) -> Locator:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create and show the QR code").click()
    return page.get_by_role("article", name=name)


def scanned(picture: Locator) -> str:
    """What a phone's camera reads off the screen. A code that is just being replaced or moved is looked at again."""
    for _ in range(10):
        picture.wait_for()
        with contextlib.suppress(Error):
            if codes := zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.screenshot()))):
                return str(codes[0].text)
    raise AssertionError("no code can be read off the screen")


def test_without_a_token_there_is_nothing_to_see_and_a_wrong_one_is_refused(page):
    expect(page.get_by_role("article")).to_have_count(0)
    expect(page.get_by_label("Name")).to_have_count(0)
    sign_in(page, "no-token-of-this-gateway")
    expect(page.get_by_role("alert")).to_have_text("This token is not valid here.")
    assert page.context.cookies() == []


def test_signing_in_works_over_plain_http_from_another_name_than_localhost(page, url):
    page.goto(url.replace("127.0.0.1", ELSEWHERE))
    sign_in(page)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_session_is_made_linked_used_unlinked_and_linked_again(page, whatsapp_server):
    account, friend = whatsapp_server.add_account(), whatsapp_server.add_account()
    sign_in(page)
    session = make(page, "shop")
    expect(session).to_contain_text("a QR code waits to be scanned")
    expect(session.get_by_text("Send a test message")).not_to_be_visible()

    whatsapp_server.scan(scanned(session.get_by_role("img")), account)
    expect(session).to_contain_text(HEALTHY)
    expect(session.get_by_role("img")).to_have_count(0)

    session.get_by_text("Send a test message").click()
    session.get_by_label("Phone number").fill(f"+{friend.phone}")
    session.get_by_label("Message").fill("from the page")
    session.get_by_role("button", name="Send", exact=True).click()
    expect(session).to_contain_text("delivered")
    assert friend.texts == ("from the page",)

    whatsapp_server.unlink(account, account.devices[0])
    expect(session).to_contain_text("the phone unlinked this device")
    session.get_by_role("button", name="Link it again: show a QR code").click()
    whatsapp_server.scan(scanned(session.get_by_role("img")), account)
    expect(session).to_contain_text(HEALTHY)

    session.get_by_text("Log out and delete", exact=True).click()
    session.get_by_role("button", name="Yes, log out and delete").click()
    expect(page.get_by_text("This session is gone.")).to_be_visible()
    assert account.devices == ()


def test_a_message_that_cannot_be_sent_says_why_and_what_to_do(page, whatsapp_server):
    sign_in(page)
    session = make(page, "office")
    whatsapp_server.scan(scanned(session.get_by_role("img")), whatsapp_server.add_account())
    expect(session).to_contain_text(HEALTHY)
    session.get_by_text("Send a test message").click()
    for number, said in (("12", "number"), ("+62 812-3456-7890", "not on WhatsApp")):
        session.get_by_label("Phone number").fill(number)
        session.get_by_role("button", name="Send", exact=True).click()
        expect(session.get_by_role("alert")).to_contain_text(said)


def test_the_page_speaks_indonesian_where_that_is_wanted(browser, url):
    with browser.new_page(locale="id-ID", base_url=url) as page:
        page.goto("/")
        sign_in(page)
        expect(page.get_by_role("heading", name="Sesi WhatsApp")).to_be_visible()
        assert page.locator("html").get_attribute("lang") == "id"
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", name="WhatsApp sessions")).to_be_visible()


def test_it_fits_a_phone_and_is_used_without_a_mouse(page):
    page.set_viewport_size({"width": 360, "height": 720})
    for key in ("Tab", "Tab", "Tab"):  # the two languages, then the token, which has the focus at first
        page.keyboard.press(key)
    page.get_by_label("Access token").focus()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_label("Name").focus()
    page.keyboard.type("pocket")
    page.keyboard.press("Enter")
    session = page.get_by_role("article", name="pocket")
    assert scanned(session.get_by_role("img")).startswith("https://wa.me/"), "large enough for a camera"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "nothing lies beside the screen"


def test_it_works_without_scripts(browser, url, whatsapp_server):
    with browser.new_context(java_script_enabled=False, base_url=url) as context:
        page = context.new_page()
        page.goto("/")
        sign_in(page)
        page.get_by_label("Name").fill("plain")
        page.get_by_role("button", name="Create and show the QR code").click()
        account = whatsapp_server.add_account()
        whatsapp_server.scan(scanned(page.get_by_role("img")), account)
        page.get_by_role("link", name="WhatsApp sessions").click()
        expect(page.get_by_role("article", name="plain")).to_be_visible()


def test_whoever_signs_out_is_out(browser, url):
    with open_page(browser, url, may_fail=True) as page:  # what it asks for while it is being left is refused
        sign_in(page)
        expect(page.get_by_label("Name")).to_be_visible()
        before = page.context.cookies()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Access token")).to_be_visible()
        page.context.add_cookies(before)
        page.goto("/")
        expect(page.get_by_label("Access token")).to_be_visible()
