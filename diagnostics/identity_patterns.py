"""What identifies a person in a text (phone numbers, JIDs, push names), and the text with it masked.

A phone number is written in many ways: with a plus sign or 00, in the national form with a 0 in front, in groups with
spaces, dots, dashes, slashes or parentheses between them. Amounts, dates, times, versions and addresses have such
digits as well. So a number in groups counts as a phone number only if it begins as one: with +, with 00, with the 0
of a national number, with 62 (Indonesia), or after a word such as "phone".
"""

from __future__ import annotations

import re

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
_BETWEEN = r"[ \u00a0\u2010-\u2015\-./()]{1,3}"  # between two groups of digits
_LABEL = r"""(?: phone | telephone | telefone? | telp | tel | mobile | msisdn | celular | nomor | n[uú]mero | whatsapp
               | (?:no|hp|wa)\b\.? | send[-_]to | recipient | penerima )"""
_PHONE = re.compile(
    rf"""
    (?P<uuid> \b [0-9a-f]{{8}} - (?: [0-9a-f]{{4}}- ){{3}} [0-9a-f]{{12}} \b )
  | (?P<plus> (?<![A-Za-z0-9+]) \+ (?: \d{{8,15}} (?![\d•])
                              | [1-9] (?: [ \u00a0\u2010-\u2015()./\-]{{0,3}} \d ){{7,14}} (?![\d•]) ) )
    # in groups: 0812-3456-7890, (415) 555-0199, 62 812-3456-7890
  | (?P<grouped> (?<![\w•.:+\-]) (?: 0[1-9]\d{{1,3}} {_DASH} \d{{3,4}} {_DASH} \d{{3,5}}
                                   | \(?\d{{3}}\)? {_DASH} \d{{3}} - \d{{4}}
                                   | \d{{1,3}} {_DASH} \d{{2,4}} - \d{{3,4}} - \d{{3,5}} ) (?![\w\-:•]) )
    # national with a 0, international with 00 or with Indonesia's 62: 0812.3450.987, (0812) 3450-987, 62 812 3450 987
  | (?P<national> (?<![\w•.:+/\-]) (?:
          \(0[1-9]\d{{0,4}}\) {_BETWEEN} \d{{2,5}} (?: {_BETWEEN} \d{{2,5}} ){{0,3}}
        | \(?0\)? {_BETWEEN} 8\d{{2}} {_BETWEEN} \d{{3,5}} {_BETWEEN} \d{{2,5}}
        | 0[1-9]\d{{1,7}} {_BETWEEN} \d{{2,8}} (?: {_BETWEEN} \d{{2,5}} ){{0,3}}
        | 0[1-9] (?: [ .\-/] \d\d ){{4}}
        | 0[1-9] [ \-] \d{{4}} [ \-] \d{{4}}
        | 00 (?: {_BETWEEN} )? [1-9]\d{{0,5}} (?: {_BETWEEN} \d{{2,5}} ){{2,4}}
        | \(?62\)? {_BETWEEN} \(?0?\)? \(?[2-9]\d{{1,8}} (?: {_BETWEEN} \d{{2,8}} ){{1,4}}
        | 628\d{{1,8}} (?: {_BETWEEN} \d{{2,8}} ){{1,4}}
      ) (?! \d | [.,:] \d | [\w•] ) )
    # any groups after a word that says what they are
  | (?P<labelled> (?<![A-Za-z]) {_LABEL} \\?["']? (?: \s{{0,2}} [:=#] )? \s{{0,2}} \\?["']? \(? \d
                  (?: [ \u00a0\u2010-\u2015()./\-]{{0,3}} \d ){{7,14}} (?! \d | [.,:] \d | [\w•] ) )
    # a run of digits, alone or after letters that label it (tel628…); not a part of a fraction or a version
  | (?P<bare> (?<![A-Za-z0-9•]) (?<!\d[.,]) (?P<before> [A-Za-z]*+ )
              (?P<digits> \d{{8,15}}+ ) (?![A-Za-z0-9•]) (?! [.,]\d )
              (?! (?-i: \s? (?: bytes? | [kmg]i?b | b | ms | us | µs | ns | seconds? ) \b ) ) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MOST_DIGITS = 15  # of a phone number (E.164)
_LEAST_DIGITS = 9  # of one in groups
_LEAST_LABELLED = 8
_DATE_LENGTH = 10  # characters
_GROUP = re.compile(r"\d+")
_DATE = re.compile(
    r"""(?<!\d) (?: (?:19|20)\d\d ([./\- ]) (?:0?[1-9]|1[0-2]) \1 (?:0?[1-9]|[12]\d|3[01])
                  | (?:0?[1-9]|[12]\d|3[01]) ([./\- ]) (?:0?[1-9]|1[0-2]) \2 (?:19|20)\d\d ) (?!\d)""",
    re.VERBOSE,
)
_AMOUNT = re.compile(r"(?:size|length|bytes|timestamp|duration)\\?[\"']?\s{0,3}[:=]\s{0,3}$", re.IGNORECASE)
_TIME = re.compile(
    r"""1\d{9} | 1\d{12}                                                    # since the epoch in s or ms, until 2033
      | (?:19|20)\d\d (?:0[1-9]|1[0-2]) (?:0[1-9]|[12]\d|3[01])             # 20251122
        (?: (?:[01]\d|2[0-3]) [0-5]\d [0-5]\d )?                            # 20251122170407""",
    re.VERBOSE,
)


def without_identities(text: str) -> str:
    """The text with phone numbers, JIDs and push names masked."""
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
        case "grouped":
            return _in_groups(match[0])
        case "national":
            return _number_in_front(match, _LEAST_DIGITS)
        case "plus" | "labelled":
            return _number_in_front(match, _LEAST_LABELLED)
        case "bare" if not _is_amount(match):
            return match["before"] + _mask_digits(match["digits"])
        case _:
            return match[0]


def _number_in_front(match: re.Match[str], least: int) -> str:
    """Mask the number that the match begins with; what follows after its last possible digit, or is a date, stays."""
    text = match[0]
    date = _DATE.search(match.string, match.start(), match.end() + _DATE_LENGTH)
    end = date.start() - match.start() if date else len(text)
    groups = [group for group in _GROUP.finditer(text) if group.end() <= end]
    while groups and sum(len(group[0]) for group in groups) > _MOST_DIGITS:
        groups.pop()
    if sum(len(group[0]) for group in groups) < least:
        return text
    end = groups[-1].end()
    return _in_groups(text[:end]) + text[end:]


def _in_groups(text: str) -> str:
    masked = iter(_mask_digits("".join(filter(str.isdigit, text))))
    return "".join(next(masked) if each.isdigit() else each for each in text)


def _is_amount(match: re.Match[str]) -> bool:
    """Whether a run of digits is a point in time, or follows a word that makes it an amount."""
    start = match.start()
    return bool(_TIME.fullmatch(match["digits"]) or _AMOUNT.search(match.string, max(0, start - 24), start))


def _mask_digits(digits: str) -> str:
    """Mask all but the first three and the last two characters, or all if fewer than three would be masked."""
    return f"{digits[:3]}{'•' * (len(digits) - 5)}{digits[-2:]}" if len(digits) >= 8 else "•" * len(digits)
