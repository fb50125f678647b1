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
from playwright.sync_api import Browser, Error, Locator, Page, expect, sync_playwright

from diagnostics.simulator import SCENARIOS
from tests.browser import ELSEWHERE, launch
from tests.serving import TOKEN, serving

PATIENCE = 20_000  # ms
# A page asks every 3 s. Its clock runs six times as fast here.
FAST = "const plain = setTimeout; window.setTimeout = (call, ms, ...more) => plain(call, ms / 6, ...more);"
HEALTHY = re.compile(r"healthy\s+\w+\s+online")

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield from launch(playwright)


@pytest.fixture(scope="module")
def url(whatsapp_server, tmp_path_factory) -> Iterator[str]:
    with serving(whatsapp_server, tmp_path_factory.mktemp("gateway")) as url:
        yield url


@pytest.fixture
def page(browser, url) -> Iterator[Page]:
    """The page before anybody has signed in; nothing may go wrong in it unnoticed."""
    page = browser.new_page(locale="en-GB", base_url=url)
    page.add_init_script(FAST)
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/")
    yield page
    page.close()
    assert wrong == []


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_label(re.compile("Access token|Token akses")).fill(token)
    page.get_by_role("button", name=re.compile("Sign in|Masuk")).click()


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


def test_whoever_signs_out_is_out(page):
    sign_in(page)
    expect(page.get_by_label("Name")).to_be_visible()
    before = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Access token")).to_be_visible()
    page.context.add_cookies(before)
    page.goto("/")
    expect(page.get_by_label("Access token")).to_be_visible()


# --- all sessions at once ---


def linked(page: Page, server, name: str):
    """A session that is linked and online; its box and its account."""
    session = make(page, name)
    account = server.add_account()
    server.scan(scanned(session.get_by_role("img")), account)
    expect(session).to_contain_text(HEALTHY)
    return session, account


def test_the_sick_come_first_and_are_counted_and_the_healthy_ones_are_folded(page, whatsapp_server):
    sign_in(page)
    _, sick = linked(page, whatsapp_server, "sick")
    linked(page, whatsapp_server, "well")
    whatsapp_server.unlink(sick, sick.devices[0])
    troubled, healthy = page.locator("#troubled"), page.locator("#healthy")
    expect(troubled.get_by_role("article", name="sick")).to_contain_text("the phone unlinked this device")
    expect(healthy.get_by_role("article", name="well")).to_contain_text("can send")
    expect(page.locator("#summary")).to_contain_text(re.compile(r"\d+ unhealthy.*\d+ healthy", re.DOTALL))
    assert page.evaluate("document.querySelector('#troubled').compareDocumentPosition(healthy) & 4"), "sick ones first"
    healthy.get_by_text("Healthy sessions").click()
    expect(healthy.get_by_role("article", name="well")).not_to_be_visible()


def test_all_sessions_are_asked_for_in_one_request_and_what_somebody_types_stays(page, whatsapp_server):
    sign_in(page)
    session, account = linked(page, whatsapp_server, "typing")
    session.get_by_text("Send a test message").click()
    session.get_by_label("Message").fill("half a sentence")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("?")[0]))
    whatsapp_server.unlink(account, account.devices[0])
    expect(session).to_contain_text("the phone unlinked this device")
    assert {url.rpartition("/page/")[2] for url in asked} == {"status"}
    expect(session.get_by_label("Message")).to_have_value("half a sentence")


def test_a_session_that_is_made_elsewhere_appears_and_one_that_is_deleted_elsewhere_is_said_to_be_gone(page, url):
    sign_in(page)
    expect(page.locator("#summary")).to_contain_text("as of")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert page.request.get(f"{url}/whatsapp/qr-image/elsewhere?format=text", headers=headers).ok
    session = page.get_by_role("article", name="elsewhere")
    expect(session).to_be_visible()
    assert page.request.delete(f"{url}/whatsapp/sessions/elsewhere", headers=headers).ok
    expect(page.get_by_text("This session is gone.").last).to_be_visible()


def test_reconnecting_is_asked_about_first_where_it_does_harm(page, whatsapp_server):
    """A ban grows by every attempt."""
    sign_in(page)
    session, account = linked(page, whatsapp_server, "banned")
    expect(session.get_by_role("button", name="Reconnect", exact=True)).to_be_visible()
    whatsapp_server.apply(account, SCENARIOS["banned"].faults)
    session.get_by_role("button", name="Reconnect", exact=True).click()
    expect(session).to_contain_text("banned until")
    expect(session.get_by_role("button", name="Reconnect", exact=True)).to_have_count(0)
    session.get_by_text("Reconnect", exact=True).click()
    expect(session).to_contain_text("Connecting again does harm here")
    expect(session.get_by_role("button", name="Reconnect all the same")).to_be_visible()


def test_a_gateway_that_is_gone_is_said_to_be_gone_with_the_age_of_what_is_shown(browser, url):
    with browser.new_page(locale="en-GB", base_url=url) as page:  # its console is full of the failed requests
        page.add_init_script(FAST)
        page.goto("/")
        sign_in(page)
        banner = page.locator("#lost")
        expect(page.locator("#summary")).to_contain_text("as of")
        expect(banner).not_to_be_visible()
        page.route("**/page/status*", lambda route: route.abort("connectionrefused"))
        expect(banner).to_contain_text(re.compile(r"The gateway does not answer\. What is shown is \d+ s old\."))
        expect(page.locator("body.lost")).to_have_count(1)
        page.unroute("**/page/status*")
        expect(banner).not_to_be_visible()


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 counts it, from "rgb(r, g, b)"."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


COLOURS = """() => [...document.querySelectorAll('h1, p, a, dt, dd, summary, button, label, input, .badge, .phase')]
  .filter((each) => each.offsetParent && each.textContent.trim())
  .map((each) => {
    let ground = each;
    while (ground && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    return [each.textContent.trim().slice(0, 40), getComputedStyle(each).color,
            ground ? getComputedStyle(ground).backgroundColor : 'rgb(255, 255, 255)'];
  })"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_both_colour_schemes(page, whatsapp_server, scheme):
    page.emulate_media(color_scheme=scheme)
    sign_in(page)
    session, account = linked(page, whatsapp_server, f"read{scheme}")
    whatsapp_server.unlink(account, account.devices[0])
    expect(session).to_contain_text("the phone unlinked this device")
    dark = contrast(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(0, 0, 0)") < 2
    assert dark is (scheme == "dark")
    for text, colour, ground in page.evaluate(COLOURS):
        assert contrast(colour, ground) >= 4.5, (text, colour, ground)
