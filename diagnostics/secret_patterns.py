"""What a secret looks like in a text, and the text without it.

A secret is known by what is said before it (a label such as `token:`, `kata sandi`, `Authorization:`), by its place (in
a URL, in front of an `@host`), or by its own form (a pairing QR, key material, a token with a known prefix).

A label counts if a sign of assignment follows (`:`, `=`, `=>`), a word of one ("is", "adalah", "é"), a quoted value, or
a value that has letters and digits. Words for a state are no secret: "the token is wrong".

Every pattern starts at a token's first character, and its unbounded repetitions are possessive (no backtracking), so
the time is linear in the length of the text, even if an attacker wrote it.
"""

from __future__ import annotations

import re

REMOVED = "[removed]"
_KEY = "[key removed]"
_CREDENTIALS = "[credentials removed]@"

# What a password, a token or a key is called in English, Indonesian, Portuguese and Spanish; \W{0,2} is - or _ or none.
_LABEL = r"""
    (?: (?: proxy-)? authorization | (?<![a-z]) bearer
      | (?: x- )? api [-_ ]? key | (?: secret | private | access | signing | encryption | master ) [-_ ]? key
      | (?: kunci | chave | clave ) [-_ ]? (?: d[ae][-_ ] )?+
        (?: rahasia | privad[ao] | secret[ao] | api | akses )
      | token (?: [-_ ] (?: akses | de[-_ ]acesso | de[-_ ]acceso ) )?+ | secret | credential s?+
      | pass (?: word | wd | phrase | code )
      | (?<![a-z]) pwd (?! ["']? \s? [:=] \s? ["']? (?: /[a-z] | ~ | [a-z]:\\ ) )  # not a working directory
      | (?: kata [-_ ]? )? sandi | senha | contrase(?:ñ|n)a | palavra-passe | mot[ ]de[ ]passe | passwort
      | (?<![a-z]) (?: otp | pin ) (?= \W{1,4} [0-9] )
      | (?: pair | link | verification | (?: one[- ]time | login | security ) [-_ ] ) (?:ing)?+ [-_ ]? code
      | (?: kode | c[oó]digo ) [-_ ] (?: (?: de | do ) [-_ ] )?+ (?: pairing | penautan | tautan | verifikasi | otp
          | pareamento | vincula[cç][aã]o | vinculaci[oó]n | emparejamiento | verifica[cç][aã]o | verificaci[oó]n
          | acesso | acceso ) )
"""
# Words that say how a secret is, after "is". A participle (expired, missing, empfangen) is one by its ending.
_STATE = r"""
    (?: not | no | in | on | of | for | from | to | too | the | an? | as | at | by | with | if | and | or | but
      | only | also | still | already | now | never | always | just | probably | maybe | so | again | here | there
      | wrong | ok | okay | good | bad | fine | empty | null | none | nil | true | false | correct | incorrect
      | set | unset | sent | kept | read | held | lost | gone | given | hidden | shown | written | forgotten | stolen
      | taken | chosen | broken | known | unknown | valid | invalid | absent | present | different | current
      | short | long | old | new | secret | secure | weak | strong | optional | mandatory | safe | right | left | up
      | down | being | been | was | were | has | had | what | where | who | one | your | our | its | their | this | that
      | salah | kosong | benar | hilang | ada | tidak | belum | sudah | kedaluwarsa
      | errada | incorreta | incorrecta | vazia | correta | correcta | obrigat[oó]ria | nula | muito | muy | n[aã]o
      | inv[aá]lida | necess[aá]ria
      | [a-z]{1,24} (?: ed | ing | ible | able | ly | less | ida | ada ) )
"""
_JID_SERVER = r"(?: s\.whatsapp\.net | [cg]\.us | lid | hosted(?:\.lid)? | newsletter | broadcast | bot | call | msgr )"
_HOST = r"""
    (?: \[? [A-Za-z0-9.\-:]{1,255}+ (?<=[^:]) \]? | [A-Za-z0-9.\-]{1,255} ) : \d{1,5} (?!\d)
  | localhost \b | (?: \d{1,3}\. ){3} \d | [A-Za-z0-9\-]{1,63} (?: \.[A-Za-z0-9\-]{1,63} ){0,8} \.[A-Za-z]{2,}
"""
# A value that follows its label after a space: letters and digits, or a code in two halves; no version, date or URL.
_MIXED = r"""
    (?= (?: [A-Z0-9]{4}-[A-Z0-9]{4} | [^\s"'0-9]{0,40}+ [0-9] [^\s"']{0,40}+ ) (?![^\s"'.,;)]) )
    (?= [^\s]{0,40}? [A-Za-z] ) (?= [^\s]{6} )
    (?! [^\s]{0,40}? [=:/(] | v?[0-9]+\.[0-9] | [0-9]{4}-[0-9]{2} )
"""
_SECRETS = re.compile(
    rf"""
    # a pairing code: as a link, or bare (ref,noise,identity,adv[,platform])
    (?P<qr> wa\.me/settings/linked_devices\# [^\s"'<>]*+
          | (?<![A-Za-z0-9]) \d@ [A-Za-z0-9+/=_.\-]++ , [A-Za-z0-9+/=_,\-]++
          | (?<![^\s"'<>=(]) [^\s"',<>=(]++ (?: ,[A-Za-z0-9+/]{{43}}= ){{3}} (?: ,\d{{1,3}} )?+ )
  | (?P<pem> -----BEGIN\ [A-Z ]{{0,40}}PRIVATE\ KEY----- (?: [^-]++ | -(?!----END) )*+
             (?: -----END\ [A-Z ]{{0,40}}----- )?+ )
    # cookies, to the end of the line
  | (?P<cookie> \b(?:set-)?cookie ["']? \s{{0,3}} : ) [^\r\n]++
  | (?P<cookie_value> (?<![a-z0-9]) (?: jsessionid | phpsessid | connect\.sid | csrf-?token ) = ) [^\s"',;&<>]++
    # a phrase has several words
  | (?P<phrase> (?<![a-z]) (?: pass | seed [-_ ] ) phrase \s{{0,3}} [:=] \s{{0,3}} )
    (?! \[removed\] | [\s"'] ) [^\r\n"']++
    # values labelled as token, key, password or pairing code; a value ends with its quote, or at the end of the word
  | (?P<label> {_LABEL} (?: \\{{0,4}} ["'] )?+
               (?: \s{{0,3}} (?: => | := | [:=] ) \s{{0,3}}
                 | (?<!token) \s{{1,3}} (?= \\{{0,4}} ["'] [^\s"'\\] )  # a token in quotes is its name
                 | (?: \s{{1,3}} (?: is | was | are | adalah | ialah | yaitu | é | es | foi | era ) )
                   (?: \s{{0,3}} : )?+ \s{{1,3}} (?! {_STATE} (?![^\s.,;:!?)"']) )
                 | \s{{1,3}} {_MIXED} ) )
    (?: (?P<quote> \\{{0,4}} ["'] ) )?+
    (?! \[removed\] | [\s"'] )
    (?: (?: bearer | basic | digest | token ) \s{{1,3}} )?+
    (?: (?<=\\") [^"\\\r\n]*+ | (?<=\\') [^'\\\r\n]*+
      | (?<!\\) (?<=") (?: [^"\\\r\n] | \\[^\r\n] )*+ | (?<!\\) (?<=') (?: [^'\\\r\n] | \\[^\r\n] )*+
      | [({{\[]*+ [^\s"',;&<>(){{}}\[\]]++
        # on after a separator, unless that ends the value: at a space, a quote, or the name of another value
        (?: [,;&(){{}}\[\]<>]++ (?! [\w.\-]{{1,40}}+ \\{{0,4}}["']?+ [:=] ) [^\s"',;&<>(){{}}\[\]\\]++ )*+ )
    # options and parts of a URL
  | (?P<option> (?<![^\s"'`(]) (?: --(?:{_LABEL}) (?: -(?!env)[a-z]+ )?+ | -u | --user | --proxy-user ) [ =] )
    (?! \[removed\] | -- ) (?= (?<!-u[ =]) (?<!user[ =]) | [^\s:]{{1,60}}: ) [^\s"'`]++
  | (?P<query> [?&] (?: key | sig | signature | auth | code | pass | pw | hash | access | _auth_pass | _auth_user ) = )
    (?! \[removed\] ) [^\s"'&<>]++
  | (?P<passvalue> (?<![A-Za-z]) pass \\{{0,4}} (?: = | ["'] \s{{0,3}} : ) \s{{0,3}} \\{{0,4}} ["']?+ )
    (?! \[removed\] ) [^\s"'\\,;&}}]++
  | (?P<bearer> \bbearer \s{{1,3}} ) (?! [a-z]{{1,16}} (?![^\s.,;:)]) ) [A-Za-z0-9._~+/=\-]{{6,}}+
  | (?P<basic> \bbasic \s{{1,3}} ) (?! [A-Z]?[a-z]{{1,24}} (?![^\s.,;:)]) ) [A-Za-z0-9+/]{{8,}}+ ={{0,2}}
  | (?P<credentials> (?<=://) (?! \[credentials )
        (?: [^\s/"'<>]* @ | [^\s/:@"'<>]* : (?! \d{{1,5}} (?: [/?\#] | (?!\S) ) ) [^\s"<>]{{0,200}} @ )
      | (?<=[a-z]:/) (?![/\[]) [^\s/:@"'<>]++ : [^\s/@"<>]*+ @ )
    # key material: a JSON web token, tokens with a known prefix, bytes as a programmer prints them, hex with colons
  | (?P<key> \beyJ [A-Za-z0-9_\-]{{8,}}+ \. [A-Za-z0-9_\-]{{8,}}+ \. [A-Za-z0-9_\-]*+
           | (?<![A-Za-z0-9]) (?: gh[opsur]_ | github_pat_ | glpat- | xox[abprs]- | hf_
                                | [spr]k[-_](?:live|test|proj)[-_] ) [A-Za-z0-9_\-]{{12,}}+
           | (?<![A-Za-z0-9]) (?-i: A[KS]IA [A-Z0-9]{{16}} | AIza [A-Za-z0-9_\-]{{30,}} | EAA [A-Za-z0-9]{{24,}}+ )
           | (?: \\ (?: x[0-9a-f]{{2}} | [0-7]{{3}} ) [^\\\s"']{{0,8}} ){{6,}}+
           | (?<![0-9a-f:]) (?: [0-9a-f]{{2}}: ){{15,}}+ [0-9a-f]{{2}} ) [A-Za-z0-9+/=_\-]*+
    # hex or base64, if it looks random
  | (?P<run> (?<![A-Za-z0-9+/_•\-]) [A-Za-z0-9+/_\-]{{32,}}+ ={{0,2}} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A user and a password before a host, without a scheme; a path may stand before it.
_USERINFO = re.compile(
    rf"""
    (?<![^\s"'`(<=,;/]) (?! \[ ) [^\s:/@"'`<>()=,;]++ : (?! // | \d{{1,5}} / ) [^\s@"'`<>()]{{1,200}}+ @
    (?! {_JID_SERVER} \b ) (?= {_HOST} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A code for a phone, in two halves, after a word that says so in the same line.
_CODE = re.compile(
    r"""(?P<before> (?i: (?<![a-z_]) (?: code | kode | c[oó]digo | pairing | enter | masukkan | digite ) )
                    [^\r\n]{0,30}? (?<![\w\-]) )
        (?= [0-9\-]* [A-Z] ) [0-9A-Z]{4} [\ \-]? [0-9A-Z]{4} (?![\w\-])""",
    re.VERBOSE,
)


def without_secrets(text: str) -> str:
    """The text with a placeholder for each secret."""
    return _USERINFO.sub(_CREDENTIALS, _SECRETS.sub(_secret, _CODE.sub(_code, text)))


def _code(match: re.Match[str]) -> str:
    found = match[0][len(match["before"]) :]
    halves = "-" in found or re.search(r"[0-9]", found)  # two capital words ("HTTP CODE") are no code
    return f"{match['before']}{REMOVED}" if halves else match[0]


def _secret(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "qr":
            return "[pairing QR removed]"
        case "cookie":
            return f"{match['cookie']} {REMOVED}"
        case "label" | "quote":
            return f"{match['label']}{match['quote'] or ''}{REMOVED}"
        case "cookie_value" | "phrase" | "option" | "query" | "passvalue" | "bearer" | "basic" as name:
            return f"{match[name]}{REMOVED}"
        case "credentials":
            return _CREDENTIALS
        case "run" if not _is_base64_key(match["run"]):
            return _HEX.sub(_hex_key, match["run"])
        case _:
            return _KEY


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
