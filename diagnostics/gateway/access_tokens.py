"""Bearer tokens (RFC 6750), each with a scope.

A missing, malformed, doubled or unknown token gets the same answer. Tokens are compared as digests, each with all, so
that the time tells nothing about them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

CHALLENGE = 'Bearer realm="wadiag"'
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")  # RFC 6750, section 2.1
_VALUE = re.compile(r"[A-Za-z0-9._~+/-]+=*")
SHORTEST = 16  # characters: less can be guessed over HTTP


class Scope(IntEnum):
    """What a token may do; each includes those before it."""

    READ = 1  # health, sessions, messages, events, metrics
    SEND = 2  # messages
    ADMIN = 3  # link, unlink, reconnect

    @classmethod
    def named(cls, names: Iterable[str]) -> Scope:
        """The widest of several names ("read", "send", "admin"); ValueError where one is none or none is given."""
        try:
            return max(cls[name.upper()] for name in names)
        except KeyError as error:
            raise ValueError(f"{error} is not a scope") from None


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its name in the configuration. Only a digest of its value is kept, and never shown.

    Attributes:
        variable: of the environment, that held it.
    """

    name: str
    scope: Scope
    digest: bytes = field(repr=False)
    variable: str = ""

    @classmethod
    def of(cls, name: str, value: str, scope: Scope, variable: str = "") -> Token:
        """Raises ValueError, which does not show the value, where it cannot be sent in a header or is too short."""
        if len(value) < SHORTEST:
            raise ValueError(f"is shorter than {SHORTEST} characters")
        if not _VALUE.fullmatch(value):
            raise ValueError("has characters that a bearer token cannot have; valid: letters, digits and . _ ~ + / - =")
        return cls(name, scope, _digest(value.encode("ascii")), variable)


@dataclass(frozen=True, slots=True)
class Tokens:
    """All tokens that are known.

    >>> tokens = Tokens((Token.of("bot", "a-long-enough-value", Scope.SEND),))
    >>> tokens.find([b"Bearer a-long-enough-value"]).name
    'bot'
    >>> tokens.find([b"Bearer a-long-enough-valu"]) is None
    True
    """

    known: Sequence[Token]

    def find(self, headers: Sequence[bytes]) -> Token | None:
        """The token that the `Authorization` headers of a request carry; None unless there is one, and it is known."""
        match = _BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
        presented = _digest(match[1] if match else b"")
        found = None
        for token in self.known:  # all of them, whichever fits
            if hmac.compare_digest(token.digest, presented):
                found = token
        return found if match else None


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
