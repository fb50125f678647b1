"""Reads phone numbers as people write them and returns the digits that WhatsApp uses."""

from __future__ import annotations

import re

import phonenumbers

# Digits and what people put between them; letters would be read as a keypad's.
_WRITTEN = re.compile(r"(?:tel:)?\+?[0-9\s\u00a0().\-/\u2010-\u2015]{4,40}", re.ASCII)


class NotANumber(ValueError):
    """This cannot be a phone number. The message does not repeat it."""


def digits(written: str, country: str = "") -> str:
    """Country code and number, without a plus.

    Which numbers are in use is known to WhatsApp only, so a number counts if its length is possible for its country; a
    reading with an assigned number goes before one without.

    Args:
        country: where numbers without their country code are from ("ID"); "" reads them as if they had one.

    Raises:
        NotANumber.

    >>> digits("0812-3456-7890", "ID")
    '6281234567890'
    >>> digits("+1 (212) 555-0123")
    '12125550123'
    """
    text = written.strip().removeprefix("tel:")
    if not _WRITTEN.fullmatch(text):
        raise NotANumber("has other characters than a phone number")
    readings = [text] if text.startswith("+") else [f"+{text[2:]}" if text.startswith("00") else "", f"+{text}"]
    if country and not text.startswith("+"):
        readings.insert(1, text)
    found = [number for each in readings if each and (number := _read(each, country or None))]
    for fits in (phonenumbers.is_valid_number, _has_possible_length):
        for number in found:
            if fits(number):
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    raise NotANumber("is too short, too long, or of no country")


def _read(text: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None


def _has_possible_length(number: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
