"""Numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.gateway.web.phone_numbers import NotANumber, digits


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("+62 812-3456-7890", "", "6281234567890"),
        ("6281234567890", "", "6281234567890"),
        ("6281234567890", "ID", "6281234567890"),
        ("0812-3456-7890", "ID", "6281234567890"),
        ("0812 3456 7890", "ID", "6281234567890"),
        ("81234567890", "ID", "6281234567890"),
        ("0062 812 3456 7890", "", "6281234567890"),
        ("0062 812 3456 7890", "ID", "6281234567890"),
        ("tel:+6281234567890", "", "6281234567890"),
        ("(212) 555-0123", "US", "12125550123"),
        ("+1 (212) 555-0123", "ID", "12125550123"),
        ("15550009999", "", "15550009999"),
        ("+15550009999", "ID", "15550009999"),
        ("+49 30 123456", "ID", "4930123456"),
        ("+62\u00a0812\u20113456\u20117890", "", "6281234567890"),
        (" +6281234567890 ", "", "6281234567890"),
    ],
)
def test_a_number_is_read_with_its_country_code_or_as_one_of_the_default_country(written, country, expected):
    assert digits(written, country) == expected


@pytest.mark.parametrize(
    "written",
    ["", "   ", "abc", "+62 812 CALL ME", "12", "+", "++6281234567890", "+999 123 456 789", "1" * 40, "0812-3456-7890",
     "+62 812-3456-7890 ext. 5", "6281234567890@s.whatsapp.net", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"],
)  # fmt: skip
def test_what_cannot_be_a_number_is_refused_without_being_repeated(written):
    with pytest.raises(NotANumber) as refused:
        digits(written)
    assert not written.strip() or written not in str(refused.value)


@given(st.text(max_size=50), st.sampled_from(["", "ID", "US", "XX"]))
def test_any_text_is_a_number_or_refused(written, country):
    try:
        found = digits(written, country)
    except NotANumber:
        return
    assert found.isascii()
    assert found.isdecimal()
    assert 5 <= len(found) <= 17
