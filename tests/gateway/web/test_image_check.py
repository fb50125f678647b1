"""What counts as an image."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diagnostics.gateway.web import image_check


def image(kind: str, width: int = 64, height: int = 48) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_whole_images_of_the_three_kinds_are_taken(kind):
    image_check.check(image(kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_that_ends_too_early_is_refused(kind):
    whole = image(kind)
    with pytest.raises(image_check.NotAnImage):
        image_check.check(whole[: len(whole) // 2])


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PDF"])
def test_other_kinds_are_refused(kind):
    with pytest.raises(image_check.NotAnImage):
        image_check.check(image(kind))


def test_an_image_of_too_many_pixels_is_refused_though_it_is_small_as_a_file():
    out = io.BytesIO()
    Image.new("1", (7_000, 6_000)).save(out, "PNG")
    assert len(out.getvalue()) < 200_000
    with pytest.raises(image_check.NotAnImage):
        image_check.check(out.getvalue())


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 "])
)
def test_any_other_bytes_are_refused(noise, magic):
    with pytest.raises(image_check.NotAnImage):
        image_check.check(magic + noise)
