"""The status page with several sessions, sick and healthy, in a real browser: order, renewal, both colour schemes."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from diagnostics.catalogue import reconnect_for
from diagnostics.simulator import Event, Failure, Fault
from tests.gateway.fleets import place
from tests.gateway.page.pages import open_page, sign_in
from tests.serving import ServedGateway, served

BANNED = Fault(Event.LOGIN, Failure(402, code=101, expire=3600))
NAMES = ("alpha", "banned", "zulu")


@pytest.fixture(scope="module")
def sessions(whatsapp_server, whatsapp_template, tmp_path_factory):
    """A state directory with three linked sessions, of which WhatsApp bans one."""
    directory = tmp_path_factory.mktemp("many")
    placing = place(directory / "gateway", whatsapp_server, whatsapp_template, *NAMES)
    with ThreadPoolExecutor(1) as thread:  # the browser's loop runs in this one
        placed = thread.submit(asyncio.run, placing).result()
    whatsapp_server.apply(placed["banned"].account, [BANNED])
    return directory, placed


@pytest.fixture(scope="module")
def gateway(whatsapp_server, sessions) -> Iterator[ServedGateway]:
    with served(whatsapp_server, sessions[0]) as gateway:
        yield gateway


@pytest.fixture
def page(browser: Browser, gateway: ServedGateway) -> Iterator[Page]:
    with open_page(browser, gateway.url) as page:
        sign_in(page)
        for name in ("alpha", "zulu"):
            expect(card(page, name).locator(".status")).to_have_attribute("data-verdict", "healthy")
        expect(card(page, "banned").locator(".status")).to_have_attribute("data-verdict", "unhealthy")
        yield page


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def names(page: Page) -> list[str]:
    return page.locator("article .name").all_inner_texts()


def test_the_sick_come_first_the_healthy_are_folded_and_all_are_counted(page):
    page.reload()
    assert names(page) == ["banned", "alpha", "zulu"]
    expect(page.get_by_role("list", name="Sessions by verdict")).to_have_text(re.compile(r"1 unhealthy\s+✔ 2 healthy"))
    expect(card(page, "banned").get_by_text("Send a test message")).to_be_visible()
    expect(card(page, "alpha").get_by_text("Send a test message")).to_be_hidden()
    card(page, "alpha").get_by_role("heading").click()
    expect(card(page, "alpha").get_by_text("Send a test message")).to_be_visible()


def test_all_cards_are_renewed_by_one_request(page):
    with page.expect_response("**/page/cards*") as first:
        pass
    with page.expect_response("**/page/cards*") as second:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
    assert first.value.status == second.value.status == 204, "nothing has changed"
    assert len(asked) <= 1, "one request for three cards, and no other"


def test_an_open_form_survives_that_its_card_changes(page, whatsapp_server, sessions):
    zulu, account = card(page, "zulu"), sessions[1]["zulu"].account
    page.reload()
    zulu.get_by_role("heading").click()
    zulu.get_by_text("Send a test message").click()
    zulu.get_by_label("Phone number").fill("+62 812")
    whatsapp_server.apply(account, [Fault(Event.LOGIN, Failure(405))])
    with page.expect_response("**/reconnect"):
        zulu.get_by_role("button", name="Reconnect").click()
    expect(zulu).to_contain_text("unhealthy")
    expect(zulu.get_by_label("Phone number")).to_have_value("+62 812")

    whatsapp_server.apply(account, ())
    zulu.get_by_role("button", name="Reconnect").click()
    expect(zulu).to_contain_text(reconnect_for(405).why())
    zulu.get_by_role("button", name="Reconnect all the same").click()
    expect(zulu.locator(".status")).to_have_attribute("data-verdict", "healthy")
    expect(zulu.get_by_label("Phone number")).to_have_value("+62 812")


def test_a_banned_session_is_not_reconnected_without_a_question_and_the_log_says_who_did_what(page, gateway):
    banned = card(page, "banned")
    before = gateway.log.read_text(encoding="utf-8").count("session 'banned': connecting")
    banned.get_by_role("button", name="Reconnect").click()
    expect(banned.get_by_role("alert")).to_contain_text(reconnect_for(402).why())
    log = gateway.log.read_text(encoding="utf-8")
    assert "token 'default': reconnect, session 'banned'" not in log
    assert log.count("session 'banned': connecting") == before

    banned.get_by_text("Send a test message").click()
    banned.get_by_label("Phone number").fill("+62 812-3456-7890")
    banned.get_by_role("button", name="Send", exact=True).click()
    expect(banned.get_by_role("alert").filter(has_text="cannot send")).to_be_visible()
    assert "token 'default': send, session 'banned'" in gateway.log.read_text(encoding="utf-8")


def test_a_session_that_somebody_else_makes_and_deletes_comes_and_goes(page, browser, gateway):
    with open_page(browser, gateway.url) as other:
        sign_in(other)
        other.get_by_label("Name").fill("visitor")
        other.get_by_role("button", name="Create and show the QR code").click()
        expect(card(page, "visitor")).to_contain_text("waits to be linked")
        assert names(page)[-1] != "visitor", "the sick come first"
        visitor = card(other, "visitor")
        visitor.get_by_text("Log out and delete", exact=True).click()
        visitor.get_by_role("button", name="Yes, log out and delete").click()
    expect(card(page, "visitor")).to_have_count(0)
    expect(page.get_by_text("This session is gone.")).to_be_visible()


# Of everything that shows text: the lowest contrast with what is behind it, and where.
CONTRAST = """() => {
  const channel = (c) => (c /= 255, c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let worst = [21, ""];
  for (const element of document.querySelectorAll("body *")) {
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(says || element.matches("input:not([type=hidden]), textarea")) || !element.checkVisibility()) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 80)];
  }
  return worst;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_both_colour_schemes(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    card(page, "banned").get_by_role("button", name="Reconnect", exact=True).click()
    expect(card(page, "banned").get_by_role("alert").first).to_be_visible()
    page.evaluate("document.getElementById('unanswered').hidden = false")
    ratio, where = page.evaluate(CONTRAST)
    assert ratio >= 4.5, where
    assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)") is (
        scheme == "light"
    )


def test_a_page_says_that_its_gateway_is_gone_and_recovers_by_itself(browser, whatsapp_server, tmp_path):
    with served(whatsapp_server, tmp_path) as gateway, open_page(browser, gateway.url, may_fail=True) as page:
        sign_in(page)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        page.evaluate("window.notReloaded = true")
        expect(page.get_by_text("The gateway does not answer.")).to_be_hidden()

        gateway.process.send_signal(signal.SIGSTOP)  # it hangs
        expect(page.get_by_text("The gateway does not answer.")).to_be_visible()
        expect(page.get_by_text(re.compile(r"It is \d+ s old"))).to_be_visible()
        expect(page.locator("body")).to_have_class("gone")
        gateway.process.send_signal(signal.SIGCONT)
        expect(page.get_by_text("The gateway does not answer.")).to_be_hidden()
        assert page.evaluate("window.notReloaded")

        gateway.process.terminate()  # it ends, and is started again
        gateway.process.wait(30)
        expect(page.get_by_text("The gateway does not answer.")).to_be_visible()
        with served(whatsapp_server, tmp_path, gateway.port):
            expect(page.get_by_label("Access token")).to_be_visible()  # sign-ins end with the process
