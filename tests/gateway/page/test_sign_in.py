"""How long a browser stays signed in, and whose forms are taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request

from diagnostics.gateway.access_tokens import Scope, Token
from diagnostics.gateway.web.page import sign_in
from diagnostics.gateway.web.page.sign_in import COOKIE, LASTS, SignIns, same_origin

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = Token.of("shop", "a-token-for-these-tests-only", Scope.SEND)


def request(**headers: str) -> Request:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": lines})


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


def test_the_oldest_sign_in_makes_room(monkeypatch):
    monkeypatch.setattr(sign_in, "AT_MOST", 2)
    signed_in = SignIns()
    browsers = [request(cookie=f"{COOKIE}={signed_in.begin(TOKEN, NOW)}") for _ in range(3)]
    assert [signed_in.who(each, NOW) for each in browsers] == [None, TOKEN, TOKEN]


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
