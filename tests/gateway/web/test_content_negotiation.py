"""Which form and language of an answer a caller gets."""

from __future__ import annotations

import pytest

from diagnostics.gateway.web.content_negotiation import preferred

FORMS = ["application/json", "image/png", "image/svg+xml"]


@pytest.mark.parametrize(
    ("header", "best"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/*, image/svg+xml", "image/png"),
        ("image/*;q=0.5, image/svg+xml", "image/svg+xml"),
        ("*/*, application/json;q=0", "image/png"),
        ("IMAGE/SVG+XML ; Q=0.3", "image/svg+xml"),
        ("image/svg+xml;q=nan, image/png;q=0.1", "image/png"),
        ("image/svg+xml;q=7, image/png;q=0.1", "image/png"),
        ("text/html", "application/json"),
        (";;,,;q=1,", "application/json"),
        ("," * 100_000 + "image/png", "application/json"),
    ],
)
def test_the_form_that_is_wanted_most_wins(header, best):
    assert preferred(header, FORMS) == best


@pytest.mark.parametrize(
    ("header", "best"), [("in, id-ID;q=0.1", "id"), ("en-US,en;q=0.9,id;q=0.8", "en"), ("idx", "en"), ("id;q=0", "en")]
)
def test_a_variant_of_a_language_is_that_language(header, best):
    assert preferred(header, ["en", "id"]) == best
