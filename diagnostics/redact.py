"""Mask personal data and secrets in texts, and make texts safe to print.

Everything that leaves the process (terminal, reports, logs, notifications, history) passes `Redactor`. It masks:

    phone numbers       +628123456789                    -> +628•••••••89   (first three and last two digits stay)
    JIDs and LIDs       628123456789:12@s.whatsapp.net   -> 628•••••••89:12@s.whatsapp.net
    push names          pushName: "Budi"                 -> pushName: "B•••"
    tokens, passwords   Authorization: Bearer abc…       -> Authorization: [removed]
    key material        long base64, hex or escaped bytes -> [key removed]
    pairing QR          2@…,…,…,… and its wa.me URL      -> [pairing QR removed]
    URL credentials     postgres://me:pw@db/x            -> postgres://[credentials removed]@db/x

Times, dates, durations, versions, message ids, UUIDs, ports, codes and sizes stay as they are. Redacting a redacted
text changes nothing. What each kind looks like, is in `secret_patterns` and `identity_patterns`; the time they take is
linear in the length of the text. A secret that is known (a password of the configuration) is removed wherever it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from diagnostics.identity_patterns import without_identities
from diagnostics.secret_patterns import REMOVED, without_secrets

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Masks personal data in texts and in whole models.

    Secrets (tokens, keys, pairing codes, URL credentials) are always removed. `show_identities` keeps phone numbers,
    JIDs and names; it is for the terminal of the person who runs the suite, not for anything that is stored.

    Attributes:
        show_identities: see above.
        names: configured names that masking would change, and how they are shown; see `for_names`.
        secrets: known secrets, which are removed wherever they are; see `without`.

    >>> Redactor()("sent to +628123456789")
    'sent to +628•••••••89'
    >>> Redactor(show_identities=True)("sent to +628123456789, token=s3cret")
    'sent to +628123456789, token=[removed]'
    """

    show_identities: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    secrets: re.Pattern[str] | None = field(default=None, repr=False)

    def __call__(self, text: str) -> str:
        text = encodable(text)
        if not self.names:
            return self._unnamed(text)
        return self._with_names(text)

    def for_names(self, names: Iterable[str]) -> Redactor:
        """A redactor for texts that contain these names: of sessions, targets and variables.

        A name is never masked as a key. A phone number in it is masked. If two names would look the same afterwards,
        the second one gets a suffix, in the order given.

        >>> r = Redactor().for_names(["628123456789", "628999456789", "628123456789-b"])
        >>> [r(name) for name in ("628123456789", "628999456789", "628123456789-b")]
        ['628•••••••89', '628•••••••89~2', '628•••••••89-b']
        """
        shown: dict[str, str] = {}
        taken: set[str] = set()
        for name in names:
            if name in shown:
                continue
            masked = name if self.show_identities else without_identities(name)
            unique, number = masked, 1
            while unique in taken:
                number += 1
                unique = f"{masked}~{number}"
            taken.add(unique)
            shown[name] = unique
        special = {name: said for name, said in shown.items() if self._unnamed(name) != said}
        return replace(self, names=special)

    def without(self, secrets: Iterable[str]) -> Redactor:
        """A redactor that also removes these secrets, as they are and as programs write them (quoted, escaped).

        What has less than `_SHORTEST` characters is not looked for: it would be found in half of all words.

        >>> Redactor().without(["correct horse"])("the gateway said: correct horse")
        'the gateway said: [removed]'
        """
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _written(secret)}
        if not forms:
            return self
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        return replace(self, secrets=re.compile("|".join(map(_whole, longest_first))))

    def _with_names(self, text: str) -> str:
        """Replace names by placeholders, mask the rest, then replace placeholders by the names as they are shown."""
        kept: list[str] = []

        def keep(match: re.Match[str]) -> str:
            token = match[0]
            name = token if token in self.names else token.rstrip("._+-")
            while name not in self.names and "." in name:  # a store is called after its session: shop.sqlite3
                name = name.rpartition(".")[0]
            if name not in self.names:
                return token
            kept.append(self.names[name])
            return f"{_OPEN}{len(kept) - 1}{_CLOSE}{token[len(name) :]}"

        masked = self._unnamed(_NAME_TOKEN.sub(keep, text.translate(_NEITHER)))
        return _KEPT.sub(lambda match: kept[int(match[1])], masked) if kept else masked

    def _unnamed(self, text: str) -> str:
        if self.secrets is not None:
            text = self.secrets.sub(REMOVED, text)
        if len(text) > _SHORT:
            return _masked(text, self.show_identities)
        return _masked_before(text, self.show_identities)

    def model(self, value: T) -> T:
        """A copy of the data with every string redacted, in nested dataclasses, tuples, lists and mappings, too.

        Meant for a `model.Diagnosis` or a part of one. Enumerations, numbers and times stay as they are.
        """
        return self._walk(value)  # type: ignore[no-any-return]

    def _walk(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, tuple | list):
            return type(value)(self._walk(each) for each in value)
        if isinstance(value, Mapping):
            return {self._walk(key): self._walk(each) for key, each in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: self._walk(getattr(value, f.name)) for f in fields(value) if f.init})
        return value


redact = Redactor()
"""Masks everything; reports, logs and error messages use it."""


def encodable(text: str) -> str:
    r"""The text with lone surrogates as escapes: a file's name need not be UTF-8, and every output is.

    >>> encodable("/srv/b\udcff.db")
    '/srv/b\\udcff.db'
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def printable(text: str, limit: int = 2000) -> str:
    r"""The text as one line that is safe to print: it cannot move the cursor, change colours or reorder text.

    Line breaks, tabs and odd spaces become a space; control characters, invisible and direction-changing ones and
    lone surrogates become their escapes; at most `limit` characters are left.

    >>> printable("ok\x1b[31m\nnext\u202e")
    'ok\\x1b[31m next\\u202e'
    """
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(_visible(character) for character in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")


def _written(secret: str) -> set[str]:
    """The secret as it is, and as it stands in URLs, command lines and JSON (in JSON, too)."""
    once = json.dumps(secret)[1:-1]
    forms = {secret, once, json.dumps(once)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return (
        forms
        | {
            quote(secret, safe=""),
            quote(secret),
            unquote(secret),
            secret.replace("'", "'\"'\"'"),  # as a shell takes it between its own quotes
            repr(secret)[1:-1],
        }
    )


def _whole(form: str) -> str:
    """A pattern for the form that is not part of a longer word."""
    before, after = (r"(?<!\w)" if form[0].isalnum() else ""), (r"(?!\w)" if form[-1].isalnum() else "")
    return f"{before}{re.escape(form)}{after}"


def _masked(text: str, show_identities: bool) -> str:
    for _ in range(5):  # masking can shorten a token and so reveal another one; two rounds were the most that was seen
        before = text
        text = without_secrets(text)
        if not show_identities:
            text = without_identities(text)
        if text == before:
            break
    return text


# A placeholder for a configured name: private-use characters, which `printable` would escape, around a number that is
# too short for a phone number. Such characters are removed from the text first.
_OPEN, _CLOSE = "\ue0a0", "\ue0a1"
_NEITHER = str.maketrans("", "", _OPEN + _CLOSE)
_NAME_TOKEN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._+\-]*+(?!(?::\d{1,5})?@)"
)  # as `config.single.NAME` allows; never the user of a JID
_KEPT = re.compile(f"{_OPEN}([0-9]{{1,6}}){_CLOSE}")

# Remedies and reasons are the same for many sessions, so the results for short texts are cached.
_SHORT = 200
_SHORTEST = 4  # characters of a known secret
_masked_before = lru_cache(maxsize=1024)(_masked)
