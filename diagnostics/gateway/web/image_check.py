"""Checks whether bytes are an image that WhatsApp accepts."""

from __future__ import annotations

import io
import warnings

from PIL import Image

MEGAPIXELS = 40
_FORMATS = ("JPEG", "PNG", "WEBP")


class NotAnImage(ValueError):
    """No whole JPEG, PNG or WebP, or one with too many pixels."""


def check(data: bytes) -> None:
    """Read the image through, at an eighth of its size where the format can; takes up to a second, so use a thread.

    Raises:
        NotAnImage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                small_enough = image.width * image.height <= MEGAPIXELS * 1_000_000
                image.verify()
            if small_enough:
                _read_through(data)
    except Exception as error:  # Pillow's readers raise nearly anything at hostile input
        raise NotAnImage("cannot be read") from error
    if not small_enough:
        raise NotAnImage("has too many pixels")


def _read_through(data: bytes) -> None:
    """Decode it, since a JPEG that ends too early passes `verify`."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()
