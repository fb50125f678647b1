"""How long a browser stays signed in, and whose forms are taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request

from diagnostics.gateway.access_tokens import Scope, Token
from diagnostics.gateway.web.page import sign_in, sign_in_limit
from diagnostics.gateway.web.page.sign_in import COOKIE, LASTS, SignIns, same_origin
from diagnostics.gateway.web.page.sign_in_limit import SignInLimit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = Token.of("shop", "a-token-for-these-tests-only", Scope.SEND)


ADMIN = Token.of("ops", "another-token-for-these-tests", Scope.ADMIN)
HERE = "203.0.113.7"


def request(address: str = HERE, **headers: str) -> Request:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    client = (address, 50_000) if address else None
    return Request({"type": "http", "method": "POST", "headers": lines, "client": client})


def test_a_cookie_stands_for_its_token_until_it_ends_or_its_time_is_over():
    signed_in = SignIns()
    browser = request(cookie=f"{COOKIE}={signed_in.begin(TOKEN, NOW)}")
    assert signed_in.who(browser, NOW) is TOKEN
    assert signed_in.who(browser, NOW + LASTS - timedelta(seconds=1)) is TOKEN
    assert signed_in.who(browser, NOW + LASTS) is None
    signed_in.end(browser)
    assert signed_in.who(browser, NOW) is None


def test_no_other_cookie_stands_for_anybody():
    signed_in = SignIns()
    value = signed_in.begin(TOKEN, NOW)
    for wrong in (request(), request(cookie=f"{COOKIE}="), request(cookie=f"{COOKIE}={value[:-1]}")):
        assert signed_in.who(wrong, NOW) is None


def test_the_oldest_sign_in_makes_room_for_others_with_the_same_token(monkeypatch):
    monkeypatch.setattr(sign_in, "AT_MOST", 2)
    signed_in = SignIns()
    admin = request(cookie=f"{COOKIE}={signed_in.begin(ADMIN, NOW)}")
    browsers = [request(cookie=f"{COOKIE}={signed_in.begin(TOKEN, NOW)}") for _ in range(3)]
    assert [signed_in.who(each, NOW) for each in browsers] == [None, TOKEN, TOKEN]
    assert signed_in.who(admin, NOW) is ADMIN


class Form:
    """The limit of the sign-in form, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limit = SignInLimit(lambda: self.now)

    def fail(self, address: str, times: int = 1) -> None:
        for _ in range(times):
            self.limit.failed(request(address))

    def wait(self, address: str) -> int:
        return self.limit.wait(request(address))


def test_after_ten_wrong_tokens_an_address_may_try_one_every_six_seconds():
    form = Form()
    form.fail(HERE, times=9)
    assert form.wait(HERE) == 0
    form.fail(HERE)
    assert form.wait(HERE) == 6
    form.now += 6
    assert form.wait(HERE) == 0
    form.fail(HERE)
    assert form.wait(HERE) == 6


@pytest.mark.parametrize(
    ("failed", "asking", "same"),
    [(HERE, "198.51.100.7", False), ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
     ("2001:db8:0:1::1", "2001:db8:0:2::1", False), ("", "", True), (HERE, "", False)],
)  # fmt: skip
def test_each_address_has_a_limit_of_its_own_and_an_ipv6_network_one(failed, asking, same):
    form = Form()
    form.fail(failed, times=10)
    assert (form.wait(asking) > 0) is same


def test_addresses_that_failed_long_ago_make_room(monkeypatch):
    monkeypatch.setattr(sign_in_limit, "ADDRESSES", 2)
    form = Form()
    for address in (HERE, "198.51.100.7", "198.51.100.8"):
        form.fail(address, times=10)
    assert [form.wait(each) > 0 for each in (HERE, "198.51.100.7", "198.51.100.8")] == [False, True, True]


def test_a_failed_sign_in_is_logged_with_its_address(caplog):
    Form().fail(HERE)
    assert caplog.messages == [f"sign-in refused: no valid token, from {HERE}"]


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"host": "a:3000", "origin": "http://a:3000"}, True),
        ({"host": "a:3000", "origin": "http://a:3001"}, False),
        ({"host": "a:3000", "origin": "null"}, False),
        ({"host": "a:3000"}, True),
    ],
)
def test_only_the_pages_own_forms_are_taken(headers, taken):
    assert same_origin(request(**headers)) is taken
