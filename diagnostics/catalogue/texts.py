"""The texts of every cause, in each language."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostics.catalogue.english_connection import ENGLISH_CONNECTION
from diagnostics.catalogue.english_session import ENGLISH_SESSION
from diagnostics.catalogue.indonesian_connection import INDONESIAN_CONNECTION
from diagnostics.catalogue.indonesian_log_causes import KNOWN_INDONESIAN
from diagnostics.catalogue.indonesian_session import INDONESIAN_SESSION
from diagnostics.catalogue.log_causes import KNOWN_ENGLISH
from diagnostics.catalogue.words import Words
from diagnostics.model import Language

TEXTS: Mapping[Language, Mapping[str, Words]] = {
    Language.ENGLISH: {**ENGLISH_SESSION, **ENGLISH_CONNECTION, **KNOWN_ENGLISH},
    Language.INDONESIAN: {**INDONESIAN_SESSION, **INDONESIAN_CONNECTION, **KNOWN_INDONESIAN},
}
