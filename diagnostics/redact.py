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
text changes nothing. Every pattern starts at a token's first character, and its unbounded repetitions are possessive
(no backtracking), so the time is linear in the length of the text, even if an attacker wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Masks personal data in texts and in whole models.

    Secrets (tokens, keys, pairing codes, URL credentials) are always removed. `show_identities` keeps phone numbers,
    JIDs and names; it is for the terminal of the person who runs the suite, not for anything that is stored.

    Attributes:
        show_identities: see above.
        names: configured names that masking would change, and how they are shown; see `for_names`.

    >>> Redactor()("sent to +628123456789")
    'sent to +628•••••••89'
    >>> Redactor(show_identities=True)("sent to +628123456789, token=s3cret")
    'sent to +628123456789, token=[removed]'
    """

    show_identities: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

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
            masked = name if self.show_identities else _without_identities(name)
            unique, number = masked, 1
            while unique in taken:
                number += 1
                unique = f"{masked}~{number}"
            taken.add(unique)
            shown[name] = unique
        special = {name: said for name, said in shown.items() if self._unnamed(name) != said}
        return replace(self, names=special)

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


def _masked(text: str, show_identities: bool) -> str:
    for _ in range(5):  # masking can shorten a token and so reveal another one; two rounds were the most that was seen
        before = text
        text = _without_secrets(text)
        if not show_identities:
            text = _without_identities(text)
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
_masked_before = lru_cache(maxsize=1024)(_masked)


# Secrets

_SECRETS = re.compile(
    r"""
    # a pairing code: as a link, or bare (ref,noise,identity,adv[,platform])
    (?P<qr> wa\.me/settings/linked_devices\# [^\s"'<>]*+
          | (?<![A-Za-z0-9]) \d@ [A-Za-z0-9+/=_.\-]++ , [A-Za-z0-9+/=_,\-]++
          | (?<![^\s"'<>=(]) [^\s"',<>=(]++ (?: ,[A-Za-z0-9+/]{43}= ){3} (?: ,\d{1,3} )?+ )
    # cookies, to the end of the line
  | (?P<cookie> \b(?:set-)?cookie ["']? \s{0,3} : ) [^\r\n]++
    # values labelled as token, key, password or pairing code; a value ends with its quote, or at the end of the word
  | (?P<label> (?: authorization | api[-_ ]?key | secret[-_]?key | private[-_]?key | token | secret | passw(?:or)?d
                 | (?:pair|link)(?:ing)?[-_ ]?code )
               \\?["']? \s{0,3} (?: => | [:=] ) \s{0,3} )
    (?P<quote> \\?["'] )?+
    (?! \[removed\] | [\s"'] )
    (?: (?: bearer | basic | digest | token ) \s{1,3} )?+
    (?: (?<=["']) [^"'\r\n]*+ | [({\[]*+ [^\s"',;&<>(){}\[\]]++ )
  | (?P<bearer> \bbearer \s{1,3} ) (?! [a-z]{1,16} (?![^\s.,;:)]) ) [A-Za-z0-9._~+/=\-]{6,}+
  | (?<=://) (?P<credentials> [^\s/"'<>]* @ )
    # key material: a JSON web token, bytes as a programmer prints them, hex with colons
  | (?P<key> \beyJ [A-Za-z0-9_\-]{8,}+ \. [A-Za-z0-9_\-]{8,}+ \. [A-Za-z0-9_\-]*+
           | (?: \\ (?: x[0-9a-f]{2} | [0-7]{3} ) [^\\\s"']{0,8} ){6,}+
           | (?<![0-9a-f:]) (?: [0-9a-f]{2}: ){15,}+ [0-9a-f]{2} ) [A-Za-z0-9+/=_\-]*+
    # hex or base64, if it looks random
  | (?P<run> (?<![A-Za-z0-9+/_•\-]) [A-Za-z0-9+/_\-]{32,}+ ={0,2} )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _without_secrets(text: str) -> str:
    return _SECRETS.sub(_secret, text)


def _secret(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "qr":
            return "[pairing QR removed]"
        case "cookie":
            return f"{match['cookie']} [removed]"
        case "label" | "quote":
            return f"{match['label']}{match['quote'] or ''}[removed]"
        case "bearer":
            return f"{match['bearer']}[removed]"
        case "credentials":
            return "[credentials removed]@"
        case "run" if not _is_base64_key(match["run"]):
            return _HEX.sub(_hex_key, match["run"])
        case _:
            return _KEY


_KEY = "[key removed]"
_HEX = re.compile(r"(?<![A-Za-z0-9])[0-9a-fA-F]{32,}+(?![A-Za-z0-9])")
_DIGIT = re.compile(r"[0-9]")
_CHANGES = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]")


def _is_base64_key(run: str) -> bool:
    """Whether a run of characters of the base64 alphabets is key material, and not a path, a name or an id.

    A run of 40 characters or more is a key if it is padded, or if it has digits and neighbouring characters often
    differ in kind (upper case, lower case, digit). At random two of three pairs differ, in paths and names one of four.
    """
    body = run.rstrip("=")
    if len(run) < 40 or sum(map(str.isalnum, body)) < 36:
        return False
    random = _DIGIT.search(body) is not None and len(_CHANGES.findall(body)) >= 0.3 * len(body)
    return random or len(run) > len(body)


def _hex_key(match: re.Match[str]) -> str:
    """Hex is a key from 32 characters on, except 32 in upper case (a message id) and digits only."""
    digits = match[0]
    is_id = len(digits) == 32 and digits == digits.upper()
    return digits if is_id or digits.isdecimal() else _KEY


# Identities

_NAME = re.compile(
    r"""(?P<label> (?: push[-_ ]?name | verified[-_ ]?name | notify[-_ ]?name ) \\?["']? \s{0,3} [:=] \s{0,3}
                 | \bnotify= (?=["']) )
        (?: (?P<quote> \\?["'] ) (?P<quoted> [^"'\\\r\n]++ )
          | (?P<bare> [^\s"',;)}\]]++ (?: [ ] [^\s"',;:=)}\]]++ (?![:=]) )*+ ) )""",
    re.VERBOSE | re.IGNORECASE,
)

_JID = re.compile(
    r"""(?<![\w.+•\-]) (?P<user> [\w.+•\-]++ ) (?P<device> (?: :\d{1,5} )?+ )
        (?P<server> @(?: s\.whatsapp\.net | c\.us | g\.us | lid | hosted(?:\.lid)? | newsletter | broadcast | bot
                       | call | msgr ) ) (?![\w•\-])""",
    re.VERBOSE | re.IGNORECASE,
)
_NO_PERSON = {"0", "status", "server"}

_DASH = r"[ \u00a0\u2010-\u2015\-]"
_PHONE = re.compile(
    rf"""
    (?P<uuid> \b [0-9a-f]{{8}} - (?: [0-9a-f]{{4}}- ){{3}} [0-9a-f]{{12}} \b )
  | (?P<plus> (?<![A-Za-z0-9+]) \+ (?: \d{{8,15}} (?![\d•])
                              | [1-9] (?: [ \u00a0\u2010-\u2015().\-]{{0,2}} \d ){{7,14}} (?![\d•]) ) )
    # in groups: 0812-3456-7890, (415) 555-0199, 62 812-3456-7890
  | (?P<grouped> (?<![\w•.:+\-]) (?: 0\d{{2,4}} {_DASH} \d{{3,4}} {_DASH} \d{{3,5}}
                                   | \(?\d{{3}}\)? {_DASH} \d{{3}} - \d{{4}}
                                   | \d{{1,3}} {_DASH} \d{{2,4}} - \d{{3,4}} - \d{{3,5}} ) (?![\w\-:•]) )
    # a run of digits, alone or after letters that label it (tel628…); not a part of a fraction or a version
  | (?P<bare> (?<![A-Za-z0-9•]) (?<!\d[.,]) (?P<before> [A-Za-z]*+ )
              (?P<digits> \d{{8,15}}+ ) (?![A-Za-z0-9•]) (?! [.,]\d )
              (?! \s? (?: bytes? | [kmg]i?b | b | ms | us | µs | ns | seconds? ) \b ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_AMOUNT = re.compile(r"(?:size|length|bytes|timestamp|duration)\\?[\"']?\s{0,3}[:=]\s{0,3}$", re.IGNORECASE)
_TIME = re.compile(
    r"""1\d{9} | 1\d{12}                                                    # since the epoch in s or ms, until 2033
      | (?:19|20)\d\d (?:0[1-9]|1[0-2]) (?:0[1-9]|[12]\d|3[01])             # 20251122
        (?: (?:[01]\d|2[0-3]) [0-5]\d [0-5]\d )?                            # 20251122170407""",
    re.VERBOSE,
)


def _without_identities(text: str) -> str:
    text = _NAME.sub(_named, text)
    text = _JID.sub(_jid, text)
    return _PHONE.sub(_phone, text)


def _named(match: re.Match[str]) -> str:
    return f"{match['label']}{match['quote'] or ''}{_mask_name(match['quoted'] or match['bare'])}"


def _mask_name(name: str) -> str:
    return name[:1] + "•••" if name else ""


def _jid(match: re.Match[str]) -> str:
    user = match["user"]
    masked = user if user.lower() in _NO_PERSON else _mask_digits(user)
    return f"{masked}{match['device']}{match['server']}"


def _phone(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "plus" | "grouped":
            masked = iter(_mask_digits("".join(filter(str.isdigit, match[0]))))
            return "".join(next(masked) if each.isdigit() else each for each in match[0])
        case "bare" if not _is_amount(match):
            return match["before"] + _mask_digits(match["digits"])
        case _:
            return match[0]


def _is_amount(match: re.Match[str]) -> bool:
    """Whether a run of digits is a point in time, or follows a word that makes it an amount."""
    start = match.start()
    return bool(_TIME.fullmatch(match["digits"]) or _AMOUNT.search(match.string, max(0, start - 24), start))


def _mask_digits(digits: str) -> str:
    """Mask all but the first three and the last two characters, or all if fewer than three would be masked."""
    return f"{digits[:3]}{'•' * (len(digits) - 5)}{digits[-2:]}" if len(digits) >= 8 else "•" * len(digits)
