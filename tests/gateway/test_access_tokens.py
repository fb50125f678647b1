"""Who is let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.gateway.access_tokens import Scope, Token, Tokens

VALUE = "kR7-q2_x.9~Zb+/w=="
TOKENS = Tokens((Token.of("other", "0123456789abcdef", Scope.READ), Token.of("bot", VALUE, Scope.SEND)))
RIGHT = f"Bearer {VALUE}".encode()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_known_token_is_found_however_its_scheme_is_written(scheme):
    found = TOKENS.find([f"{scheme} {VALUE}".encode()])
    assert found is not None
    assert (found.name, found.scope) == ("bot", Scope.SEND)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [b""],
        [b"Bearer"],
        [b"Bearer "],
        [RIGHT[:-1]],
        [RIGHT + b"="],
        [RIGHT + b" "],
        [RIGHT + b" " + VALUE.encode()],
        [b" " + RIGHT],
        [RIGHT, RIGHT],
        [RIGHT, b"Basic eDp5"],
        [b"Basic " + VALUE.encode()],
        [b"Bearer " + VALUE.swapcase().encode()],
        [b"Bearer\t" + VALUE.encode()],
        [b'Bearer "' + VALUE.encode() + b'"'],
        [b"Bearer \xff\xfe"],
        [VALUE.encode()],
    ],
)
def test_what_is_missing_malformed_doubled_or_wrong_finds_nothing(headers):
    assert TOKENS.find(headers) is None


@given(st.binary(max_size=60))
def test_no_other_header_finds_a_token(header):
    assert TOKENS.find([header]) is None or header.split()[1] in (VALUE.encode(), b"0123456789abcdef")


def test_nothing_is_found_where_no_token_is_known():
    assert Tokens(()).find([RIGHT]) is None


def test_the_widest_scope_counts_and_each_includes_those_before_it():
    assert Scope.named(["read", "admin"]) is Scope.ADMIN
    assert Scope.READ < Scope.SEND < Scope.ADMIN


@pytest.mark.parametrize("names", [[], ["write"], ["read", "all"]])
def test_an_unknown_scope_is_refused(names):
    with pytest.raises(ValueError, match=r".+"):
        Scope.named(names)


@pytest.mark.parametrize("value", ["", "abc123", "fifteen-letters", "has spaces in the middle", "äöüäöüäöüäöüäöüäöü"])
def test_a_token_that_is_short_or_cannot_be_sent_is_refused_without_being_shown(value):
    with pytest.raises(ValueError, match=r".+") as refused:
        Token.of("bot", value, Scope.READ)
    assert not value or value not in str(refused.value)


def test_a_token_does_not_show_itself():
    assert VALUE not in repr(TOKENS)
    assert "digest" not in repr(TOKENS)
